"""The conversation about a callback: what is asked, and where each answer leads."""

from __future__ import annotations

import pytest

from ivr import callback
from ivr.adapters.callback_sentences import CALLBACK_TEXTS
from ivr.callback import Over, Request, Talk, Withdraw, begin, digit_prompts
from ivr.model import AskDigits, AskKey, Digits, Heard, Key, Say, Silence

pytestmark = pytest.mark.unit

MINE, OTHER = "13800138000", "01082345678"


def after(step: callback.Step, *answers: Heard) -> callback.Step:
    """What comes after these answers."""
    for heard in answers:
        step = callback.answer(step[0], heard)
    return step


def asked(step: callback.Step) -> tuple[str, ...]:
    """The prompts of the question."""
    question = step[1][-1]
    assert isinstance(question, AskKey | AskDigits)
    return question.prompts


def test_the_number_from_which_he_calls_is_spoken_and_confirmed() -> None:
    step = begin(MINE, None)
    assert asked(step) == (callback.FROM, *digit_prompts(MINE), callback.KEYS)
    assert asked(step)[1:4] == ("ivr-digit-1", "ivr-digit-3", "ivr-digit-8")
    assert after(step, Key("1"))[1] == (Request(MINE),)


def test_another_number_is_entered_spoken_and_confirmed() -> None:
    step = after(begin(MINE, None), Key("2"))
    assert asked(step) == (callback.ENTER,)
    step = after(step, Digits(OTHER))
    assert asked(step) == (callback.ENTERED, *digit_prompts(OTHER), callback.CONFIRM)
    assert after(step, Key("1"))[1] == (Request(OTHER),)
    again = after(step, Key("2"), Digits(MINE), Key("1"))
    assert again[1] == (Request(MINE),)


def test_a_withheld_number_must_be_entered() -> None:
    assert asked(begin("", None)) == (callback.ENTER,)


def test_nothing_is_asked_for_before_he_has_confirmed() -> None:
    for answers in ((Silence(),), (Key("2"),), (Key("2"), Digits(OTHER)), (Key("5"),)):
        assert not [x for x in after(begin(MINE, None), *answers)[1] if isinstance(x, Request)]


@pytest.mark.parametrize(
    "answers", [(Key("*"),), (Key("2"), Digits("*")), (Silence(),) * 3, (Key("2"), *(Silence(),) * 3)]
)  # fmt: skip
def test_star_and_silence_lead_back_to_the_line(answers: tuple[Heard, ...]) -> None:
    assert after(begin(MINE, None), *answers)[1] == (Over(is_leaving=False),)


def test_he_is_told_that_it_is_accepted_and_hangs_up() -> None:
    says = Say(callback.DONE, is_interruptible=False)
    assert callback.accepted(Talk(callback.Stage.REQUEST, MINE))[1] == (says, Over(is_leaving=True))


@pytest.mark.parametrize(
    ("reason", "prompt"),
    [("number_not_allowed", callback.REFUSED), ("not_journalled", callback.FAILED)],
)
def test_a_refusal_is_told_and_he_waits_on(reason: str, prompt: str) -> None:
    talk = Talk(callback.Stage.REQUEST, MINE)
    told = callback.refused(talk, reason)[1]
    assert told == (Say(prompt, is_interruptible=False), Over(is_leaving=False))


def test_whoever_has_one_is_told_where_it_stands_and_chooses() -> None:
    step = begin(MINE, 12)
    assert asked(step) == (callback.STANDS, "ivr-digit-1", "ivr-digit-2", callback.CANCEL)
    assert after(step, Key("9"))[1] == (Withdraw(),)
    assert after(step, Key("1"))[1][-1] == Over(is_leaving=True)
    assert after(step, Silence())[1] == (Over(is_leaving=False),)
    late = callback.refused(Talk(callback.Stage.REQUEST, OTHER), "callback_stands", 3)
    assert asked(late)[:2] == (callback.STANDS, "ivr-digit-3")


def test_every_sentence_is_there_in_both_languages() -> None:
    said = {v for k, v in vars(callback).items() if k.isupper() and isinstance(v, str)}
    said -= {callback.BACK}
    assert said | set(digit_prompts("0123456789")) == set(CALLBACK_TEXTS)
    assert [k for k, v in CALLBACK_TEXTS.items() if not (v["en"].strip() and v["zh"].strip())] == []


def test_a_number_is_seen_in_no_text_of_what_happens() -> None:
    step = after(begin("", None), Digits(OTHER))
    assert OTHER not in repr(step[0])
    assert OTHER not in repr(after(step, Key("1")))
