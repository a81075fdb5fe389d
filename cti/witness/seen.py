"""What Asterisk itself saw: the fold of its CEL rows into legs, and who was connected with whom.

A leg is an Asterisk channel, known by its Uniqueid (our LegId). Asterisk's own helpers (two halves of a
``Local`` channel, announcers, recorders) are no party: they are looked through. Two parties are *together* while they are in
one bridge that isn't a holding bridge, or in two that a ``Local`` channel joins. Where a house sends its callers to
us through a ``Local`` channel, the half that comes in is the caller, and whoever is *behind* it is not looked at.

Asterisk writes no row when it dies. Its channel counter begins anew after that: whoever is still there
then is *cut*, ended at an instant that nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cti.domain.ids import LegId
from cti.witness.spans import Span

HOLDING = "holding_bridge"
_CEL_FIELDS, _CDR_FIELDS = 7, 9
_HELPERS = (
    "Local/", "CBAnn/", "CBRec/", "Announcer/", "Recorder/", "Message/", "Surrogate/", "AsyncGoto/", "Bridge/",
)  # fmt: skip
_DOOR = "rd-trunk"  # where callers come in
_ORIGINATED = "AppDial2"  # how Asterisk names what an Originate's channel does until it is answered
_RESTART_SERIAL = 50  # a channel counter this low, after a higher one, is a new Asterisk's
_RESTART_GAP = timedelta(milliseconds=250)  # rows of one Asterisk swap within less


@dataclass(frozen=True, slots=True)
class CelRow:
    """One step of a channel's life; the columns of cel_custom.conf, in their order."""

    kind: str
    at: datetime
    leg_id: LegId
    name: str
    context: str
    application: str
    extra: str  # JSON, or nothing


@dataclass(frozen=True, slots=True)
class CdrRow:
    """One stretch of a call; the columns of cdr_custom.conf, in their order."""

    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    disposition: str
    context: str
    application: str
    name: str
    other_name: str  # the channel that was dialled or bridged; may be empty
    leg_id: LegId


def cel_row(fields: Sequence[str]) -> CelRow:
    """Read a row.

    Raises:
        ValueError: the number of columns or the instant isn't one of ours.
    """
    if len(fields) != _CEL_FIELDS:
        raise ValueError("not a CEL row")
    kind, at, leg_id, name, context, application, extra = fields
    return CelRow(kind, _instant(at), LegId(leg_id), name, context, application, extra)


def cdr_row(fields: Sequence[str]) -> CdrRow:
    """Read a row.

    Raises:
        ValueError: as `cel_row`.
    """
    if len(fields) != _CDR_FIELDS:
        raise ValueError("not a CDR row")
    started, answered, ended, *texts, leg_id = fields
    answered_at = _instant(answered) if float(answered or 0) > 0 else None
    disposition, context, application, name, other = texts
    return CdrRow(
        _instant(started), answered_at, _instant(ended), disposition, context, application, name, other,
        LegId(leg_id),
    )  # fmt: skip


