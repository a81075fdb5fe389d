"""Races: a caller hangs up within milliseconds of something that happens to his call; many callers at a time.

A ``Plan`` is made from its seed alone: which window, who commands, at which instant of it, how many milliseconds off. A
``Lane`` is a small centre of its own (a number, a queue, two agents at wire phones); lanes run side by side and share
nothing but the switch, so that a race is the same in whichever lane it is run.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cti.company import Company, Flow, Node, Number, Person, Queue
from sip_sim.desktop import DesktopRefused, HeadlessDesktop
from tests.asterisk.scene import Scene
from tests.asterisk.wire_phone import Line, WirePhone, wire_phone
from tests.until import until

WINDOWS: dict[str, tuple[str, ...]] = {
    # the instants of a window; those of a phone's own doing can be missed on either side
    "ring": ("reserved", "invited", "ringing"),
    "answer": ("talking", "confirmed", "shown"),
    "transfer": ("asked", "target invited", "target ringing", "target talking"),
    "merge": ("asked", "done"),
}
CLOSE, WIDE = 0.005, 0.080
"""Seconds around the instant; and, for every third race, how much later, where the service has its part to do."""
_LEAD = 0.02  # seconds from planning to asking
_DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done in one race."""

    seed: int
    window: str
    by: str
    """Who transfers or joins: ``page``, ``phone``; ``queue``: the phone, and the second call is one to a queue."""
    instant: str
    offset: float
    """Seconds from the instant to the hang-up."""

    @classmethod
    def of(cls, seed: int) -> Plan:
        """The race of a seed."""
        chance = random.Random(f"race {seed}")
        window = list(WINDOWS)[seed % len(WINDOWS)]
        by = chance.choice(("page", "phone", "queue") if window == "merge" else ("page", "phone"))
        instant = chance.choice(WINDOWS[window])
        is_close = chance.random() < 2 / 3
        offset = chance.uniform(-CLOSE, CLOSE) if is_close else chance.uniform(0, WIDE)
        return cls(seed, window, by, instant, offset)


def race_company(lanes: int) -> Company:
    """So many lanes, each with a queue for its callers and one for who is consulted."""
    people, queues, flows, numbers = [], [], [], []
    for i in range(lanes):
        for person, (part, queue) in enumerate((("first", f"line{i}"), ("second", f"other{i}"))):
            number = str(2 * i + person + 1)
            people.append(
                Person(
                    login=f"{part}{i}", name=f"{part} {i}", staff_number=number,
                    extension=str(1100 + 2 * i + person), queues=(queue,),
                )
            )  # fmt: skip
            queues.append(
                Queue(
                    name=queue, label={"en": queue}, extension=str(2100 + 2 * i + person),
                    wrap_up_time=timedelta(0), gap_time=timedelta(0), announce_every=timedelta(0),
                )
            )  # fmt: skip
        node = Node(name="wait", kind="queue", queue=f"line{i}")
        flows.append(Flow(name=f"flow{i}", start="wait", nodes=(node,)))
        numbers.append(Number(dnis=dnis(i), flow=f"flow{i}"))
    return Company(
        name="Races", people=tuple(people), queues=tuple(queues), flows=tuple(flows),
        numbers=tuple(numbers), default_flow="flow0",
    )  # fmt: skip


def dnis(lane: int) -> str:
    """What the callers of a lane dial."""
    return str(4000 + lane)


@dataclass
class Seat:
    """An agent: a phone on the wire and a desktop."""

    phone: WirePhone
    desktop: HeadlessDesktop
    extension: str

    @property
    def is_ringing(self) -> bool:
        """Whether the phone is rung by anybody."""
        return any(line.state in ("invited", "ringing") for line in self.phone.lines)

    @property
    def is_over(self) -> bool:
        """Whether no call is left on the phone."""
        return all(line.state == "over" for line in self.phone.lines)

    def rang_on(self, gone: float) -> list[float]:
        """For how many seconds each call rang on from an instant, or later; of calls that are over."""
        rings = [one.since for one in self.phone.lines if "invited" in one.since]
        ends = [(r["invited"], r.get("talking", r["over"])) for r in rings]
        return [end - max(began, gone) for began, end in ends if end > gone]

    def hang_up_all(self) -> None:
        """Hang up whatever is there."""
        for line in self.phone.lines:
            self.phone.hang_up(line)

    async def until_ready(self) -> None:
        """Wait until the agent can take the next call, and forget the calls that were."""
        await self.desktop.until(lambda d: d.state == "READY", _DEADLINE)
        self.phone.lines.clear()
        self.phone.told = lambda moment, line: None


