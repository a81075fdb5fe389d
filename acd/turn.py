"""One step of the core: a working copy of the state, and the decisions made on the way.

``Turn`` makes a draft of a part of the state when it is first written to, keeps the indices (lines, busy and free agents) in
step with agents and entries, and notices what others must be told: a changed agent is published, a
changed seat is mirrored. Whoever moves an agent or a caller does so through it. For the matcher it notes who became
free and whose line changed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from acd.decisions import Decision, FiguresChanged, Mirror, Publish, Wake
from acd.facts import (
    NO_CALL,
    Agent,
    Claim,
    Configuration,
    Line,
    Owed,
    Phase,
    Place,
    QueueEntry,
    State,
)
from acd.rules import Slot
from acd.seats import left_behind, mirror_of, seat_of
from acd.standing import stand
from acd.states import BUSY, AgentState, Trigger, next_state
from acd.tables import Draft, Ordered
from acd.tally import counted
from acd.telling import changed, looks_different
from cti.domain.events import Event, ReservationReleased
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName

_IN_USE = frozenset({"ringing", "in_use", "on_hold"})
_NO_CLAIM = Claim()
_NOT_OVER: dict[str, Any] = {"late_at": None, "overrun_at": None, "extended": 0}
"""What a state doesn't take over from the one before."""
_NO_CALL = dict(NO_CALL)  # unpacked at each move, which a plain dictionary does in one go
_EMPTY: Ordered[Place] = Ordered()


