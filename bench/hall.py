"""A hall of simulated agents for the queues' figures: the same callers, phones and Asterisk, routed by us or by ``Queue()``.

The company has only what the figures need: people who all serve all of its queues, and a number without a menu for each
queue. The peer is the same Asterisk without the service: a caller is recorded as ours are and then waits in the ``Queue()``
that is configured for the fallback (``rrmemory``, ``autofill``, ``retry=1``), with the same phones as its members.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.flow import Tally
from bench.processes import CpuTime, cpu_time
from bench.product import asterisk_pid, recording, service_pid
from bench.report import Spoilt
from bench.sip_trace import SipMessage, messages
from cti.builtin import is_simulated
from cti.company import Company, Flow, Node, Number, Person, Queue
from sip_sim.farm import SimAgent, agents, callers, phones
from sip_sim.sipp import Load, Outcome, Party
from tests.asterisk.ami_probe import AmiProbe
from tests.asterisk.live import Live
from tests.until import until

_FIRST_EXTENSION, _FIRST_NUMBER, _FIRST_PEER = 30_001, 71_000, 72_000
_NAMES = {"RdWait", "PeerWait"}


@dataclass(frozen=True, slots=True)
class Talk:
    """How phones behave: they answer at once and hang up after ``least``, or a time drawn from there to ``most``."""

    least: timedelta
    most: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run's witnesses."""

    calls: int
    outcome: Outcome
    joined: Mapping[str, datetime]
    """When each caller, named by his number, joined the line: Asterisk's own timestamp."""
    phones: tuple[SipMessage, ...]
    """What the phones saw on the wire."""
    rang: Mapping[str, datetime]
    """When a phone first said 180 for a caller: Asterisk's own timestamp."""
    service: CpuTime
    asterisk: CpuTime
    ami_bytes: int
    """Events as Asterisk wrote them to one session of the service's account."""

    def ring_ms(self) -> list[float]:
        """From join to ring, each caller that rang."""
        return [
            (at - self.joined[who]) / timedelta(milliseconds=1)
            for who, at in self.rang.items()
            if who in self.joined
        ]


def company(people: int, queues: Sequence[Queue]) -> Company:
    """People ``hall1`` and up, who all serve all queues; the number of queue ``i`` is ``number(i)``."""
    return Company(
        name="Hall",
        people=tuple(
            Person(
                login=f"hall{i + 1}",
                name=f"Agent {i + 1}",
                staff_number=f"hall-{i + 1}",
                extension=str(_FIRST_EXTENSION + i),
                queues=tuple(queue.name for queue in queues),
            )
            for i in range(people)
        ),
        queues=tuple(queues),
        flows=tuple(
            Flow(
                name=f"to_{queue.name}",
                start="wait",
                nodes=(Node(name="wait", kind="queue", queue=queue.name),),
            )
            for queue in queues
        ),
        numbers=tuple(
            Number(dnis=number(i), flow=f"to_{queue.name}") for i, queue in enumerate(queues)
        ),
        default_flow=f"to_{queues[0].name}",
    )


def queue(name: str, gap_time: timedelta = timedelta(0)) -> Queue:
    """A queue without wrap-up and announcements."""
    return Queue(
        name=name,
        label={"en": name},
        wrap_up_time=timedelta(0),
        gap_time=gap_time,
        announce_every=timedelta(0),
    )


def number(index: int) -> str:
    """What callers of a queue dial."""
    return str(_FIRST_NUMBER + index)


async def ours(
    product: Live, talk: Talk, load: Load, queues: Sequence[int], *, settle_s: float = 120
) -> Run:
    """Callers of these queues, in turn, routed by the service; ends when all recordings are done."""
    start = await product.last()
    service, tally = service_pid(product), Tally(product.settings.database_file, start)
    async with agents(
        product.place,
        _people(product),
        answer_after=timedelta(0),
        talk=talk.least,
        talk_most=talk.most,
        tone=None,
        trace=True,
    ) as farm:
        run = await _run(product, farm.phones, [number(i) for i in queues], load, service)
    await until(lambda: tally.look().ended >= run.outcome.succeeded, settle_s)
    await until(
        lambda: not tally.look().backlog, settle_s
    )  # the encoder must not work beside the next run
    return run