@dataclass
class Lane:
    """A caller at a time, and the two agents whom he may reach."""

    stage: Scene
    number: int
    first: Seat
    second: Seat
    caller: str = ""
    """The number of the last one."""
    refusals: list[str] = field(default_factory=list)
    """Why commands were refused that came too late."""
    longest_ring: float = 0.0
    """Seconds that a phone rang on after its caller had gone, at most."""

    async def race(self, plan: Plan) -> str:
        """Run one race to its end; returns the caller's number."""
        own = self.caller = self.stage.number()
        async with wire_phone(self.stage.product.place.sip, own) as caller:
            line = caller.call(dnis(self.number))
            await _Race(self, plan, caller, line).run()
            await until(lambda: line.is_released, _DEADLINE)
            gone = time.monotonic()
            await until(lambda: not self.first.is_ringing and not self.second.is_ringing, _DEADLINE)
        if plan.window == "merge" or (plan.window, plan.by) == ("transfer", "phone"):
            # The two agents may talk on; and to a phone whose transfer came to nothing Asterisk itself says
            # no BYE for a minute. Whoever asked hangs up.
            self.first.hang_up_all()
        await until(lambda: self.first.is_over and self.second.is_over, _DEADLINE)
        rang = self.first.rang_on(gone) + self.second.rang_on(gone)
        self.longest_ring = max([self.longest_ring, *rang])
        await self.first.until_ready()
        await self.second.until_ready()
        return own


class _Race:
    """One caller's way to the instant at which he goes."""

    def __init__(self, lane: Lane, plan: Plan, caller: WirePhone, line: Line) -> None:
        self.lane, self.plan = lane, plan
        self.caller, self.line = caller, line
        self.loop = asyncio.get_running_loop()
        self.has_gone = asyncio.Event()

    async def run(self) -> None:
        """Returns when he has hung up, and when whoever asked for something has an answer."""
        instant, first = self.plan.instant, self.lane.first
        if instant in ("reserved", "shown"):
            await self._when_shown("RESERVED" if instant == "reserved" else "TALKING")
        elif self.plan.window in ("ring", "answer"):
            first.phone.told = self._watching(first.phone, instant)
        else:
            await self._talk()
            await (self._transfer() if self.plan.window == "transfer" else self._merge())
        async with asyncio.timeout(_DEADLINE):
            await self.has_gone.wait()

    async def _when_shown(self, state: str) -> None:
        desktop = self.lane.first.desktop
        seen = len(desktop.states)
        await desktop.until(lambda d: state in [s for _, s in d.states[seen:]], _DEADLINE)
        self._goes_in(self.plan.offset)

    def _watching(self, phone: WirePhone, instant: str) -> Callable[[str, Line], None]:
        """Hang up around an instant of the phone's next call; the phone's own doings are known beforehand."""
        ahead = {
            "ringing": phone.rings_after.total_seconds(),
            "talking": (phone.rings_after + phone.answers_after).total_seconds(),
        }

        def told(moment: str, _: Line) -> None:
            if moment == "invited" and instant in ahead:
                self._goes_in(ahead[instant] + self.plan.offset)
            elif moment == instant:
                self._goes_in(self.plan.offset)

        return told

    def _goes_in(self, seconds: float) -> None:
        self.loop.call_later(max(0.0, seconds), self._go)

    def _go(self) -> None:
        self.caller.hang_up(self.line)
        self.has_gone.set()

    # ---- what agents do meanwhile --------------------------------------------------------------

    async def _talk(self) -> None:
        first = self.lane.first
        await first.desktop.until(lambda d: d.call and d.call["state"] == "talking", _DEADLINE)
        await until(lambda: any(one.state == "talking" for one in first.phone.lines), _DEADLINE)

    async def _transfer(self) -> None:
        first, second = self.lane.first, self.lane.second
        if self.plan.instant != "asked":
            wanted = self.plan.instant.removeprefix("target ")
            second.phone.told = self._watching(second.phone, wanted)
        if self.plan.by == "phone":
            line = self._talking()
            work = self._by_phone(line, lambda: first.phone.transfer(line, second.extension))
        else:
            work = self._command("call.transfer", target=_agent(second.extension))
        await self._ask(work)

    async def _merge(self) -> None:
        first, second = self.lane.first, self.lane.second
        if self.plan.by == "page":
            await self._give("call.consult", target=_agent(second.extension))
            await first.desktop.until(_is_consulting, _DEADLINE)
            await self._ask(self._command("call.complete"))
            return
        held = self._talking()
        first.phone.hold(held)
        await first.desktop.until(lambda d: d.call and d.call["state"] == "on_hold", _DEADLINE)
        queue = str(2101 + 2 * self.lane.number)
        asked = first.phone.call(queue if self.plan.by == "queue" else second.extension)
        await until(lambda: asked.state == "talking", _DEADLINE)
        await second.desktop.until(lambda d: d.state == "TALKING", _DEADLINE)
        await self._ask(self._by_phone(held, lambda: first.phone.join(held, asked)))

    async def _ask(self, work: AsyncIterator[None]) -> None:
        """Ask in a moment; the caller goes around the question, or around its answer."""
        if self.plan.instant == "asked":
            self._goes_in(_LEAD + self.plan.offset)
        await asyncio.sleep(_LEAD)  # the race is the test
        async for _ in work:
            pass
        if self.plan.instant == "done":
            self._goes_in(self.plan.offset)

    async def _by_phone(self, line: Line, ask: Callable[[], None]) -> AsyncIterator[None]:
        """The phone's own keys; over when the phone is told what became of it."""
        if line.state == "talking":
            ask()
        yield
        await until(lambda: line.state == "over" or line.transfer_status >= 200, _DEADLINE)

    async def _command(self, name: str, **arguments: object) -> AsyncIterator[None]:
        """The page's command; one that came too late is refused in words."""
        yield
        try:
            await self._give(name, **arguments)
        except DesktopRefused as refused:
            if not self.has_gone.is_set():
                raise AssertionError("refused though the caller is there") from refused
            self.lane.refusals.append(str(refused).split(":")[1].strip())

    async def _give(self, name: str, **arguments: object) -> None:
        desktop = self.lane.first.desktop
        assert desktop.call is not None
        await desktop.command(name, call_id=desktop.call["call_id"], **arguments)

    def _talking(self) -> Line:
        return next(one for one in self.lane.first.phone.lines if one.state == "talking")


