"""A core with a few agents and queues, driven by switch events: shared by the tests of the ACD."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from acd import decisions as d
from acd import model
from acd.model import Agent, Configuration, Limits, Profile, QueueRules
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from tests.fakes.clock import START_AT

SALES, HELP = QueueName("sales"), QueueName("help")
ANNA, BEN, CHEN = AgentId("anna"), AgentId("ben"), AgentId("chen")
PHONES = {ANNA: Endpoint("1001"), BEN: Endpoint("1002"), CHEN: Endpoint("1003w")}
D = TypeVar("D")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def other_phone(phone: Endpoint) -> Endpoint:
    """Everybody has a desk phone and a browser phone."""
    return Endpoint(phone.removesuffix("w") if phone.endswith("w") else f"{phone}w")


def rules(name: QueueName = SALES, **changes: object) -> QueueRules:
    values: dict[str, object] = {"wrap_up_time": seconds(0), "gap_time": seconds(0), **changes}
    return QueueRules(name, **values)  # type: ignore[arg-type]  # any subset of the rules


def configuration(*queues: QueueRules, agents: int = 3, reasons: str = "lunch") -> Configuration:
    """Anna and Ben with desk phones, Chen with a browser phone; all serve all queues."""
    known = queues or (rules(),)
    names = frozenset(queue.name for queue in known)
    return Configuration(
        queues={queue.name: queue for queue in known},
        profiles={
            agent: Profile(agent, names, (phone, other_phone(phone)))
            for agent, phone in list(PHONES.items())[:agents]
        },
        reasons=frozenset(reasons.split()),
        limits=Limits(),
    )


class World:
    """The core and a switch that does what the test says."""

    def __init__(self, config: Configuration | None = None) -> None:
        self.config = config or configuration()
        self.state = model.empty(self.config)
        self.now: datetime = START_AT
        self.wakes: list[d.Wake] = []
        self.log: list[d.Decision] = []
        self.last: tuple[d.Decision, ...] = ()
        self._legs = 0
        self._leg: dict[CallId, LegId] = {}
        self.step(d.Linked(()))

    def step(self, event: d.Input) -> tuple[d.Decision, ...]:
        self.state, self.last = model.step(self.config, self.state, event, self.now)
        self.wakes += [x for x in self.last if isinstance(x, d.Wake)]
        self.log += self.last
        return self.last

    def wait(self, by: timedelta | float) -> None:
        """Let time pass; the wakes that come due are answered, each at its instant."""
        end = self.now + (by if isinstance(by, timedelta) else seconds(by))
        while due := sorted(
            (w for w in self.wakes if w.at <= end), key=lambda w: (w.at, str(w.subject))
        ):
            self.wakes.remove(due[0])
            self.now = max(self.now, due[0].at)
            self.step(d.Due(due[0].subject))
        self.now = end

    # ---- agents --------------------------------------------------------------------------------

    def seat(self, *agents: AgentId) -> None:
        """Sign in, with an idle phone, and ready; each a second after the other."""
        for agent in agents:
            self.step(d.SignIn(agent, PHONES[agent]))
            self.phone(agent, "idle")
            self.step(d.SayReady(agent))
            self.wait(1)

    def phone(self, agent: AgentId, state: str) -> None:
        self.step(ev.PhoneStateChanged(at=self.now, endpoint=PHONES[agent], state=state))

    def agent(self, agent: AgentId) -> Agent:
        return self.state.agents[agent]

    def shows(self, agent: AgentId) -> str:
        """State and reason in one word."""
        found = self.agent(agent)
        return found.state.name + (f":{found.reason}" if found.reason else "")

    # ---- callers -------------------------------------------------------------------------------

    def enqueue(
        self, name: str, queue: QueueName = SALES, credit: float = 0, waited: float = 0
    ) -> CallId:
        call_id = CallId(name)
        self.step(
            ev.CallEnqueued(
                at=self.now,
                call_id=call_id,
                queue=queue,
                enqueued_at=self.now - seconds(waited),
                credit_time=seconds(credit),
            )
        )
        return call_id

    def requeue(self, call_id: CallId) -> None:
        entry = self.state.entries[call_id]
        self.step(
            ev.CallEnqueued(
                at=self.now,
                call_id=call_id,
                queue=entry.queue,
                enqueued_at=entry.enqueued_at,
                credit_time=entry.credit_time,
            )
        )

    def dial(self, call_id: CallId, agent: AgentId) -> LegId:
        self._legs += 1
        self._leg[call_id] = leg_id = LegId(f"leg-{self._legs}")
        self.step(
            ev.LegDialled(at=self.now, call_id=call_id, leg_id=leg_id, endpoint=PHONES[agent])
        )
        return leg_id

    def answer(self, call_id: CallId, agent: AgentId) -> LegId:
        """Dial and connect."""
        leg_id = self.dial(call_id, agent)
        self.step(
            ev.CallConnected(at=self.now, call_id=call_id, leg_id=leg_id, endpoint=PHONES[agent])
        )
        return leg_id

    def leg_ended(
        self, call_id: CallId, agent: AgentId, leg_id: LegId | None = None, cause: int = 16
    ) -> None:
        self.step(
            ev.LegEnded(
                at=self.now,
                call_id=call_id,
                leg_id=leg_id or self._leg[call_id],
                endpoint=PHONES[agent],
                cause=cause,
            )
        )

    def refuse(self, call_id: CallId, agent: AgentId, result: str = "no_answer") -> None:
        """The phone doesn't take the call, and the caller waits on."""
        self.step(
            ev.CallNotAnswered(at=self.now, call_id=call_id, endpoint=PHONES[agent], result=result)
        )
        self.requeue(call_id)

    def end(self, call_id: CallId) -> None:
        self.step(ev.CallEnded(at=self.now, call_id=call_id, cause=16, ended_by="caller"))

    def lose(self, call_id: CallId, agent: AgentId) -> None:
        self.step(ev.AgentLegLost(at=self.now, call_id=call_id, endpoint=PHONES[agent]))

    # ---- what came out -------------------------------------------------------------------------

    def made(self, kind: type[D]) -> list[D]:
        """All decisions of a kind so far."""
        return [x for x in self.log if isinstance(x, kind)]

    def published(self, kind: type[D]) -> list[D]:
        """All events of a kind published so far."""
        events = [x.event for x in self.log if isinstance(x, d.Publish)]
        return [x for x in events if isinstance(x, kind)]

    def groups(self) -> list[tuple[str, list[str]]]:
        """Caller and agents of each group so far."""
        return [
            (g.offers[0].call_id, [x.agent_id for x in g.offers]) for g in self.made(d.ReserveAll)
        ]

    def pairs(self) -> list[tuple[str, str]]:
        """Caller and agent of each reservation so far."""
        return [(r.call_id, r.agent_id) for r in self.made(d.Reserve)]
