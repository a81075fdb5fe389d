"""A small telling of calls, twice: as Asterisk's rows and as the journal's events; tests then spoil one of the two.

Instants are seconds after a fixed moment. ``Story`` keeps both lists; each verb writes what Asterisk and the service write
when that happens. ``inquire`` lays them beside each other.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime, timedelta

from cti.domain import events as ev
from cti.domain.ids import CallId, Endpoint, LegId, QueueName
from cti.witness.inquiry import Inquiry, Window
from cti.witness.seen import CdrRow, CelRow

START = datetime(2020, 6, 1, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So long after the story began."""
    return START + timedelta(seconds=seconds)


def leg(serial: int) -> LegId:
    """The id of the channel with this serial number."""
    return LegId(f"pbx1-1795300000.{serial}")


@dataclass
class Story:
    """Both versions of what happened, in the order of telling."""

    rows: list[CelRow] = field(default_factory=list)
    records: list[CdrRow] = field(default_factory=list)
    events: list[ev.Event] = field(default_factory=list)
    names: dict[LegId, str] = field(default_factory=dict)
    began: dict[LegId, float] = field(default_factory=dict)
    context: str = "rd-trunk"  # of the rows to come

    # ---- Asterisk's pen ------------------------------------------------------------------------

    def row(
        self, kind: str, seconds: float, serial: int, extra: object = None, application: str = ""
    ) -> None:
        """One row of CEL."""
        leg_id = leg(serial)
        text = json.dumps(extra) if extra is not None else ""
        self.rows.append(
            CelRow(kind, at(seconds), leg_id, self.names[leg_id], self.context, application, text)
        )

    def starts(self, seconds: float, serial: int, name: str) -> None:
        """A channel."""
        self.names[leg(serial)] = name if ";" in name else f"{name}-{serial:08x}"
        self.began[leg(serial)] = seconds
        self.row("CHAN_START", seconds, serial)

    def enters(
        self, seconds: float, bridge: str, *serials: int, kind: str = "simple_bridge"
    ) -> None:
        """Channels come into a bridge."""
        for serial in serials:
            extra = {"bridge_id": bridge, "bridge_technology": kind}
            self.row("BRIDGE_ENTER", seconds, serial, extra)

    def leaves(self, seconds: float, bridge: str, *serials: int) -> None:
        """Channels leave it."""
        for serial in serials:
            self.row(
                "BRIDGE_EXIT", seconds, serial, {"bridge_id": bridge, "bridge_technology": "x"}
            )

    def hangs_up(
        self, seconds: float, serial: int, by: int | None = None, cause: int = 16, source: str = ""
    ) -> None:
        """The end of a channel, and its CDR."""
        source = self.names[leg(by)] if by is not None else source
        extra = {"hangupcause": cause, "hangupsource": source, "dialstatus": ""}
        self.row("HANGUP", seconds, serial, extra)
        began = at(self.began[leg(serial)])
        self.records.append(
            CdrRow(
                began,
                began,
                at(seconds),
                "ANSWERED",
                "rd-dial",
                "Dial",
                self.names[leg(serial)],
                "",
                leg(serial),
            )
        )

    # ---- whole calls ---------------------------------------------------------------------------

    def queue_call(self, seconds: float = 0, serial: int = 0, talk: float = 20) -> CallId:
        """Offered, menu, queue, rung, answered after 5 s, talked, the caller hangs up."""
        call_id = self.offered(seconds, serial)
        self.rung(seconds + 3, serial + 1, call_id)
        self.answered(seconds + 5, serial, serial + 1, call_id)
        self.ended(seconds + 5 + talk, serial, serial + 1, call_id)
        return call_id

    def offered(self, seconds: float, serial: int) -> CallId:
        """A caller comes in and waits."""
        call_id = CallId(f"{leg(serial)}-7")
        self.starts(seconds, serial, "PJSIP/trunk_demo")
        self.row("ANSWER", seconds, serial)
        self.events.append(ev.CallOffered(at=at(seconds), call_id=call_id, leg_id=leg(serial)))
        self.events.append(
            ev.CallEnqueued(
                at=at(seconds + 2),
                call_id=call_id,
                queue=QueueName("line"),
                enqueued_at=at(seconds + 2),
            )
        )
        return call_id

    def rung(
        self, seconds: float, serial: int, call_id: CallId, phone: str = "1101", role: str = "agent"
    ) -> None:
        """A phone is dialled for the call."""
        self.starts(seconds, serial, f"PJSIP/{phone}")
        self.events.append(
            ev.LegDialled(
                at=at(seconds),
                call_id=call_id,
                leg_id=leg(serial),
                endpoint=Endpoint(phone),
                role=role,
            )
        )

    def answered(
        self, seconds: float, caller: int, phone: int, call_id: CallId, bridge: str = ""
    ) -> None:
        """Caller and phone are brought together."""
        self.row("ANSWER", seconds, phone)
        self.enters(seconds, bridge or f"b{phone}", phone, caller)
        self.events.append(
            ev.CallConnected(
                at=at(seconds), call_id=call_id, leg_id=leg(phone), endpoint=self.phone(phone)
            )
        )

    def ended(self, seconds: float, caller: int, phone: int, call_id: CallId) -> None:
        """The caller hangs up, the phone goes with him."""
        self.leaves(seconds, f"b{phone}", caller, phone)
        self.hangs_up(seconds, phone, by=caller)
        self.hangs_up(seconds, caller, by=caller)
        self.leg_ended(seconds, phone, call_id)
        self.call_ended(seconds, call_id)

    def leg_ended(self, seconds: float, serial: int, call_id: CallId, cause: int = 16) -> None:
        """The journal's end of a leg."""
        self.events.append(
            ev.LegEnded(
                at=at(seconds),
                call_id=call_id,
                leg_id=leg(serial),
                endpoint=self.phone(serial),
                cause=cause,
            )
        )

    def call_ended(
        self, seconds: float, call_id: CallId, by: str = "caller", cause: int = 16
    ) -> None:
        """The journal's end of a call."""
        self.events.append(ev.CallEnded(at=at(seconds), call_id=call_id, cause=cause, ended_by=by))

    def phone(self, serial: int) -> Endpoint:
        """The phone of a channel."""
        return Endpoint(self.names[leg(serial)].removeprefix("PJSIP/").rpartition("-")[0])

    # ---- spoiling ------------------------------------------------------------------------------

    def without(self, is_it: Callable[[ev.Event], bool]) -> Story:
        """The journal lost some of its events."""
        self.events = [event for event in self.events if not is_it(event)]
        return self

    def inquire(
        self, *, now: float = 3600, with_live: bool = False, window: Window | None = None
    ) -> Inquiry:
        """Lay both versions beside each other, as of ``now``."""
        inquiry = Inquiry(window=window or Window())
        things: list[CelRow | CdrRow | ev.Event] = [*self.rows, *self.records, *self.events]
        for thing in sorted(things, key=lambda t: t.ended_at if isinstance(t, CdrRow) else t.at):
            match thing:
                case CelRow():
                    inquiry.saw(thing)
                case CdrRow():
                    inquiry.counted(thing)
                case _:
                    inquiry.heard(thing)
            inquiry.settle()
        inquiry.finish(at(now), with_live=with_live)
        return inquiry


def kinds(inquiry: Inquiry) -> list[str]:
    """What sorts of differences were found."""
    return [found.kind for found in inquiry.differences]


def text_of(rows: Sequence[CelRow | CdrRow]) -> bytes:
    """Rows as Asterisk writes them."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        fields = [v.timestamp() if isinstance(v, datetime) else v for v in astuple(row)]
        writer.writerow(fields)
    return out.getvalue().encode()