def _agent(extension: str) -> dict[str, str]:
    return {"kind": "agent", "value": extension}


def _is_consulting(desktop: HeadlessDesktop) -> bool:
    call = desktop.call or {}
    return bool(call.get("consult") and call["consult"]["state"] == "talking")


@contextlib.asynccontextmanager
async def seated(stage: Scene, login: str) -> AsyncIterator[Seat]:
    """An agent with his phone registered; signed in, and ready."""
    agent = stage.product.agent(login)
    async with (
        wire_phone(stage.product.place.sip, agent.endpoint, agent.secret) as phone,
        stage.desktop(login) as desktop,
    ):
        await desktop.command("agent.sign_in", phone="desk")
        await desktop.until(lambda d: d.sections["phone"]["state"] == "idle", _DEADLINE)
        await desktop.command("agent.ready")
        yield Seat(phone, desktop, agent.endpoint)
        with contextlib.suppress(ConnectionError):  # the service was killed meanwhile
            await desktop.command("agent.sign_out")


@contextlib.asynccontextmanager
async def lanes(stage: Scene, count: int) -> AsyncIterator[list[Lane]]:
    """So many lanes with their phones registered and their agents ready."""
    async with contextlib.AsyncExitStack() as stack:

        async def sit(login: str) -> Seat:
            return await stack.enter_async_context(seated(stage, login))

        yield [
            Lane(stage, i, await sit(f"first{i}"), await sit(f"second{i}")) for i in range(count)
        ]


async def run_races(
    at: Sequence[Lane], seeds: Sequence[int]
) -> tuple[dict[str, Plan], dict[Plan, str]]:
    """Run the races of these seeds, as many at a time as there are lanes.

    Returns the plan of each caller's number, and what went wrong in the races that failed.
    """
    waiting = [Plan.of(seed) for seed in reversed(seeds)]
    done: dict[str, Plan] = {}
    wrong: dict[Plan, str] = {}

    async def work(lane: Lane) -> None:
        while waiting:
            plan = waiting.pop()
            try:
                done[await lane.race(plan)] = plan
            except (TimeoutError, AssertionError) as exc:
                wrong[plan] = f"{exc!r} {exc.__cause__ or ''} {await _look(lane)}"
                await _sweep(lane)

    await asyncio.gather(*(work(lane) for lane in at))
    return done, wrong


async def _look(lane: Lane) -> str:
    """How things stand, and what the journal holds of the call."""
    ids = await lane.stage.call_ids(0, [lane.caller])
    story = [str(e) for call_id in ids.values() for e in await lane.stage.facts(call_id)]
    seats = (lane.first, lane.second)
    return "\n".join([_stand(seats), *story])


def _stand(seats: Sequence[Seat]) -> str:
    return "; ".join(
        f"{s.extension} {s.desktop.state} {s.desktop.call and s.desktop.call['state']} "
        f"{[(line.state, line.transfer_status) for line in s.phone.lines]}"
        for s in seats
    )


async def _sweep(lane: Lane) -> None:
    """After a race that failed: the lane's phones hang up, so that the next one begins with free agents."""
    for seat in (lane.first, lane.second):
        seat.hang_up_all()
    with contextlib.suppress(TimeoutError):
        await lane.first.until_ready()
        await lane.second.until_ready()
