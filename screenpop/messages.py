"""What a page may send, as shapes. Pure.

A message of no known shape closes the socket; a command with wrong arguments is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

_Id = Annotated[int, Field(ge=1, le=2**53)]
_CallIdText = Annotated[str, Field(max_length=96)]


class Args(BaseModel):
    """Base of all: no unknown keys, values of the very type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NoArgs(Args):
    """Nothing."""


class SignInArgs(Args):
    """Which phone."""

    phone: Literal["browser", "desk", "shared", "outside"]
    extension: Annotated[str, Field(pattern=r"^[1-9][0-9]{2,4}$")] | None = None  # of a shared one
    number: Annotated[str, Field(min_length=1, max_length=40)] | None = None  # of one outside


class ReasonArgs(Args):
    """Why not ready."""

    reason: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class CallArgs(Args):
    """Which call."""

    call_id: _CallIdText


class MuteArgs(CallArgs):
    """Muted or open."""

    muted: bool


class PauseArgs(CallArgs):
    """Paused or going on."""

    paused: bool


class TargetArg(Args):
    """Whom to call, or where to send a caller. Numbers outside as they were typed."""

    kind: Literal["agent", "queue", "menu", "outside"]
    value: Annotated[str, Field(min_length=1, max_length=40)]
    caller_id: Annotated[str, Field(pattern=r"^\+?[0-9]{2,20}$")] | None = None


class DialArgs(Args):
    """Whom to call."""

    target: TargetArg


class TargetArgs(CallArgs):
    """Which call, and to whom."""

    target: TargetArg


class HandArgs(CallArgs):
    """Which waiting caller, and why; the reason is free text and reaches no journal row of its own."""

    why: Annotated[str, Field(min_length=1, max_length=500)]


class PushArgs(HandArgs):
    """To which extension; ``force``: whatever he is doing, as long as his phone is free."""

    agent: Annotated[str, Field(pattern=r"^[1-9][0-9]{2,4}$")]
    force: bool = False


class PlaceArgs(HandArgs):
    """Where in the line, from 1."""

    place: Annotated[int, Field(ge=1, le=100_000)]


class PriorityArgs(HandArgs):
    """How many seconds count as wait."""

    credit_s: Annotated[int, Field(ge=-86_400, le=86_400)]


class DemandArgs(HandArgs):
    """Which skills; None: what was said before counts again."""

    demand: Annotated[str, Field(max_length=400)] | None


class DigitsArgs(CallArgs):
    """Tones to send."""

    digits: Annotated[str, Field(pattern=r"^[0-9A-D*#]{1,32}$")]


class PartyArgs(CallArgs):
    """Which party of a conference."""

    endpoint: Annotated[str, Field(max_length=64)]


class ParkArgs(CallArgs):
    """Which parking place."""

    slot: Annotated[str, Field(pattern=r"^[1-9]$")]


class FetchArgs(Args):
    """From which parking place."""

    slot: Annotated[str, Field(pattern=r"^[1-9]$")]


_Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
_Milliseconds = Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)]
_Mos = Annotated[float, Field(ge=1, le=4.5, allow_inf_nan=False)]


class QualityArgs(CallArgs):
    """How a stretch of the call sounded at the page's phone; ``ev.ConnectionMeasured`` says what the figures mean."""

    measured_s: Annotated[float, Field(ge=1, le=900, allow_inf_nan=False)]
    lost_in: _Percent
    lost_out: _Percent | None
    jitter_ms: _Milliseconds
    round_trip_ms: _Milliseconds | None
    mos: _Mos
    worst_mos: _Mos


class CallMenuArgs(CallArgs):
    """Into which menu of the company's."""

    menu: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class MoveArgs(CallArgs):
    """To which of the agent's own phones."""

    phone: Literal["browser", "desk"]


class NoteArgs(Args):
    """The note's new text, and the version that was read."""

    ticket_id: _Id
    text: Annotated[str, Field(max_length=20_000)]
    version: Annotated[int, Field(ge=0, le=2**53)]


class DispositionArgs(CallArgs):
    """The outcome."""

    ticket_id: _Id
    disposition: Annotated[str, Field(max_length=64)]


class AttachArgs(CallArgs):
    """The ticket to attach to."""

    ticket_id: _Id


class RenameArgs(Args):
    """A customer's new name."""

    customer_id: _Id
    name: Annotated[str, Field(max_length=200)]
    company: Annotated[str, Field(max_length=200)]


class ChooseArgs(CallArgs):
    """Which of the candidates."""

    customer_id: _Id


class AssignArgs(CallArgs):
    """Which customer calls; ``keep_number``: he is found by this number from now on."""

    customer_id: _Id
    keep_number: bool


class CreateArgs(CallArgs):
    """A new file."""

    name: Annotated[str, Field(max_length=200)]
    company: Annotated[str, Field(max_length=200)]


class CustomerNoteArgs(Args):
    """A customer's note, anew."""

    customer_id: _Id
    text: Annotated[str, Field(max_length=2_000)]


class WarnArgs(Args):
    """A customer's warning, anew; empty: none."""

    customer_id: _Id
    text: Annotated[str, Field(max_length=200)]


class Hello(Args):
    """The first message: what the page has seen already."""

    type: Literal["hello"]
    boot: Annotated[str, Field(max_length=64)] | None
    seq: Annotated[int, Field(ge=0, le=2**53)]
    language: Annotated[str, Field(max_length=16)] = ""
    page: Annotated[str, Field(max_length=64)] = ""  # tells the tabs of one browser apart


class CommandMessage(Args):
    """Something to be done; ``args`` are checked by the command's own shape."""

    type: Literal["command"]
    id: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(max_length=64)]
    args: dict[str, Any]


class PaintedMessage(CallArgs):
    """The pop of this token was painted."""

    type: Literal["painted"]
    token: Annotated[str, Field(max_length=64)]


class PhoneMessage(Args):
    """How the browser phone is."""

    type: Literal["phone"]
    registered: bool
    sessions: Annotated[list[Annotated[str, Field(max_length=96)]], Field(max_length=10)]
    mic: Literal["ok", "blocked", "missing"]


class WatchMessage(Args):
    """The dialog that shows the directory was opened or closed."""

    type: Literal["watch"]
    directory: bool


class PongMessage(Args):
    """Answers a ping."""

    type: Literal["pong"]
    t: float | int | str | None = None


PageMessage = CommandMessage | PaintedMessage | PhoneMessage | WatchMessage | PongMessage
HELLO: TypeAdapter[Hello] = TypeAdapter(Hello)
