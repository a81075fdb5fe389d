"""Asterisk's rows and the journal's events in one pass: what is over is compared and forgotten.

Feed both in the order of time, as they come, and ask ``settle`` now and then: a call is compared when both sides say that it
is over and both have gone on for ``grace_time`` since, so memory holds the calls of a moment, however long
the files are. ``finish`` compares the rest, and decides what is live, what is open on one side only, and what nobody knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cti.domain import events as ev
from cti.domain.ids import CallId, LegId
from cti.witness.compare import Comparison, Difference, Rules, stamp
from cti.witness.seen import CdrRow, CelRow, Seen, SeenLeg
from cti.witness.spans import Span
from cti.witness.told import Told, ToldCall

GRACE = timedelta(seconds=10)
_REMEMBERED = 10_000  # legs of calls that were compared, to recognise one that is claimed twice
_ALONE = frozenset({"rd-echo", "rd-full"})
"""Contexts in which a phone talks to Asterisk itself, or is told that all lines are busy: no call of anybody's."""
_REFUSED = 1  # Q.850: no such number


@dataclass(frozen=True, slots=True)
class Window:
    """Which calls are asked for: those that began from ``start_at`` on and before ``end_at``."""

    start_at: datetime | None = None
    end_at: datetime | None = None

    def __contains__(self, at: datetime) -> bool:
        """Whether a call that began then is asked for."""
        is_late = self.start_at is None or at >= self.start_at
        return is_late and (self.end_at is None or at < self.end_at)


@dataclass(slots=True)
class Tally:
    """What was looked at."""

    calls: int = 0
    legs: int = 0
    live: int = 0
    """Calls that go on, left out."""
    before: int = 0
    """Calls that began before Asterisk's files do, left out."""
    cel_rows: int = 0
    cdr_rows: int = 0
    events: int = 0
    unreadable: int = 0
    """Rows that Asterisk did not write whole, or not so."""
    most_held: int = 0
    """Legs that were kept in memory at once, at most."""


