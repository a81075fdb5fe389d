"""One call's two pictures, laid beside each other: every difference is one line, with both versions.

Instants may differ by the tolerance. What the journal learnt late, since its link to Asterisk was down, is
a repair: named, and allowed to be late, but it must be there. Asterisk's own death ends legs at an instant
that nobody saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cti.domain.ids import CallId, LegId
from cti.witness.seen import CdrRow, SeenLeg
from cti.witness.spans import Span, closed, length, minus
from cti.witness.told import ToldCall, ToldLeg

_HANGS_ON = timedelta(milliseconds=1500)
"""How long after a leg hung up the dialplan may still end the caller's because of it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as the same."""

    tolerance: timedelta = timedelta(seconds=1)
    moment: timedelta = timedelta(milliseconds=20)
    """Two who are in one bridge for less, on their way to others, were not together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that Asterisk and the journal tell differently."""

    kind: str  # as in docs/reconcile.md
    at: datetime
    call_id: CallId | None = None
    leg_id: LegId | None = None
    name: str = ""  # of the channel
    asterisk: str
    journal: str
    is_repaired: bool = False  # the journal knew it late, for a reason that it names

    def __str__(self) -> str:
        """One line."""
        who = f"{self.leg_id or '-'} {self.name}".rstrip()
        what = f"Asterisk: {self.asterisk}; journal: {self.journal}"
        return f"{stamp(self.at)}  {self.kind:9} {self.call_id or 'no call'}  {who}  {what}"

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "kind": self.kind,
            "at": self.at.isoformat(),
            "call_id": self.call_id,
            "leg_id": self.leg_id,
            "name": self.name,
            "asterisk": self.asterisk,
            "journal": self.journal,
            "repaired": self.is_repaired,
        }


def stamp(at: datetime | None) -> str:
    """An instant to the millisecond, for people."""
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if at is not None else "never"


