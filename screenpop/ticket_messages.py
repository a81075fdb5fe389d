"""What a page may send about tickets, as shapes; see ``messages.py``. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from screenpop.messages import Args, PageMessage

_Id = Annotated[int, Field(ge=1, le=2**31 - 1)]
_Value = Annotated[str, Field(max_length=500)]
_FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class TicketArgs(Args):
    """Which ticket."""

    ticket_id: _Id


class ChangeArgs(TicketArgs):
    """What was read, and what is to be different. ``due`` is an instant in ISO 8601; an empty value takes away."""

    revision: Annotated[int, Field(ge=0, le=2**31 - 1)]
    changes: dict[
        Literal["subject", "category", "priority", "status", "group", "owner", "due"], _Value
    ] = Field(default_factory=dict)
    fields: Annotated[dict[_FieldName, _Value], Field(max_length=20)] = Field(default_factory=dict)


class CommentArgs(TicketArgs):
    """What to say to the colleagues."""

    text: Annotated[str, Field(max_length=5_000)]


class HandOverArgs(TicketArgs):
    """To which group, to whom, and why."""

    revision: Annotated[int, Field(ge=0, le=2**31 - 1)]
    group: Annotated[str, Field(max_length=64)] = ""
    owner: Annotated[str, Field(max_length=64)] = ""
    note: Annotated[str, Field(max_length=5_000)] = ""


class TextArgs(Args):
    """A canned text of one's own; an empty one removes it."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    text: Annotated[str, Field(max_length=5_000)]


class TicketsMessage(Args):
    """The list that the page looks at: how many rows of it; None: none any more."""

    type: Literal["tickets"]
    view: Literal["mine", "group", "due", "search"] | None
    question: Annotated[str, Field(max_length=200)] = ""
    limit: Annotated[int, Field(ge=0, le=1_000)] = 0


AnyMessage = PageMessage | TicketsMessage
PAGE_MESSAGE: TypeAdapter[AnyMessage] = TypeAdapter(
    Annotated[AnyMessage, Field(discriminator="type")]
)