@dataclass(slots=True)
class Inquiry:
    """The comparison, while it is going on."""

    rules: Rules = field(default_factory=Rules)
    window: Window = field(default_factory=Window)
    has_records: bool = True
    """Whether there are CDR to compare with."""
    until: datetime | None = None
    """What happened later is not looked at: it may not be in both yet."""
    tally: Tally = field(default_factory=Tally)
    differences: list[Difference] = field(default_factory=list)
    repaired: list[Difference] = field(default_factory=list)
    _seen: Seen = field(default_factory=Seen)
    _told: Told = field(default_factory=Told)
    _records: dict[LegId, list[CdrRow]] = field(default_factory=dict)
    _begins_at: datetime | None = None
    _done: dict[LegId, CallId] = field(default_factory=dict)
    _done_order: deque[LegId] = field(default_factory=deque)

    # ---- feeding -------------------------------------------------------------------------------

    def saw(self, row: CelRow) -> None:
        """A row of Asterisk's CEL."""
        if self._is_too_late(row.at):
            return
        self.tally.cel_rows += 1
        self._begins_at = self._begins_at or row.at
        self._seen.apply(row)
        self.tally.most_held = max(self.tally.most_held, len(self._seen.legs))

    def counted(self, row: CdrRow) -> None:
        """A row of Asterisk's CDR."""
        if self._is_too_late(row.ended_at):
            return
        self.tally.cdr_rows += 1
        self._records.setdefault(row.leg_id, []).append(row)

    def heard(self, event: ev.Event) -> None:
        """An event of the journal."""
        if self._is_too_late(event.at):
            return
        self.tally.events += 1
        self._told.apply(event)

    def asterisk_is_gone(self) -> None:
        """It is known not to run: whoever its rows show as there was cut."""
        self._seen.cut()

    def _is_too_late(self, at: datetime) -> bool:
        return self.until is not None and at > self.until

    # ---- judging -------------------------------------------------------------------------------

    def settle(self) -> None:
        """Compare and forget what is over for both sides."""
        if self._seen.now is None or self._told.now is None:
            return
        until = min(self._seen.now, self._told.now) - GRACE
        for call in list(self._told.calls.values()):
            if call.call_id in self._told.calls and self._is_over(call, until):
                self._judge(self._told.family(call), until)
        for leg in list(self._seen.legs.values()):
            if leg.leg_id not in self._told.claims and _ended_before(leg, until):
                self._judge_unknown(leg)

    def finish(self, now: datetime, *, with_live: bool = False) -> None:
        """Compare the rest; ``now`` is when the files were read. Live calls count only ``with_live``."""
        for call in list(self._told.calls.values()):
            if call.call_id not in self._told.calls:
                continue
            family = self._told.family(call)
            if with_live or not self._is_live(family, now):
                self._judge(family, now)
            else:
                self.tally.live += len(family)
                self._forget(family)
        for leg in list(self._seen.legs.values()):
            since = leg.ended_at or leg.started_at
            if leg.is_over or with_live or now - since > self.rules.tolerance:
                self._judge_unknown(leg)
        self.tally.unreadable += self._seen.strange
        self.differences.sort(key=lambda d: d.at)
        self.repaired.sort(key=lambda d: d.at)

    def _is_over(self, call: ToldCall, until: datetime) -> bool:
        for kin in self._told.family(call):
            if not kin.is_over or (kin.ended_at is not None and kin.ended_at > until):
                return False
            for leg in kin.legs.values():
                seen = self._seen.legs.get(leg.leg_id)
                if seen is not None and not _ended_before(seen, until):
                    return False
                if leg.ended_at is not None and leg.ended_at > until:
                    return False
        return True

    def _is_live(self, family: Iterable[ToldCall], now: datetime) -> bool:
        """Whether both sides hold it open, or it changed so lately that one may not know yet."""
        told = seen = False
        newest: list[datetime] = []
        for call in family:
            told = told or not call.is_over
            newest.append(call.ended_at or call.first_at)
            for leg_id, leg in call.legs.items():
                newest += [at for at in (leg.ended_at, leg.started_at) if at is not None]
                row = self._seen.legs.get(leg_id)
                if row is not None:
                    seen = seen or not row.is_over
                    newest += [at for at in (row.ended_at, row.started_at) if at is not None]
        is_fresh = bool(newest) and now - max(newest) <= self.rules.tolerance
        return (told and seen) or (is_fresh and (told or seen))

    def _judge(self, family: list[ToldCall], now: datetime) -> None:
        first_at = min(call.first_at for call in family)
        is_early = self._begins_at is None or first_at < self._begins_at - self.rules.tolerance
        if first_at in self.window:
            if is_early:
                self.tally.before += len(family)
            else:
                self._compare(family, now)
        self._forget(family)

    def _compare(self, family: list[ToldCall], now: datetime) -> None:
        outages = [*self._told.outages]
        comparison = Comparison(
            family, self._seen.legs, self._records, outages, now, self.rules, self.has_records
        )
        # A channel that was another call's is told of as claimed twice, not as never seen.
        found = [d for d in comparison.run() if d.kind != "unseen" or d.leg_id not in self._done]
        legs = {leg for call in family for leg in call.legs}
        for leg_id in sorted(legs):
            found += self._claimed_twice(family, leg_id)
        self.tally.calls += len(family)
        self.tally.legs += len(legs)
        self._tell(found)

    def _claimed_twice(self, family: list[ToldCall], leg_id: LegId) -> list[Difference]:
        """A leg that another call, no kin of this one, says is its own too."""
        ours = {call.call_id for call in family}
        others = self._told.claims.get(leg_id, set()) - ours
        if leg_id in self._done and self._done[leg_id] not in ours:
            others = others | {self._done[leg_id]}
        seen = self._seen.legs.get(leg_id)
        return [
            Difference(
                kind="twice", at=family[0].first_at, call_id=family[0].call_id, leg_id=leg_id,
                name=seen.name if seen else "", asterisk="one channel", journal=f"also in call {other}",
            )
            for other in sorted(others)
        ]  # fmt: skip

    def _judge_unknown(self, leg: SeenLeg) -> None:
        """A channel of which no call of the journal knows."""
        self._seen.drop(leg.leg_id)
        self._records.pop(leg.leg_id, None)
        if leg.started_at not in self.window or _is_nobodys(leg):
            return
        until = stamp(leg.ended_at) if leg.ended_at else "now, or Asterisk's end"
        outage = any(_holds(o, leg) for o in self._told.outages)
        self.tally.legs += 1
        self._tell(
            [
                Difference(
                    kind="unknown",
                    at=leg.started_at,
                    call_id=self._done.get(leg.leg_id),
                    leg_id=leg.leg_id,
                    name=leg.name,
                    asterisk=f"{stamp(leg.started_at)} to {until} in {leg.context}",
                    journal="no call has it"
                    + (", the link was down all the while" if outage else ""),
                )
            ]
        )

    def _forget(self, family: Iterable[ToldCall]) -> None:
        calls = list(family)
        for call in calls:
            self._told.drop(call.call_id)
        for call in calls:
            for leg_id in call.legs:
                if leg_id not in self._told.claims:  # by another call, wrongly
                    self._seen.drop(leg_id)
                    self._records.pop(leg_id, None)
                if leg_id not in self._done:
                    self._done_order.append(leg_id)
                self._done[leg_id] = call.call_id
        while len(self._done_order) > _REMEMBERED:
            self._done.pop(self._done_order.popleft(), None)

    def _tell(self, found: Iterable[Difference]) -> None:
        for difference in found:
            (self.repaired if difference.is_repaired else self.differences).append(difference)


def _ended_before(leg: SeenLeg, at: datetime) -> bool:
    last = leg.ended_at or leg.last_at or leg.started_at
    return leg.is_over and last <= at


def _is_nobodys(leg: SeenLeg) -> bool:
    """A phone that made no call.

    It talked to Asterisk alone, was refused what it dialled, went on on the channel that it picked up, was
    rung to begin a call and not lifted, or is behind a Local half that is the caller for us.
    """
    is_refused = leg.cause == _REFUSED and not leg.hung_up_by
    is_silent = leg.answered_at is None and (is_refused or leg.is_rung_first)
    went_on = leg.gave_way_to is not None or leg.is_behind
    return leg.context in _ALONE or is_silent or went_on


def _holds(outage: Span, leg: SeenLeg) -> bool:
    ended_at = outage.ended_at or outage.started_at
    return (
        outage.started_at <= leg.started_at
        and leg.ended_at is not None
        and leg.ended_at <= ended_at
    )