@dataclass(slots=True)
class Comparison:
    """Lays the pictures of one call, or of several that share legs, beside each other."""

    calls: Sequence[ToldCall]
    seen: Mapping[LegId, SeenLeg]
    records: Mapping[LegId, Sequence[CdrRow]]
    outages: Sequence[Span]
    now: datetime
    rules: Rules = field(default_factory=Rules)
    has_records: bool = True
    found: list[Difference] = field(default_factory=list)

    def run(self) -> list[Difference]:
        """All differences, oldest first."""
        legs = self._legs()
        for call, leg in legs.values():
            self._leg(call, leg)
        self._talks(legs)
        for call in self.calls:
            self._counts(call)
            self._answer(call)
            self._end(call)
            if self.has_records:
                self._records(call)
        return sorted(self.found, key=lambda d: d.at)

    def _legs(self) -> dict[LegId, tuple[ToldCall, ToldLeg]]:
        """Each leg once: a leg that went from one call into another began in the first and ended in the last."""
        legs: dict[LegId, tuple[ToldCall, ToldLeg]] = {}
        for call in sorted(self.calls, key=lambda c: c.first_at):
            for leg in call.legs.values():
                if leg.leg_id not in legs:
                    legs[leg.leg_id] = (call, leg)
                    continue
                first, known = legs[leg.leg_id]
                legs[leg.leg_id] = (
                    first if call.ended_by == "merged" else call,
                    ToldLeg(
                        leg.leg_id, known.role, known.endpoint,
                        _least(known.started_at, leg.started_at),
                        _most(known.ended_at, leg.ended_at),
                        known.cause if known.cause is not None else leg.cause,
                    ),
                )  # fmt: skip
        for call in self.calls:
            # Who consulted a queue on a line of his own is done with that line when the two are joined.
            if call.ended_by == "merged" and call.anchor in legs:
                leg = legs[call.anchor][1]
                if leg.ended_at is None:
                    legs[call.anchor] = (
                        call,
                        replace(leg, ended_at=call.ended_at, cause=call.cause),
                    )
        return legs

    # ---- a leg's life --------------------------------------------------------------------------

    def _leg(self, call: ToldCall, leg: ToldLeg) -> None:
        seen = self.seen.get(leg.leg_id)
        if seen is None:
            at = leg.started_at or leg.ended_at or call.first_at
            self._tell("unseen", call, leg.leg_id, at, "no such channel", f"a leg ({leg.role})")
            return
        if leg.started_at is None:
            self._tell("start", call, leg.leg_id, seen.started_at, stamp(seen.started_at), "never")
        elif not self._is_same(_began_at(leg, seen), leg.started_at):
            self._instant("start", call, leg.leg_id, seen.started_at, leg.started_at)
        self._leg_end(call, leg, seen)

    def _leg_end(self, call: ToldCall, leg: ToldLeg, seen: SeenLeg) -> None:
        if seen.is_cut:
            last = seen.last_at or seen.started_at
            if leg.ended_at is None:
                self._tell("open", call, leg.leg_id, last, "gone with Asterisk", "not over")
            elif leg.ended_at < last - self.rules.tolerance:
                self._tell(
                    "end", call, leg.leg_id, last, f"after {stamp(last)}", stamp(leg.ended_at)
                )
            return
        if seen.ended_at is None or leg.ended_at is None:
            self._leg_open(call, leg, seen)
            return
        is_same = self._is_same(seen.ended_at, leg.ended_at)
        if not is_same:
            self._instant("end", call, leg.leg_id, seen.ended_at, leg.ended_at)
        is_repair = self._is_excused(seen.ended_at, leg.ended_at)
        if seen.cause is not None and leg.cause != seen.cause and not is_repair:
            causes = f"cause {seen.cause}", f"cause {leg.cause}"
            self._tell("cause", call, leg.leg_id, seen.ended_at, *causes)

    def _leg_open(self, call: ToldCall, leg: ToldLeg, seen: SeenLeg) -> None:
        """Over for one of the two only; what ended a moment ago may still be on its way."""
        at = seen.ended_at or leg.ended_at
        if at is None or self.now - at <= self.rules.tolerance:
            return
        if seen.ended_at is not None:
            told = "not over" if call.ended_at is None else "the leg not over"
            self._tell("open", call, leg.leg_id, at, f"ended {stamp(at)}", told)
        else:
            self._tell("over", call, leg.leg_id, at, "still there", f"ended {stamp(at)}")

    def _instant(
        self, kind: str, call: ToldCall, leg_id: LegId, seen_at: datetime, told_at: datetime
    ) -> None:
        self._tell(
            kind, call, leg_id, seen_at, stamp(seen_at), stamp(told_at),
            is_repaired=self._is_excused(seen_at, told_at),
        )  # fmt: skip

    # ---- who with whom -------------------------------------------------------------------------

    def _talks(self, legs: Mapping[LegId, tuple[ToldCall, ToldLeg]]) -> None:
        told: dict[tuple[LegId, LegId], list[Span]] = {}
        for call in self.calls:
            for pair, spans in call.together.items():
                told.setdefault(pair, []).extend(spans)
        seen: dict[tuple[LegId, LegId], list[Span]] = {}
        for leg_id in legs:
            for peer, spans in self.seen[leg_id].together.items() if leg_id in self.seen else ():
                seen[(leg_id, peer) if leg_id < peer else (peer, leg_id)] = spans
        for pair in sorted(told.keys() | seen.keys()):
            one = pair[0] if pair[0] in legs else pair[1]
            self._talk(legs[one][0], pair, seen.get(pair, []), told.get(pair, []))

    def _talk(
        self, call: ToldCall, pair: tuple[LegId, LegId], seen: list[Span], told: list[Span]
    ) -> None:
        told_rows = closed(told, self.now)
        cut_at = told_rows[-1][1] if told_rows and self._is_cut(pair) else self.now
        seen_rows = closed(seen, cut_at)
        if not told_rows and length(seen_rows) <= self.rules.moment:
            return
        rows = [*minus(seen_rows, told_rows), *minus(told_rows, seen_rows)]
        is_whole = bool(seen_rows) and bool(told_rows)
        rows = [r for r in rows if r[1] - r[0] > self.rules.tolerance or not is_whole]
        if not rows:
            return
        excused = is_whole and all(self._covers(start, end) for start, end in rows)
        self._tell(
            "talk", call, pair[0], rows[0][0], _spans(seen_rows), _spans(told_rows),
            with_whom=pair[1], is_repaired=excused,
        )  # fmt: skip

    def _is_cut(self, pair: tuple[LegId, LegId]) -> bool:
        return any(leg in self.seen and self.seen[leg].is_cut for leg in pair)

    # ---- the call ------------------------------------------------------------------------------

    def _counts(self, call: ToldCall) -> None:
        names = ("CallOffered", "CallEnded", "CallAnswered", "CallAbandoned")
        wrong = [f"{call.count[name]} {name}" for name in names if call.count[name] > 1]
        if not call.count["CallOffered"] and not call.is_recovered:
            wrong.append("a call that was never offered")
        for story in wrong:
            self._tell("twice", call, call.anchor, call.first_at, "one call", story)

    def _answer(self, call: ToldCall) -> None:
        """Counted as answered is whom Asterisk brought together with the agent who was chosen for him, and nobody else."""
        anchor = self.seen.get(call.anchor) if call.anchor is not None else None
        if anchor is None:
            return
        with_whom = [leg for leg, spans in anchor.together.items() if self._lasted(spans)]
        chosen = [leg for leg in with_whom if self._endpoint(call, leg) in call.reserved]
        answered = call.count["CallAnswered"]
        if answered and not anchor.together:
            self._tell("answered", call, call.anchor, anchor.started_at, "with nobody", "answered")
        elif chosen and not answered and call.ended_by != "unknown":
            met = anchor.together[chosen[0]][0].started_at
            self._tell(
                "answered",
                call,
                call.anchor,
                met,
                f"with {self._name(chosen[0])}",
                "never answered",
            )

    def _lasted(self, spans: Sequence[Span]) -> bool:
        return length(closed(spans, self.now)) > self.rules.moment

    def _endpoint(self, call: ToldCall, leg_id: LegId) -> str:
        leg = call.legs.get(leg_id)
        return leg.endpoint if leg is not None else ""

    def _end(self, call: ToldCall) -> None:
        """Who hung up. An agent's command leaves no name, so it can't be told from the system's own doing."""
        anchor = self.seen.get(call.anchor) if call.anchor is not None else None
        if anchor is None or anchor.ended_at is None or call.ended_by in ("", "unknown", "merged"):
            return
        if any(anchor.leg_id in kin.legs for kin in self.calls if kin.call_id == call.kin):
            return  # by command an agent asked a queue: how his channel ends says nothing of the asking
        if not anchor.hung_up_by:
            # Of a Local half that came in as the caller Asterisk never names who hung up.
            agrees = call.ended_by != "caller" or not _is_party(anchor.name)
        elif anchor.hung_up_by == anchor.name:
            agrees = call.ended_by == "caller" or self._hung_up_too(call, anchor)
        else:
            agrees = self._agrees_on_other(call, anchor)
        if not agrees:
            who = anchor.hung_up_by or "nobody, or a command"
            self._tell("ended_by", call, anchor.leg_id, anchor.ended_at, who, call.ended_by)

    def _hung_up_too(self, call: ToldCall, anchor: SeenLeg) -> bool:
        """Both at once: either may be named."""
        others = (self.seen[leg] for leg in call.legs if leg in self.seen)
        return any(
            other.hung_up_by == other.name
            and other.ended_at is not None
            and anchor.ended_at is not None
            and abs(other.ended_at - anchor.ended_at) <= _HANGS_ON
            for other in others
            if other is not anchor
        )

    def _agrees_on_other(self, call: ToldCall, anchor: SeenLeg) -> bool:
        other = next((leg for leg in self.seen.values() if leg.name == anchor.hung_up_by), None)
        # The first who hangs up in a call is remembered for all of it: one who left long before says nothing.
        if other is None or other.ended_at is None or anchor.ended_at is None:
            return True
        if other.is_behind:
            return call.ended_by == "caller" or self._hung_up_too(call, anchor)
        if anchor.ended_at - other.ended_at > _HANGS_ON:
            return True
        return call.ended_by != "caller"

    # ---- CDR -----------------------------------------------------------------------------------

    def _records(self, call: ToldCall) -> None:
        """The records of the caller's channel cover his time, and name nobody whom the call doesn't know."""
        anchor = self.seen.get(call.anchor) if call.anchor is not None else None
        if anchor is None or anchor.ended_at is None or call.ended_by == "merged":
            return
        rows = [row for leg in call.legs for row in self.records.get(leg, ())]
        own = [row for row in rows if row.leg_id == anchor.leg_id]
        names = {self.seen[leg].name for leg in call.legs if leg in self.seen}
        if anchor.answered_at is not None and not any(
            anchor.name in (r.name, r.other_name) for r in rows
        ):
            self._tell(
                "record", call, anchor.leg_id, anchor.ended_at, "no CDR of this channel", "a call"
            )
        for row in own:
            if row.other_name and row.other_name not in names and _is_party(row.other_name):
                self._tell(
                    "record",
                    call,
                    row.leg_id,
                    row.started_at,
                    f"CDR with {row.other_name}",
                    "no such leg",
                )

    # ---- telling -------------------------------------------------------------------------------

    def _tell(
        self,
        kind: str,
        call: ToldCall,
        leg_id: LegId | None,
        at: datetime,
        asterisk: str,
        journal: str,
        *,
        with_whom: LegId | None = None,
        is_repaired: bool = False,
    ) -> None:
        name = self._name(leg_id)
        if with_whom is not None:
            name = f"{name} with {self._name(with_whom) or with_whom}"
        self.found.append(
            Difference(
                kind=kind,
                at=at,
                call_id=call.call_id,
                leg_id=leg_id,
                name=name,
                asterisk=asterisk,
                journal=journal,
                is_repaired=is_repaired,
            )
        )

    def _name(self, leg_id: LegId | None) -> str:
        seen = self.seen.get(leg_id) if leg_id is not None else None
        return seen.name if seen is not None else ""

    def _is_same(self, one: datetime, other: datetime) -> bool:
        return abs(one - other) <= self.rules.tolerance

    def _is_excused(self, seen_at: datetime, told_at: datetime) -> bool:
        """Whether it happened while the journal could not know, and the journal has it by the end of that."""
        slack = self.rules.tolerance
        return any(
            o.started_at - slack <= seen_at <= _end_of(o) + slack
            and seen_at - slack <= told_at <= _end_of(o) + slack
            for o in self.outages
        )

    def _covers(self, start: datetime, end: datetime) -> bool:
        slack = self.rules.tolerance
        return any(
            o.started_at - slack <= start and end <= _end_of(o) + slack for o in self.outages
        )


def _began_at(leg: ToldLeg, seen: SeenLeg) -> datetime:
    """A call that a command began exists from when the phone that was to begin it was lifted."""
    if leg.role == "caller" and seen.is_rung_first and seen.answered_at is not None:
        return seen.answered_at
    return seen.started_at


def _end_of(outage: Span) -> datetime:
    return outage.ended_at or outage.started_at


def _is_party(name: str) -> bool:
    return not name.startswith("Local/")


def _spans(rows: Iterable[tuple[datetime, datetime]]) -> str:
    text = ", ".join(f"{stamp(a)[11:]}–{stamp(b)[11:]}" for a, b in rows)
    return text or "never together"


def _least(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _most(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
