"""What every installation has besides its own company: a number, a queue and agents for simulators.

``ringdesk selftest`` and ``ringdesk simulate`` place real calls through the running system. So that they never
touch the company's own queues and people, they have a number (``99000``), a flow, a queue and agents (``99001`` and up) of
their own. The accounts are inactive until a simulator opens them for its run, with a password
that it makes up (``sip_sim``), and callers from outside can't reach the number: only phones and trunks on loopback can.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from cti.company import Company, Flow, Node, Number, Person, Queue

SIM_NUMBER = "99000"
SIM_QUEUE = "selftest"
SIM_FLOW = "selftest"
_FIRST_EXTENSION = 99001


def sim_login(index: int) -> str:
    """The login of the simulated agent ``index`` (from 0)."""
    return f"sim{index + 1}"


def sim_extension(index: int) -> str:
    """The extension of the simulated agent ``index`` (from 0)."""
    return str(_FIRST_EXTENSION + index)


def is_simulated(login: str) -> bool:
    """Whether an account belongs to the simulators."""
    return login.startswith("sim") and login[3:].isdigit()


def with_simulators(company: Company, agents: int) -> Company:
    """Add the simulators' part to a company.

    Raises:
        pydantic.ValidationError: the company uses these names itself.
    """
    people = tuple(
        Person(
            login=sim_login(i),
            name=f"Simulated agent {i + 1}",
            staff_number=f"sim-{i + 1}",
            extension=sim_extension(i),
            team="simulators",
            queues=(SIM_QUEUE,),
        )
        for i in range(agents)
    )
    queue = Queue(
        name=SIM_QUEUE,
        label={"en": "Self-test", "zh": "自检"},
        wrap_up_time=timedelta(0),
        gap_time=timedelta(0),
        announce_every=timedelta(0),
    )
    flow = Flow(
        name=SIM_FLOW,
        start="menu",
        nodes=(
            Node(
                name="menu",
                kind="menu",
                label="Self-test",
                text={"en": "This is the self test. Press one.", "zh": "这是自检，请按一。"},
                keys={"1": "wait"},
                no_match="wait",
            ),
            Node(name="wait", kind="queue", queue=SIM_QUEUE),
        ),
    )
    return Company.model_validate(
        company.model_dump()
        | {
            "people": [*company.people, *people],
            "queues": [*company.queues, queue],
            "flows": [*company.flows, flow],
            "numbers": [
                *company.numbers,
                Number(dnis=SIM_NUMBER, flow=SIM_FLOW, label="Self-test"),
            ],
        }
    )


def complete_like(company: Company) -> tuple[Company, Callable[[Company], Company]]:
    """A company without the simulators' part, and what gives another one the same part."""
    if all(flow.name != SIM_FLOW for flow in company.flows):
        return company, lambda other: other
    agents = sum(is_simulated(person.login) for person in company.people)
    base = Company.model_validate(
        company.model_dump()
        | {
            "people": [p for p in company.people if not is_simulated(p.login)],
            "queues": [q for q in company.queues if q.name != SIM_QUEUE],
            "flows": [f for f in company.flows if f.name != SIM_FLOW],
            "numbers": [n for n in company.numbers if n.dnis != SIM_NUMBER],
        }
    )
    return base, lambda other: with_simulators(other, agents)