class Turn:
    """A step in progress."""

    def __init__(self, configuration: Configuration, state: State, now: datetime) -> None:
        self.configuration = configuration
        self.limits = configuration.limits
        self.now = max(now, state.now)  # time only goes forward
        self.state = state
        self.decisions: list[Decision] = []
        self.freed: dict[AgentId, None] = {}  # in this step, in this order
        self.arrived: dict[Slot | AgentId, None] = {}  # lines in which somebody is new
        self.moved: dict[AgentId, None] = {}  # may be free, busy or away now and weren't before
        self.shares: dict[QueueName, int] = {}  # agents whom callbacks may still have, by queue
        self.parted: dict[CallId, None] = {}  # calls that some agent is no longer busy with
        self._parts: dict[str, Any] = vars(state).copy()
        self._drafts: dict[str, Draft[Any, Any]] = {}
        self.part: Callable[[str], Any] = self._parts.__getitem__
        """A field of the state as it is at this point of the step."""
        self._touched: set[QueueName] = set()
        self._was_idle: dict[AgentId, datetime | None] = {}  # whose place among the idle is due

    def finish(self) -> tuple[State, tuple[Decision, ...]]:
        """The new state and what is to be done."""
        self.idle()
        if self._touched:
            self.decisions.append(FiguresChanged(frozenset(self._touched)))
        parts = self._parts
        for name, draft in self._drafts.items():
            parts[name] = draft.done()
        parts["now"] = self.now
        return replace(self.state, **parts), tuple(self.decisions)

    # ---- reading -------------------------------------------------------------------------------

    def agent(self, agent_id: AgentId | None) -> Agent | None:
        """An agent by id."""
        found: Agent | None = self.part("agents").get(agent_id)
        return found

    def agent_at(self, endpoint: Endpoint) -> Agent | None:
        """The agent whose phone this is, if he is signed in, with whichever of his phones."""
        agent = self.sitter(endpoint) or self.agent(self.configuration.owners.get(endpoint))
        return agent if agent is not None and agent.state is not AgentState.LOGGED_OUT else None

    def sitter(self, endpoint: Endpoint) -> Agent | None:
        """Who sits at a shared phone; none: nobody, or it is none."""
        is_shared = endpoint in self.configuration.hot_desks
        agents = self.part("agents").values() if is_shared else ()
        return next((agent for agent in agents if agent.endpoint == endpoint), None)

    def agents_in(self, call_id: CallId) -> list[Agent]:
        """All agents who are busy with a call, or on whose phone it waits."""
        agents = self.part("agents")
        return [agents[agent_id] for agent_id in self.part("busy").get(call_id, ())]

    def entry(self, call_id: CallId | None) -> QueueEntry | None:
        """A queue's caller."""
        found: QueueEntry | None = self.part("entries").get(call_id)
        return found

    def agent_of(self, entry: QueueEntry) -> Agent | None:
        """The agent who is busy with this caller."""
        agent = self.agent(entry.agent_id)
        is_his = agent is not None and agent.state in BUSY and agent.call_id == entry.call_id
        return agent if is_his else None

    def phone(self, endpoint: Endpoint | None) -> str:
        """What Asterisk says of a phone."""
        state: str = self.part("phones").get(endpoint, "unknown")
        return state

    def claim(self, call_id: CallId) -> Claim:
        """What is known of a caller."""
        found: Claim = self.part("claims").get(call_id, _NO_CLAIM)
        return found

    def is_free(self, agent: Agent) -> bool:
        """Whether an agent may be offered a call now."""
        return agent.agent_id in self.part("free")

    def has_phone_in_use(self, agent: Agent) -> bool:
        """Whether Asterisk says that any of his phones is in a call."""
        return any(self.phone(phone) in _IN_USE for phone in agent.phones)

    # ---- writing -------------------------------------------------------------------------------

    def set(self, **changes: Any) -> None:
        """Replace fields of the state."""
        self._parts.update(changes)
        for name in changes.keys() & self._drafts.keys():
            del self._drafts[name]  # all of the table is new

    def put_phone(self, endpoint: Endpoint, state: str) -> None:
        """Note what Asterisk says of a phone."""
        self.own("phones")[endpoint] = state
        agent = self.agent_at(endpoint)
        if agent is not None:
            self.weigh(agent)

    def put_agent(self, agent: Agent) -> Agent:
        """Take a changed agent; publishes and mirrors what changed."""
        agent_id = agent.agent_id
        agents = self.own("agents")
        old: Agent | None = agents.get(agent_id)
        agents[agent_id] = agent
        before, calls = old.calls if old is not None else (), agent.calls
        if before != calls:
            self._index_calls(agent_id, before, calls)
        if old is None or looks_different(old, agent):
            self.publish(changed(self.now, old, agent))
            self._touched.update(agent.profile.queues)
            self._mirror(old, agent)
        self.weigh(agent)
        if agent.deadline_at is not None and (old is None or old.deadline_at != agent.deadline_at):
            self.wake(agent.deadline_at, agent.agent_id)
        if agent.late_at is not None and (old is None or old.late_at != agent.late_at):
            self.wake(agent.late_at, agent.agent_id)
        return agent

    def move(self, agent: Agent, trigger: Trigger, **changes: Any) -> Agent:
        """Move an agent through the table, with whatever else changes at the same time.

        Raises:
            IllegalTransition: the table doesn't know this trigger in his state.
        """
        state = next_state(agent.state, trigger)
        if agent.state is AgentState.WRAP_UP and state in BUSY:
            agent = self.move(agent, Trigger.RELEASE)  # so that everybody is told that it ended
        if state in (AgentState.READY, AgentState.NOT_READY, AgentState.LOGGED_OUT):
            if state is AgentState.READY and agent.state not in BUSY - {AgentState.TALKING}:
                # Who was reserved or rung in vain keeps his turn.
                changes.setdefault("idle_since_at", self.now)
            changes = {**_NO_CALL, "next_state": None, "next_reason": "", "owed": None, **changes}
        values: dict[str, Any] = {"reason": "", "by": "system", **_NOT_OVER, **changes}
        if state is AgentState.LOGGED_OUT:
            values.update(endpoint=None, outside_number="")  # nobody sits anywhere then
        elif state is AgentState.NOT_READY:
            values.update(self._break(agent, values["reason"]))
        if state is not agent.state or values["reason"] != agent.reason:
            values["since_at"] = self.now
            values.setdefault("tally", counted(agent.tally, agent.state, self.now))
        return self.put_agent(replace(agent, state=state, **values))

    def put_entry(self, entry: QueueEntry, *, is_new: bool = False) -> QueueEntry:
        """Take a new or changed entry; keeps the lines in order. Who waits stands as the rules now say.

        ``is_new``: something was learnt of him; else he is new in the line if he didn't wait before.
        """
        old = self.entry(entry.call_id)
        if entry.phase is Phase.WAITING:
            is_new = is_new or old is None or old.phase is not Phase.WAITING
            entry = stand(self, entry, self.claim(entry.call_id), is_new=is_new)
        elif entry.look_at is not None:
            entry = replace(entry, look_at=None)
        self._look_again(entry.call_id, old.look_at if old is not None else None, entry.look_at)
        self.own("entries")[entry.call_id] = entry
        place = entry.place
        before = old.place if old is not None else place
        was_in = old.queue if old is not None and old.phase is not Phase.CONNECTED else None
        is_in = entry.queue if entry.phase is not Phase.CONNECTED else None
        self._relist("lines", was_in, before, is_in, place)
        if (was_in, before) != (is_in, place):
            self._touched.update(queue for queue in (was_in, is_in) if queue is not None)
        if entry.phase is Phase.WAITING and entry.queue in self.configuration.overflowing:
            self.own("unjudged").setdefault(entry.call_id, False)
        slot, wants = entry.slot, entry.waits_for
        if slot is not None and slot not in self.part("waiting"):
            self.configuration.able(slot)  # from now on it is known which agents have to look here
        old_slot = old.slot if old is not None else None
        old_wants = old.waits_for if old is not None else None
        is_news = self._relist("waiting", old_slot, before, slot, place)
        is_news = self._relist("wanted", old_wants, before, wants, place) or is_news
        if is_news or (old is not None and old.blocked_until_at != entry.blocked_until_at):
            self.arrived.update((key, None) for key in (slot, wants) if key is not None)
        return entry

    def look(self) -> None:
        """Callers whom time alone lets stand otherwise by now: all of them, in whichever order they are woken."""
        while (looks := self.part("looks")) and looks.first[0] <= self.now:
            entry = self.entry(looks.first[1])
            if entry is not None:
                self.put_entry(entry)

    def drop_entry(self, entry: QueueEntry) -> None:
        """Forget a caller who is gone."""
        entry = self.part("entries")[entry.call_id]
        self._look_again(entry.call_id, entry.look_at, None)
        place = entry.place
        if entry.phase is not Phase.CONNECTED:
            self._relist("lines", entry.queue, place, None, place)
            self._touched.add(entry.queue)
        self._relist("waiting", entry.slot, place, None, place)
        self._relist("wanted", entry.waits_for, place, None, place)
        del self.own("entries")[entry.call_id]

    def put_claim(self, call_id: CallId, claim: Claim | None) -> None:
        """Note what is known of a caller; None: forget it. Who waits stands accordingly at once."""
        if claim is None:
            if call_id in self.part("claims"):
                del self.own("claims")[call_id]
            return
        self.own("claims")[call_id] = claim
        entry = self.entry(call_id)
        if entry is not None and entry.phase is Phase.WAITING:
            self.put_entry(entry, is_new=True)

    def publish(self, event: Event) -> None:
        """Tell the others."""
        self.decisions.append(Publish(event))

    def decide(self, decision: Decision) -> None:
        """Ask the service to do something."""
        self.decisions.append(decision)

    def wake(self, at: datetime, subject: AgentId | CallId | None) -> None:
        """Have this subject looked at again."""
        self.decisions.append(Wake(at, subject))

    # ---- what follows a caller -----------------------------------------------------------------

    def rest(self, agent: Agent, penalty: str = "", **changes: Any) -> Agent:
        """Let a busy agent go: to his next call, the rest he asked for, the penalty, his notes, or READY."""
        if agent.lines:
            return self._next_line(agent, penalty)
        owed = agent.owed
        is_unnamed = owed is not None and self.must_name(owed.call_id, owed.kind, owed.queue)
        if owed is not None and is_unnamed and agent.next_state is not AgentState.LOGGED_OUT:
            if penalty and agent.next_state is None:
                agent = replace(agent, next_state=AgentState.NOT_READY, next_reason=penalty)
            return self._wrap_up(agent, owed, is_unnamed=True, **changes)
        if agent.next_state is AgentState.LOGGED_OUT:
            return self.move(agent, Trigger.SIGN_OUT, by="agent", **changes)
        if agent.next_state is AgentState.NOT_READY:
            reason = agent.next_reason
            return self.move(agent, Trigger.PAUSE, reason=reason, by="agent", **changes)
        if penalty:
            return self.move(agent, Trigger.PAUSE, reason=penalty, **changes)
        is_due = owed is not None and (owed.until_at is None or self.now < owed.until_at)
        if owed is not None and is_due and agent.next_state is None:
            return self._wrap_up(agent, owed, **changes)
        return self.move(agent, Trigger.RELEASE, **changes)

    def end_talk(self, agent: Agent) -> Agent:
        """The conversation is over: wrap-up, unless the agent asked for something else."""
        available_at = self.now + self.configuration.rules(agent.queue).gap_time
        owed = self.wrap_up_of(agent.call_id, agent.kind, agent.queue)
        if owed is not None and (agent.next_state is None or self._is_unnamed(owed)):
            agent = self.owing(agent, owed)
        return self.rest(agent, available_at=available_at)

    def wrap_up_of(self, call_id: CallId | None, kind: str, queue: QueueName | None) -> Owed | None:
        """The wrap-up that begins now, after a call of this kind; None: none."""
        time = self.configuration.wrap_up(kind, queue)
        if call_id is None or (time == timedelta(0) and not self.must_name(call_id, kind, queue)):
            return None
        return Owed(call_id, queue, kind, None if time is None else self.now + time)

    def must_name(self, call_id: CallId | None, kind: str, queue: QueueName | None) -> bool:
        """Whether the outcome of a call is missing without which its agent may not go on (``outcomes.py``)."""
        if queue is None or kind not in ("queue", "transfer"):
            return False
        must_name = self.configuration.rules(queue).must_name_outcome
        return must_name and self.part("outcomes").get(call_id) is False

    def owing(self, agent: Agent, owed: Owed) -> Agent:
        """The agent with a wrap-up that comes after; an older one comes too if its outcome is missing."""
        older = agent.owed
        if older is not None and older.call_id != owed.call_id and self._is_unnamed(older):
            owed = replace(owed, before=older)
        return replace(agent, owed=owed)

    def _is_unnamed(self, owed: Owed) -> bool:
        return self.must_name(owed.call_id, owed.kind, owed.queue)

    def _wrap_up(
        self, agent: Agent, owed: Owed, *, is_unnamed: bool = False, **changes: Any
    ) -> Agent:
        after = {**NO_CALL, "call_id": owed.call_id, "queue": owed.queue, "kind": owed.kind}
        is_over = owed.until_at is not None and self.now >= owed.until_at
        is_over = is_over or agent.next_state is not None or owed.overrun_at is not None
        if is_unnamed and is_over:
            after.update(overrun_at=owed.overrun_at or self.now)
        else:
            after.update(deadline_at=owed.until_at)
        if agent.state is AgentState.WRAP_UP:  # of another call than before
            after.update(since_at=self.now)
        return self.move(agent, Trigger.WRAP_UP, **{**after, "owed": owed.before, **changes})

    def _break(self, agent: Agent, reason: str) -> dict[str, Any]:
        """How long the break may last that begins now, or goes on after a call (``breaks.py``)."""
        is_back = agent.state in BUSY and agent.next_state is AgentState.NOT_READY
        away_time = agent.away_time if is_back else timedelta(0)
        limit = self.configuration.break_limits.get(reason)
        if limit is None:
            return {"away_time": away_time}
        late_at = self.now + max(limit.limit_time - away_time, timedelta(0))
        overrun_at = self.now if late_at <= self.now else None
        return {"away_time": away_time, "late_at": late_at, "overrun_at": overrun_at}

    def _next_line(self, agent: Agent, penalty: str) -> Agent:
        """Another call waits for him: that is the one he is busy with from now on."""
        line = next((x for x in agent.lines if x.is_up), agent.lines[0])
        after = {
            **NO_CALL,
            **as_present(line),
            "lines": tuple(x for x in agent.lines if x is not line),
        }
        if penalty and agent.next_state is None:
            after.update(next_state=AgentState.NOT_READY, next_reason=penalty)
        if line.is_up:
            return self.move(agent, Trigger.CONNECT, **after)
        after["deadline_at"] = self.now + self.limits.ring_limit_time
        return self.move(agent, Trigger.RING_ON, **after)

    def release(self, agent: Agent, reason: str, penalty: str = "", **changes: Any) -> Agent:
        """End a reservation or a ring that led to no conversation."""
        if agent.call_id is not None and agent.kind == "queue":
            self.publish(
                ReservationReleased(
                    at=self.now, call_id=agent.call_id, agent_id=agent.agent_id, reason=reason
                )
            )
        if agent.state is AgentState.RINGING:
            gap_at = self.now + self.configuration.rules(agent.queue).gap_time
            # Since the call's end, where it rang at several agents.
            has_pause = agent.is_call_over and agent.available_at > self.now
            changes.setdefault("available_at", agent.available_at if has_pause else gap_at)
        return self.rest(agent, penalty, **changes)

    # ---- the indices ---------------------------------------------------------------------------

    def weigh(self, agent: Agent) -> None:
        """See whether an agent may be offered a call now: he and his phone must agree."""
        is_free = (
            agent.state is AgentState.READY
            and self.phone(agent.endpoint) == "idle"
            and self.now >= agent.available_at
        )
        if agent.state is AgentState.READY and self.now < agent.available_at:
            self.wake(agent.available_at, agent.agent_id)
        agent_id = agent.agent_id
        self.moved[agent_id] = None
        since_at = self.part("free").get(agent_id)
        if since_at == (agent.idle_since_at if is_free else None):
            return
        self._was_idle.setdefault(agent_id, since_at)
        if since_at is not None:
            del self.own("free")[agent_id]
            self.freed.pop(agent_id, None)
        if is_free:
            self.own("free")[agent_id] = agent.idle_since_at
            self.freed[agent_id] = None

    def idle(self) -> Ordered[tuple[datetime, AgentId]]:
        """The free agents, the longest idle first; kept at the step's end or when it is asked for.

        Who becomes free is mostly reserved in the same step, and had better not be moved in and out.
        """
        idle: Ordered[tuple[datetime, AgentId]] = self.part("idle")
        free = self.part("free")
        for agent_id, since_at in self._was_idle.items():
            now_since_at = free.get(agent_id)
            if now_since_at != since_at:
                idle = idle if since_at is None else idle.removed((since_at, agent_id))
                if now_since_at is not None:
                    idle = idle.added((now_since_at, agent_id))
                self.set(idle=idle)
        self._was_idle.clear()
        return idle

    def _look_again(self, call_id: CallId, old_at: datetime | None, at: datetime | None) -> None:
        if old_at == at:
            return
        looks = self.part("looks")
        if old_at is not None:
            looks = looks.removed((old_at, call_id))
        if at is not None:
            looks = looks.added((at, call_id))
            self.wake(at, call_id)
        self.set(looks=looks)

    def own(self, name: str) -> Draft[Any, Any]:
        """A table of the state, to be written to."""
        draft = self._drafts.get(name)
        if draft is None:
            draft = self._parts[name] = self._drafts[name] = Draft(self._parts[name])
        return draft

    def _relist(self, name: str, old: Any, before: Place, new: Any, place: Place) -> bool:
        """Move a place from one line of an index to another; whether it is in another line, or elsewhere in it."""
        if (old, before) == (new, place) or (old is None and new is None):
            return False
        lines = self.own(name)
        if old is not None:
            left = lines[old].removed(before)
            if left:
                lines[old] = left
            else:
                del lines[old]
        if new is not None:
            lines[new] = lines.get(new, _EMPTY).added(place)
        return new is not None

    def _index_calls(
        self, agent_id: AgentId, old: tuple[CallId, ...], calls: tuple[CallId, ...]
    ) -> None:
        busy = self.own("busy")
        for call_id in old:
            self.parted[call_id] = None
            there = busy.get(call_id, ())
            left = tuple(a for a in there if a != agent_id) if there != (agent_id,) else ()
            if left:
                busy[call_id] = left
            elif there:
                del busy[call_id]
        for call_id in calls:
            busy[call_id] = (*busy.get(call_id, ()), agent_id)

    def _mirror(self, old: Agent | None, agent: Agent) -> None:
        if old is not None and seat_of(old) == seat_of(agent):
            return
        before = mirror_of(self.configuration, old) if old is not None else None
        after = mirror_of(self.configuration, agent)
        if before == after:
            return
        if before is not None and (after is None or after.endpoint != before.endpoint):
            self.decide(Mirror(left_behind(before)))
        if after is not None:
            self.decide(Mirror(after))


def as_present(line: Line) -> dict[str, Any]:
    """A waiting call as the fields of the agent who takes it up."""
    return {
        "call_id": line.call_id,
        "queue": line.queue,
        "kind": line.kind,
        "legs": line.legs,
        "is_anchor": line.is_anchor,
        "is_consulting": line.is_consulting,
    }
