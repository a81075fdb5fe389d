"""The conversation with a caller who wants to be called back: ``(state, heard) -> (state, what is to be done)``. Pure.

He hears the number from which he calls digit by digit and takes it, or enters another one; a withheld number must be
entered. Whose number is waited for already is told where it stands, and may take it back. Silence and the star lead back to
the line. Nothing is stored before he has confirmed a number, and nothing that he types is told to anybody but the one who
is asked to call him back.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import timedelta

from cti.domain.evolving import replace
from ivr.model import AskDigits, AskKey, Digits, Heard, Key, Say

FROM = "ivr-callback-from"
KEYS = "ivr-callback-keys"
ENTER = "ivr-callback-enter"
ENTERED = "ivr-callback-entered"
CONFIRM = "ivr-callback-confirm"
DONE = "ivr-callback-done"
REFUSED = "ivr-callback-refused"
FAILED = "ivr-callback-failed"
STANDS = "ivr-callback-stands"
CANCEL = "ivr-callback-cancel"
CANCELLED = "ivr-callback-cancelled"
KEPT = "ivr-callback-kept"

MAX_DIGITS = 20
MAX_TRIES = 3
"""Questions without a good answer, until he goes back to the line."""
KEY_TIME = timedelta(seconds=8)
DIGIT_TIME = timedelta(seconds=6)
BACK = "*"


class Stage(enum.Enum):
    """What was asked last."""

    CHOOSE = "choose"  # this number or another
    ENTER = "enter"
    CONFIRM = "confirm"
    STANDS = "stands"  # keep or cancel what stands already
    REQUEST = "request"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Talk:
    """Where the conversation is. ``number`` is what he may be called back at, once he confirms it."""

    stage: Stage
    number: str = field(default="", repr=False)
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """Ask for the callback."""

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take back what stands for his number."""


@dataclass(frozen=True, slots=True)
class Over:
    """The conversation is over; ``is_leaving``: he hangs up, else he goes on waiting."""

    is_leaving: bool


Deed = AskKey | AskDigits | Say | Request | Withdraw | Over
Step = tuple[Talk, tuple[Deed, ...]]


def digit_prompts(number: str) -> tuple[str, ...]:
    """A number digit by digit; its plus isn't spoken."""
    return tuple(f"ivr-digit-{digit}" for digit in number if digit.isdecimal())


def begin(number: str, standing: int | None) -> Step:
    """``number``: from which he calls, empty if it can't be called; ``standing``: the place of a callback for it."""
    if standing is not None:
        return _stands(Talk(Stage.STANDS), standing)
    return _offer(Talk(Stage.CHOOSE, number)) if number else _enter(Talk(Stage.ENTER))


def answer(talk: Talk, heard: Heard) -> Step:
    """He pressed something, or nothing."""
    key = heard.digit if isinstance(heard, Key) else ""
    digits = heard.digits if isinstance(heard, Digits) else ""
    match talk.stage:
        case Stage.ENTER if digits and BACK not in digits:
            return _confirm(replace(talk, stage=Stage.CONFIRM, number=digits))
        case Stage.ENTER:
            return _back(talk) if digits else _again(talk)
        case Stage.STANDS if key == "9":
            return replace(talk, stage=Stage.WITHDRAW), (Withdraw(),)
        case Stage.STANDS if key == "1":
            return talk, (Say(KEPT, is_interruptible=False), Over(is_leaving=True))
        case Stage.STANDS:
            return _back(talk)
        case _ if key == "1":
            return replace(talk, stage=Stage.REQUEST), (Request(talk.number),)
        case _ if key == "2":
            return _enter(replace(talk, stage=Stage.ENTER, number=""))
        case _ if key == BACK:
            return _back(talk)
        case _:
            return _again(talk)


def accepted(talk: Talk) -> Step:
    """It is stored: he is told so and may hang up."""
    return talk, (Say(DONE, is_interruptible=False), Over(is_leaving=True))


def refused(talk: Talk, reason: str, standing: int | None = None) -> Step:
    """It isn't: he is told why, and waits on where he was."""
    if reason == "callback_stands" and standing is not None:
        return _stands(replace(talk, stage=Stage.STANDS), standing)
    is_number = reason in ("number_not_allowed", "no_such_number")
    return talk, (
        Say(REFUSED if is_number else FAILED, is_interruptible=False),
        Over(is_leaving=False),
    )


def withdrawn(talk: Talk) -> Step:
    """What stood is taken back: he waits, or asks anew."""
    return talk, (Say(CANCELLED, is_interruptible=False), Over(is_leaving=False))


def _offer(talk: Talk) -> Step:
    prompts = (FROM, *digit_prompts(talk.number), KEYS)
    return talk, (AskKey(prompts, KEY_TIME, keeps_keys=talk.tries == 0),)


def _enter(talk: Talk) -> Step:
    return talk, (AskDigits((ENTER,), MAX_DIGITS, DIGIT_TIME, keeps_keys=talk.tries == 0),)


def _confirm(talk: Talk) -> Step:
    prompts = (ENTERED, *digit_prompts(talk.number), CONFIRM)
    return talk, (AskKey(prompts, KEY_TIME, keeps_keys=talk.tries == 0),)


def _stands(talk: Talk, standing: int) -> Step:
    prompts = (STANDS, *digit_prompts(str(standing)), CANCEL)
    return talk, (AskKey(prompts, KEY_TIME, keeps_keys=talk.tries == 0),)


def _again(talk: Talk) -> Step:
    talk = replace(talk, tries=talk.tries + 1)
    if talk.tries >= MAX_TRIES:
        return _back(talk)
    ask = {Stage.CHOOSE: _offer, Stage.CONFIRM: _confirm}.get(talk.stage, _enter)
    return ask(talk)


def _back(talk: Talk) -> Step:
    return talk, (Over(is_leaving=False),)
