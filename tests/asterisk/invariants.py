"""What must be true during and after every fault, with Asterisk's own list of channels as the witness.

* An agent who talks or rings has a channel, or a timer that the journal names; one who doesn't has none.
* No phone has two callers, no caller two phones that talk with him.
* The journal has no gap, its hash chain verifies, and each call in it has one end and one ticket.
* Each recording is on its call's ticket, or it is flagged.

``Watch`` looks on while something happens: a contradiction may last as long as Asterisk's next event is on its way,
not longer than ``PATIENCE``.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId
from cti.storage.journal import SqlJournal
from tests.asterisk.fault_table import Row
from tests.asterisk.scene import Scene
from tests.until import until

PATIENCE = 8.0
"""Seconds. The promise is 5; a slow machine's own delays come on top."""
SHORT_TIME = timedelta(seconds=2)
_PHONE = re.compile(r"PJSIP/(\d+w?)-[0-9a-f]+")
_BUSY = ("TALKING", "RINGING")


@dataclass
class AgentLog:
    """Every agent's newest state by the journal, read on from where the last look ended."""

    states: dict[AgentId, ev.AgentStateChanged] = field(default_factory=dict)
    _after: int = 0

    async def read(self, stage: Scene) -> None:
        """Take what was journalled since."""
        last = await stage.product.last()
        for event in await stage.product.since(self._after):
            if isinstance(event, ev.AgentStateChanged):
                self.states[event.agent_id] = event
        self._after = last


async def contradictions(stage: Scene, log: AgentLog) -> dict[str, str]:
    """Who is in a state that Asterisk's channels contradict, and how, at this moment."""
    await log.read(stage)
    text = await stage.product.pbx.rx("core show channels concise")
    rows = [line.split("!") for line in text.splitlines() if line.count("!") >= 13]
    phones: dict[str, list[str]] = {}  # by endpoint: the bridge of each of its channels
    callers = {row[12] for row in rows if row[12] and row[0].startswith("PJSIP/trunk_demo")}
    for row in rows:
        if found := _PHONE.match(row[0]):
            phones.setdefault(found[1], []).append(row[12])
    wrong: dict[str, str] = {}
    for agent_id, state in log.states.items():
        channels = phones.get(state.endpoint or "", [])
        if state.state in _BUSY and not channels:
            wrong[agent_id] = f"{state.state} without a channel"
        if state.state not in _BUSY and any(bridge in callers for bridge in channels if bridge):
            wrong[agent_id] = f"{state.state} while he talks with a caller"
        if sum(bridge in callers for bridge in channels if bridge) > 1:
            wrong[agent_id] = "talks with two callers"
    talking = [e for e in log.states.values() if e.state == "TALKING" and e.kind != "consult"]
    held = Counter(e.call_id for e in talking if e.call_id)  # who is consulted shares the call
    for call_id, count in held.items():
        if count > 1:
            wrong[call_id] = f"{count} agents talk with one caller"
    return wrong


async def until_consistent(stage: Scene, row: Row | None = None) -> None:
    """Wait until no agent's state is contradicted; fails, and counts the stuck, after ``PATIENCE``."""
    log = AgentLog()
    wrong: dict[str, str] = {}

    async def well() -> bool:
        nonlocal wrong
        wrong = await contradictions(stage, log)
        return not wrong

    try:
        await until(well, PATIENCE)
    except TimeoutError:
        if row is not None:
            row.stuck += len(wrong)
        raise AssertionError(f"{wrong}\n{stage.product.log_text()}") from None


@contextlib.asynccontextmanager
async def watched(stage: Scene, row: Row) -> AsyncIterator[None]:
    """No contradiction lasts longer than ``PATIENCE`` while the block runs."""
    log, since, lasting = AgentLog(), dict[str, float](), dict[str, str]()

    async def watch() -> None:
        while True:
            now, wrong = time.monotonic(), await contradictions(stage, log)
            for who in [w for w in since if w not in wrong]:
                del since[who]
            for who, how in wrong.items():
                if now - since.setdefault(who, now) > PATIENCE:
                    lasting[who] = how
            await asyncio.sleep(0.25)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    row.stuck += len(lasting)
    assert not lasting, f"{lasting}\n{stage.product.log_text()}"


async def until_accounted(
    stage: Scene, calls: Sequence[CallId], row: Row, *, within: float = 40
) -> list[ev.Event]:
    """Wait until each of these calls has its end, its ticket and its recording (or a flag); returns the journal.

    Fails, and counts each as a gap, where one is missing, told twice, or the journal's chain is broken.
    """
    gaps: list[str] = []
    facts: list[ev.Event] = []

    async def complete() -> bool:
        nonlocal gaps, facts
        facts = await stage.product.since()
        gaps = _gaps(facts, calls)
        return not gaps

    with contextlib.suppress(TimeoutError):
        await until(complete, within)
    broken = await SqlJournal(stage.product.database).verify()
    if broken is not None:
        gaps.append(f"the chain is broken at {broken}")
    row.gaps += len(gaps)
    if gaps:
        first = gaps[0].split()[0]
        story = "\n".join(str(e) for e in facts if getattr(e, "call_id", "") == first)
        raise AssertionError(f"{gaps}\n{story}\n{stage.product.log_text()}")
    return facts


def _gaps(facts: Sequence[ev.Event], calls: Sequence[CallId]) -> list[str]:
    wanted, gaps = set(calls), list[str]()
    begun: dict[CallId, datetime] = {}
    lasted: dict[CallId, timedelta] = {}
    count: dict[type[ev.Event], Counter[CallId]] = {}
    for event in facts:
        if isinstance(event, ev.CallEvent) and event.call_id in wanted:
            count.setdefault(type(event), Counter())[event.call_id] += 1
            if isinstance(event, ev.CallConnected):
                begun.setdefault(event.call_id, event.at)
            if isinstance(event, ev.CallEnded) and event.call_id in begun:
                lasted[event.call_id] = event.at - begun[event.call_id]

    def of(kind: type[ev.Event], call_id: CallId) -> int:
        return count.get(kind, Counter())[call_id]

    for call_id in calls:
        was_known = of(ev.CallConnected, call_id) or of(ev.CallAbandoned, call_id)
        # Of a moment's conversation there may be nothing on the disk, and nothing to flag.
        was_talk = lasted.get(call_id, timedelta(0)) > SHORT_TIME
        if of(ev.CallEnded, call_id) != 1:
            gaps.append(f"{call_id} has {of(ev.CallEnded, call_id)} ends")
        if of(ev.TicketOpened, call_id) != bool(was_known):
            gaps.append(f"{call_id} has {of(ev.TicketOpened, call_id)} tickets")
        is_kept = of(ev.RecordingAttached, call_id) or of(ev.RecordingFailed, call_id)
        if was_talk and not is_kept:
            gaps.append(f"{call_id} has no recording and no flag")
        if of(ev.RecordingAttached, call_id) > 1:
            gaps.append(f"{call_id} has its recording twice")
    return gaps
