"""The shapes of the day's commands. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from screenpop import notices, promises
from screenpop.messages import Args, CallArgs

_WallTime = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$")]
"""Where the company is."""


class CallBackArgs(CallArgs):
    """Whom to call, by the call that names the entry; and what he is to see."""

    caller_id: Annotated[str, Field(pattern=r"^\+?[0-9]{2,20}$")] | None = None


class CloseMissedArgs(CallArgs):
    """Why nobody needs to call; a word of this list, since it stands in the journal for good."""

    result: Literal["solved", "wrong_number", "no_need", "other"]


class MakePromiseArgs(CallArgs):
    """When, and what for; the text is free and stands in the customer's own rows."""

    due: _WallTime
    text: Annotated[str, Field(max_length=promises.MAX_TEXT)] = ""


class MovePromiseArgs(CallArgs):
    """To when."""

    due: _WallTime


class HandPromiseArgs(CallArgs):
    """To whom: an extension, or a queue."""

    kind: Literal["agent", "queue"]
    value: Annotated[str, Field(min_length=1, max_length=40)]


class EndPromiseArgs(CallArgs):
    """How it ended."""

    result: Literal["done", "withdrawn"]


class SendMessageArgs(Args):
    """To whom (``target``: an extension, or a team's name), and what."""

    audience: Literal["agent", "team", "all"]
    target: Annotated[str, Field(max_length=64)] = ""
    text: Annotated[str, Field(min_length=1, max_length=notices.MAX_TEXT)]


class ReadMessageArgs(Args):
    """Which one was seen."""

    message_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