async def peer(product: Live, talk: Talk, load: Load, queues: Sequence[int]) -> Run:
    """The same callers and phones, routed by ``Queue()``; the service is stopped meanwhile."""
    people, names = _people(product), [product.company.queues[i].name for i in queues]
    await product.stop()
    await _dialplan(product, queues)
    async with (
        phones(
            product.place,
            people,
            answer_after=timedelta(0),
            talk=talk.least,
            talk_most=talk.most,
            tone=None,
            trace=True,
        ) as running,
        _members(product, people, names),
    ):
        run = await _run(product, running, [_peer_number(i) for i in queues], load, None)
    await product.start()
    return run


async def _run(
    product: Live, running: Party, numbers: Sequence[str], load: Load, service: int | None
) -> Run:
    asterisk = asterisk_pid(product.pbx)
    nobody = CpuTime(0.0, 0.0)
    fields = [
        (f"8613900{n:06}", f"Simulated caller {n}", numbers[n % len(numbers)])
        for n in range(load.calls)
    ]
    async with AmiProbe.connected(product.pbx) as probe:
        before = cpu_time(service) if service is not None else nobody
        asterisk_before = cpu_time(asterisk)
        async with callers(
            product.place, "[field2]", load, menu_time=timedelta(0), fields=fields
        ) as calling:
            limit = timedelta(seconds=120 + 4 * load.calls / load.per_second)
            outcome = await calling.finish(limit)
        used = cpu_time(service).since(before) if service is not None else nobody
        joined, rang = _witnessed(probe)
        return Run(
            calls=load.calls,
            outcome=outcome,
            joined=joined,
            phones=tuple(messages(running.outcome().messages)),
            rang=rang,
            service=used,
            asterisk=cpu_time(asterisk).since(asterisk_before),
            ami_bytes=sum(probe.event_bytes),
        )


def _witnessed(probe: AmiProbe) -> tuple[dict[str, datetime], dict[str, datetime]]:
    joined: dict[str, datetime] = {}
    rang: dict[str, datetime] = {}
    for event in probe.events:
        who = event.get("CallerIDNum", "")
        if event.get("UserEvent") in _NAMES:
            joined.setdefault(who, _at(event["Timestamp"]))
        elif event.get("DialStatus", "").upper() == "RINGING" and who in joined:
            rang.setdefault(who, _at(event["Timestamp"]))
    if not rang:
        raise Spoilt("no phone rang")
    return joined, rang


def _at(seconds: str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


async def _dialplan(product: Live, queues: Sequence[int]) -> None:
    record = recording(product)
    for index in queues:
        line, name = _peer_number(index), product.company.queues[index].name
        for place in (
            f"{line},1,Answer into rd-trunk",
            f'{line},2,"Goto(rd-peer,{line},1)" into rd-trunk',
            f'{line},1,"UserEvent(PeerWait)" into rd-peer',
            f'{line},2,"{record}" into rd-peer',
            f'{line},3,"Queue(rd_{name})" into rd-peer',
            f"{line},4,Hangup into rd-peer",
        ):
            await product.pbx.rx(f"dialplan add extension {place} replace")


@asynccontextmanager
async def _members(
    product: Live, people: Sequence[SimAgent], queues: Sequence[str]
) -> AsyncIterator[None]:
    seats = [(f"rd_{name}", f"PJSIP/{person.endpoint}") for name in queues for person in people]
    async with AmiProbe.connected(product.pbx) as probe:
        for line, phone in seats:
            # The service was stopped before the last sign-outs reached its mirror, perhaps.
            await probe.send("QueueRemove", Queue=line, Interface=phone)
            answer = await probe.send("QueueAdd", Queue=line, Interface=phone, Paused="false")
            if answer["Response"] != "Success":
                raise Spoilt(f"a member could not be added: {answer.get('Message')}")
    yield
    async with AmiProbe.connected(product.pbx) as probe:
        for line, phone in seats:
            await probe.send("QueueRemove", Queue=line, Interface=phone)


def _peer_number(index: int) -> str:
    return str(_FIRST_PEER + index)


def _people(product: Live) -> list[SimAgent]:
    logins = [person.login for person in product.company.people]
    return [product.agent(login) for login in logins if not is_simulated(login)]
