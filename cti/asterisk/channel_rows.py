"""The rows of Asterisk's list of channels, sorted: which are calls of ours, whose legs the others are, who hears whom.

What recovery needs stands in the channel variables that every row was asked to carry (docs/dialplan.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from cti.asterisk.channels import endpoint_of, local_pair
from cti.domain.errors import InvalidValue
from cti.domain.ids import CallId, Endpoint, LegId, parse_call_id
from cti.wire.ami import Message


@dataclass(frozen=True, slots=True)
class SeenLeg:
    """A leg's channel."""

    leg_id: LegId
    channel: str
    endpoint: Endpoint
    is_ringing: bool
    bridge_id: str
    role: str = "agent"


@dataclass(frozen=True, slots=True)
class SeenHalf:
    """One half of a Local channel that lies between a caller and a phone."""

    uniqueid: str
    channel: str
    bridge_id: str  # empty where nobody hears anybody
    call_id: CallId | None  # whose it is, as far as it says so


UNSET = "(null)"
"""What ``Status`` prints for a variable that a channel hasn't; the dialplan gives none that value."""


def _variables(row: Message) -> dict[str, str]:
    named = row.variables("Variable")
    return {name: "" if value == UNSET else value for name, value in named.items()}


class World:
    """The channels, sorted: anchors, legs by call id, second lines, what Local channels join."""

    def __init__(self, rows: list[Message], holding: set[str]) -> None:
        self.holding = holding
        self.variables = {row.get("Uniqueid"): _variables(row) for row in rows}
        own = [row for row in rows if self._of(row, "RD_CALL")]
        # Where a customer has answered, the phone that began the call carries its id, too.
        customers = {self._of(row, "RD_CALL") for row in own if not self._of(row, "RD_OUT")}
        begun = [row for row in own if self._of(row, "RD_OUT")]
        self.began = {self._of(row, "RD_CALL"): endpoint_of(row.get("Channel")) for row in begun}
        for row in own:
            if asked := self._of(row, "RD_ASKS"):
                endpoint = endpoint_of(row.get("Channel"))
                self.began[self._of(row, "RD_CALL")] = endpoint
                if self._of(row, "RD_OUT"):
                    self.began[asked] = endpoint
        busy = self._busy(rows)
        self.serves: dict[str, str] = {}
        """The id of a second line → the call whose agent opened it."""
        self.consults: dict[str, str] = {}
        """The same for one that is a call of its own, since it waits in a queue."""
        self.asks = {
            self._of(row, "RD_CALL"): self._of(row, "RD_ASKS")
            for row in own
            if self._of(row, "RD_ASKS")
        }
        """Calls by which an agent's leg asks a queue for his own caller → the call of that one."""
        for row in begun:
            call_id, endpoint = self._of(row, "RD_CALL"), endpoint_of(row.get("Channel"))
            older = busy.get(endpoint or Endpoint(""), [])
            served = next((c for age, c in older if c != call_id and age < _age(row)), "")
            if served and call_id not in customers and call_id not in self.asks:
                is_calling = self._of(row, "RD_STATE") == "calling"
                (self.serves if is_calling else self.consults)[call_id] = served
        self.anchors = [
            row
            for row in own
            if not (self._of(row, "RD_OUT") and self._of(row, "RD_CALL") in customers)
            and self._of(row, "RD_CALL") not in self.serves
        ]
        self._joined = self._joined_rooms(rows)
        self._callers = {
            self._room(row): self._of(row, "RD_CALL") for row in self.anchors if self._room(row)
        }
        self.halves = tuple(self._half(row) for row in rows if self._is_half(row))
        self.legs = self._legs(rows)

    def is_together(self, one: str, other: str) -> bool:
        """Whether two bridges are one to those who are in them."""
        return bool(one) and self._joined.get(one, one) == self._joined.get(other, other)

    def _room(self, row: Message) -> str:
        bridge_id = row.get("BridgeID")
        return self._joined.get(bridge_id, bridge_id)

    def _is_half(self, row: Message) -> bool:
        return bool(local_pair(row.get("Channel"))) and not self._of(row, "RD_CALL")

    def _joined_rooms(self, rows: list[Message]) -> dict[str, str]:
        """Bridges that Local channels join: each by the name of one of them."""
        ends: dict[str, list[str]] = {}
        for row in rows:
            bridge_id = row.get("BridgeID")
            if self._is_half(row) and bridge_id and bridge_id not in self.holding:
                ends.setdefault(local_pair(row.get("Channel")), []).append(bridge_id)
        groups: dict[str, set[str]] = {}
        for one, other in (pair for pair in ends.values() if len(pair) == len("12")):
            group = groups.get(one, {one}) | groups.get(other, {other})
            groups |= dict.fromkeys(group, group)
        return {room: min(group) for room, group in groups.items()}

    def _half(self, row: Message) -> SeenHalf:
        bridge_id, name = (
            row.get("BridgeID"),
            self._of(row, "RD_REF") or self._callers.get(self._room(row), ""),
        )
        try:
            call_id = parse_call_id(name) if name else None
        except InvalidValue:
            call_id = None
        is_heard = bridge_id not in self.holding
        return SeenHalf(
            row.get("Uniqueid"), row.get("Channel"), bridge_id if is_heard else "", call_id
        )

    def _of(self, row: Message, name: str) -> str:
        return self.variables[row.get("Uniqueid")].get(name, "")

    def _busy(self, rows: list[Message]) -> dict[Endpoint, list[tuple[tuple[int, int], str]]]:
        """In which calls a phone talks, with the age of its channel there."""
        busy: dict[Endpoint, list[tuple[tuple[int, int], str]]] = {}
        for row in rows:
            endpoint, call_id = endpoint_of(row.get("Channel")), self._of(row, "RD_REF")
            if endpoint is not None and call_id and row.get("BridgeID"):
                busy.setdefault(endpoint, []).append((_age(row), call_id))
        return busy

    def _legs(self, rows: list[Message]) -> dict[str, tuple[SeenLeg, ...]]:
        """Legs by call id: by the caller's bridge, or by RD_REF.

        In this order, since Queue() sets no RD_REF, and one who was handed over has that of the second line.
        """
        anchors = {row.get("Uniqueid") for row in self.anchors}
        found: dict[str, tuple[SeenLeg, ...]] = {}
        for row in rows:
            own_id = self._of(row, "RD_CALL")
            reference = self._callers.get(self._room(row)) or self._of(row, "RD_REF") or own_id
            endpoint = endpoint_of(row.get("Channel"))
            if not reference or row.get("Uniqueid") in anchors or endpoint is None:
                continue
            call_id, role = reference, "agent"
            if reference in self.serves:
                call_id, role = self.serves[reference], "own" if own_id else "consult"
            leg = SeenLeg(
                LegId(row.get("Uniqueid")),
                row.get("Channel"),
                endpoint,
                row.get("ChannelStateDesc") == "Ringing",
                row.get("BridgeID"),
                role,
            )
            found[call_id] = (*found.get(call_id, ()), leg)
        for row in self.anchors:
            served, endpoint = self._of(row, "RD_ASKS"), endpoint_of(row.get("Channel"))
            if served and endpoint is not None:
                uniqueid, name = LegId(row.get("Uniqueid")), row.get("Channel")
                leg = SeenLeg(uniqueid, name, endpoint, False, row.get("BridgeID"))
                found[served] = (*found.get(served, ()), leg)
        return found


def _age(row: Message) -> tuple[int, int]:
    """When a channel was made, as its Uniqueid says it: ``pbx1-1795308718.12``."""
    began, _, index = row.get("Uniqueid").rpartition("-")[2].partition(".")
    return (int(began), int(index)) if began.isdigit() and index.isdigit() else (0, 0)