def _instant(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (OverflowError, OSError) as exc:
        raise ValueError("not an instant") from exc


@dataclass(slots=True)
class SeenLeg:
    """One party's channel, as Asterisk told."""

    leg_id: LegId
    name: str
    context: str  # where it was last seen in the dialplan
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    cause: int | None = None
    hung_up_by: str = ""  # the name of the channel that did; empty: nobody, or a command
    is_rung_first: bool = False  # by Originate: a command rang this phone to begin a call from it
    gave_way_to: LegId | None = None  # picked up what rang there: that channel is this phone's now
    is_behind: bool = (
        False  # it talked to a Local half that is a caller: what it was, that one is for us
    )
    is_cut: bool = False  # Asterisk died
    last_at: datetime | None = None  # the newest row
    together: dict[LegId, list[Span]] = field(default_factory=dict)
    """With whom it was connected, and when."""

    @property
    def is_over(self) -> bool:
        """Whether it can't change any more."""
        return self.is_cut or self.ended_at is not None


@dataclass(slots=True)
class _Place:
    """Who is in a bridge."""

    technology: str
    members: dict[str, str] = field(default_factory=dict)  # leg id → channel's name


class Seen:
    """The fold. ``legs`` holds every party until the reader drops it."""

    def __init__(self) -> None:
        self.legs: dict[LegId, SeenLeg] = {}
        self.now: datetime | None = None
        """The newest row's instant."""
        self.strange = 0
        """Rows that could not be understood."""
        self._bridges: dict[str, _Place] = {}
        self._callers: set[str] = set()  # names of Local halves that came in as callers
        self._place_of: dict[str, str] = {}  # a Local half's channel name → its bridge
        self._inside: dict[str, str] = {}  # leg id → the bridge it is in
        self._serial = -1

    def apply(self, row: CelRow) -> SeenLeg | None:
        """Fold one row in; returns the leg that began or ended by it."""
        before, self.now = self.now, max(row.at, self.now or row.at)
        match row.kind:
            case "CHAN_START":
                self._look_for_restart(row, before)
                return self._start(row)
            case "HANGUP" | "CHAN_END":
                return self._end(row)
            case "BRIDGE_ENTER" | "BRIDGE_EXIT":
                self._move(row)
            case "PICKUP":
                self._pick_up(row)
        leg = self.legs.get(row.leg_id)
        if leg is not None:
            self._look_at(leg, row)
            if row.kind == "ANSWER" and leg.answered_at is None:
                leg.answered_at = row.at
        return None

    def drop(self, leg_id: LegId) -> None:
        """Forget a leg that is over and done with."""
        self.legs.pop(leg_id, None)

    # ---- a channel's life ----------------------------------------------------------------------

    def _start(self, row: CelRow) -> SeenLeg | None:
        if row.name.startswith("Local/") and row.name.endswith(";2") and row.context == _DOOR:
            self._callers.add(row.name)
        elif row.name.startswith(_HELPERS):
            return None
        leg = SeenLeg(row.leg_id, row.name, row.context, row.at, last_at=row.at)
        self.legs[row.leg_id] = leg
        return leg

    def _end(self, row: CelRow) -> SeenLeg | None:
        inside = self._inside.get(row.leg_id)
        if inside is not None:
            self._change(inside, row.at, leaves=row.leg_id)
        leg = self.legs.get(row.leg_id)
        if leg is None or leg.is_over:
            return None
        self._look_at(leg, row)
        leg.ended_at = row.at
        if row.kind == "HANGUP":
            extra = self._extra(row)
            cause, source = extra.get("hangupcause"), extra.get("hangupsource")
            leg.cause = cause if isinstance(cause, int) else None
            # "dialplan/builtin" is the dialplan's Hangup().
            is_party = isinstance(source, str) and not source.startswith("dialplan/")
            leg.hung_up_by = str(source) if is_party else ""
        self._callers.discard(leg.name)
        return leg

    def _look_at(self, leg: SeenLeg, row: CelRow) -> None:
        leg.last_at, leg.context = row.at, row.context
        leg.is_rung_first = leg.is_rung_first or row.application == _ORIGINATED
        if not row.name.endswith("<ZOMBIE>"):
            leg.name = row.name  # another's, after a pick-up

    def _pick_up(self, row: CelRow) -> None:
        picker = self._extra(row).get("pickup_channel_uniqueid")
        if isinstance(picker, str) and picker in self.legs:
            self.legs[LegId(picker)].gave_way_to = row.leg_id

    def _look_for_restart(self, row: CelRow, before: datetime | None) -> None:
        try:
            serial = int(row.leg_id.rpartition(".")[2])
        except ValueError:
            self.strange += 1
            return
        is_new = serial <= self._serial and serial < _RESTART_SERIAL
        if is_new and before is not None and row.at - before > _RESTART_GAP:
            self._cut()
            self._serial = serial
        self._serial = max(serial, self._serial)

    def _cut(self) -> None:
        """Asterisk died: nobody is anywhere any more."""
        self._bridges.clear()
        self._inside.clear()
        self._place_of.clear()
        for leg in self.legs.values():
            if not leg.is_over:
                leg.is_cut = True

    def cut(self) -> None:
        """Asterisk is known to be gone: whoever is left was cut."""
        self._cut()

    # ---- who is with whom ----------------------------------------------------------------------

    def _move(self, row: CelRow) -> None:
        extra = self._extra(row)
        bridge_id, technology = extra.get("bridge_id"), extra.get("bridge_technology")
        if not isinstance(bridge_id, str):
            self.strange += 1
            return
        if row.kind == "BRIDGE_EXIT":
            self._change(bridge_id, row.at, leaves=row.leg_id)
        else:
            self._change(bridge_id, row.at, enters=row, technology=str(technology))

    def _change(
        self,
        bridge_id: str,
        at: datetime,
        *,
        leaves: str = "",
        enters: CelRow | None = None,
        technology: str = "",
    ) -> None:
        place = self._bridges.get(bridge_id)
        if place is None:
            if enters is None:
                return
            place = self._bridges[bridge_id] = _Place(technology)
        name = enters.name if enters is not None else place.members.get(leaves, "")
        # A Local channel joins two bridges, and parts them when it leaves.
        roots = (bridge_id, self._place_of.get(_other_half(name), bridge_id))
        before = self._pairs(roots)
        if enters is not None:
            place.members[enters.leg_id] = name
            self._inside[enters.leg_id] = bridge_id
            if name.startswith("Local/"):
                self._place_of[name] = bridge_id
        else:
            place.members.pop(leaves, None)
            if self._inside.get(leaves) == bridge_id:
                del self._inside[leaves]
            self._place_of.pop(name, None)
        after = self._pairs(roots)
        if self._callers and any(_other_half(n) in self._callers for n in place.members.values()):
            for leg_id in place.members:
                if leg_id in self.legs:
                    self.legs[LegId(leg_id)].is_behind = True
        if not place.members:
            del self._bridges[bridge_id]
        for one, other in before - after:
            self._span_ends(one, other, at)
        for one, other in after - before:
            self._span_begins(one, other, at)

    def _pairs(self, roots: Iterable[str]) -> set[tuple[LegId, LegId]]:
        """Every two parties that are together in these bridges and those joined to them, each pair once."""
        pairs: set[tuple[LegId, LegId]] = set()
        known: set[str] = set()
        for root in roots:
            parties = sorted(self._parties(root, known))
            pairs.update((a, b) for i, a in enumerate(parties) for b in parties[i + 1 :])
        return pairs

    def _parties(self, bridge_id: str, known: set[str]) -> list[LegId]:
        parties: list[LegId] = []
        todo = [bridge_id]
        while todo:
            here = todo.pop()
            place = self._bridges.get(here)
            if here in known or place is None or place.technology == HOLDING:
                continue
            known.add(here)
            for leg_id, name in place.members.items():
                if name in self._callers:
                    parties.append(LegId(leg_id))
                elif name.startswith("Local/") and _other_half(name) not in self._callers:
                    todo.append(self._place_of.get(_other_half(name), here))
                elif not name.startswith(_HELPERS):
                    parties.append(LegId(leg_id))
        return parties

    def _span_begins(self, one: LegId, other: LegId, at: datetime) -> None:
        span = Span(at)
        for leg_id, peer in ((one, other), (other, one)):
            if leg_id in self.legs:
                self.legs[leg_id].together.setdefault(peer, []).append(span)

    def _span_ends(self, one: LegId, other: LegId, at: datetime) -> None:
        for leg_id, peer in ((one, other), (other, one)):
            leg = self.legs.get(leg_id)
            spans = leg.together.get(peer) if leg is not None else None
            if spans and spans[-1].ended_at is None:
                spans[-1].ended_at = at

    def _extra(self, row: CelRow) -> dict[str, object]:
        try:
            extra = json.loads(row.extra) if row.extra else {}
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            self.strange += 1
            return {}
        return extra


def _other_half(name: str) -> str:
    """``Local/x@y-00000001;1`` and ``…;2`` are two ends of one pipe."""
    return name[:-1] + ("2" if name.endswith("1") else "1")
