from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.domain.ids import QueueName
from ivr import model, waiting
from ivr.model import (
    AskDigits,
    AskKey,
    Command,
    Digits,
    Enqueue,
    FlowState,
    HangUp,
    Heard,
    Key,
    NoteEntered,
    NoteInput,
    NoteLeft,
    PauseRecording,
    ResumeRecording,
    Say,
    Script,
    SetLanguage,
    Silence,
    Started,
    Step,
    begin,
    step,
)
from tests.ivr.flows import MONDAY_NOON, SUNDAY_NOON, any_script, company, flow, node, script

pytestmark = pytest.mark.unit

MENU = node("menu", "menu", keys={"1": "sales", "2": "pin"}, retries=1, label="Main")
SALES = node("sales", "queue", queue="sales")
PIN = node("pin", "collect", max_digits=6, is_sensitive=True, next="sales", retries=0)


def play(script: Script, *heard: Heard, now: datetime = MONDAY_NOON) -> tuple[Step, list[Command]]:
    """Run a flow; returns the last step and every command."""
    last = step(script, begin(script), Started(), now)
    commands = list(last.commands)
    for item in heard:
        last = step(script, last.state, item, now)
        commands += last.commands
    return last, commands


def left(commands: list[Command]) -> NoteLeft:
    return next(c for c in commands if isinstance(c, NoteLeft))


def test_a_greeting_is_said_and_the_menu_asked_in_one_step() -> None:
    first, _ = play(script(node("hello", "say", next="menu"), MENU, SALES, PIN))
    assert first.commands == (
        SetLanguage("en"),
        NoteEntered("hello", ""),
        Say("main-hello"),
        NoteEntered("menu", "Main"),
        AskKey(("main-menu",), timedelta(seconds=5)),
    )
    assert not first.state.is_over


def test_a_key_leads_to_the_queue() -> None:
    last, _ = play(script(MENU, SALES, PIN), Key("1"))
    assert last.commands == (
        NoteInput("menu", "match", is_sensitive=False, digits="1"),
        NoteEntered("sales", ""),
        NoteLeft("queue", QueueName("sales"), "en"),
        Enqueue(QueueName("sales")),
    )
    assert last.state.is_over


def test_a_wrong_key_and_silence_are_told_apart_and_asked_again_without_old_keys() -> None:
    wrong, _ = play(script(MENU, SALES, PIN), Key("9"))
    assert wrong.commands[0] == NoteInput("menu", "no_match", is_sensitive=False, digits="9")
    ask = wrong.commands[1]
    assert isinstance(ask, AskKey)
    assert ask.prompts == (model.RETRY_KEY, "main-menu")
    assert not ask.keeps_keys
    silent, _ = play(script(MENU, SALES, PIN), Silence())
    again = silent.commands[1]
    assert isinstance(again, AskKey)
    assert again.prompts == (model.RETRY_SILENCE, "main-menu")


@pytest.mark.parametrize(
    ("fields", "answers", "queue"),
    [
        ({"no_input": "sales", "no_match": "help"}, (Silence(), Silence()), "sales"),
        ({"no_input": "sales", "no_match": "help"}, (Silence(), Key("9")), "help"),
        ({"no_match": "help"}, (Silence(), Silence()), "help"),
    ],
)
def test_after_the_last_retry_the_way_depends_on_what_was_missing(
    fields: dict[str, str], answers: Sequence[Heard], queue: str
) -> None:
    menu = node("menu", "menu", keys={"1": "sales"}, retries=1, **fields)
    _, commands = play(script(menu, SALES, node("help", "queue", queue="help")), *answers)
    assert commands[-1] == Enqueue(QueueName(queue))


def test_without_a_way_on_he_is_told_before_it_is_hung_up() -> None:
    menu = node("menu", "menu", keys={"1": "sales"}, retries=0)
    last, _ = play(script(menu, SALES), Silence())
    assert last.commands[1:] == (
        Say(model.GIVE_UP, is_interruptible=False),
        NoteLeft("hangup", None, "en"),
        HangUp(),
    )


def test_collected_digits_are_noted() -> None:
    collect = node("invoice", "collect", max_digits=8, next="sales")
    first, _ = play(script(collect, SALES))
    assert first.commands[-1] == AskDigits(("main-invoice",), 8, timedelta(seconds=5))
    last, _ = play(script(collect, SALES), Digits("20260302"))
    assert last.commands[0] == NoteInput("invoice", "match", is_sensitive=False, digits="20260302")


def test_only_a_hash_is_no_answer_to_a_collect() -> None:
    collect = node("invoice", "collect", max_digits=8, next="sales", retries=0, no_input="help")
    _, commands = play(script(collect, SALES, node("help", "queue", queue="help")), Digits(""))
    assert commands[-1] == Enqueue(QueueName("help"))


@pytest.mark.parametrize(("now", "name"), [(MONDAY_NOON, "sales"), (SUNDAY_NOON, "closed")])
def test_hours_choose_the_way(now: datetime, name: str) -> None:
    gate = node("gate", "hours", hours="office", next="sales", closed="closed")
    _, commands = play(script(gate, SALES, node("closed", "hangup")), now=now)
    entered = [c.node for c in commands if isinstance(c, NoteEntered)]
    assert entered == ["gate", name]
    assert left(commands).outcome == ("queue" if name == "sales" else "closed")


def test_a_closed_company_says_its_message_whole() -> None:
    gate = node("gate", "hours", hours="office", next="sales", closed="closed")
    _, commands = play(script(gate, SALES, node("closed", "hangup")), now=SUNDAY_NOON)
    assert Say("main-closed", is_interruptible=False) in commands
    assert commands[-1] == HangUp()


def test_the_language_goes_with_the_caller() -> None:
    chinese = node("chinese", "language", language="zh", next="sales")
    last, commands = play(script(chinese, SALES))
    assert SetLanguage("zh") in commands
    assert left(commands).language == "zh"
    assert last.state.language == "zh"


def test_recording_pauses_around_every_question_of_a_sensitive_node() -> None:
    pin = PIN.model_copy(update={"retries": 1})
    _, commands = play(script(pin, SALES), Silence(), Digits("739182"))
    kinds = [
        type(c)
        for c in commands
        if isinstance(c, (PauseRecording, ResumeRecording, AskDigits, Enqueue))
    ]
    once = [PauseRecording, AskDigits, ResumeRecording]
    assert kinds == [*once, *once, Enqueue]


def test_a_loop_without_a_question_ends_in_the_default_queue_at_once() -> None:
    circle = (node("a", "say", next="b"), node("b", "language", language="zh", next="a"))
    last, commands = play(script(*circle))
    assert left(commands) == NoteLeft("failed", QueueName("help"), "zh")
    assert commands[-1] == Enqueue(QueueName("help"))
    assert last.state.is_over
    assert [c.prompt for c in commands if isinstance(c, Say)] == ["main-a"]  # once, not 100 times
    _, without = play(script(*circle, default=None))
    assert without[-3:] == [
        Say(model.GIVE_UP, is_interruptible=False),
        NoteLeft("failed", None, "zh"),
        HangUp(),
    ]


def test_a_silent_caller_in_a_loop_of_menus_reaches_a_person() -> None:
    menu = node("menu", "menu", keys={"1": "sales"}, retries=0, no_input="menu2")
    second = node("menu2", "menu", keys={"1": "sales"}, retries=0, no_input="menu")
    walk = script(menu, second, SALES)
    last = step(walk, begin(walk), Started(), MONDAY_NOON)
    questions = 1
    while not last.state.is_over:
        last = step(walk, last.state, Silence(), MONDAY_NOON)
        questions += 1
    assert questions == model.MAX_UNANSWERED + 1
    assert last.commands[-1] == Enqueue(QueueName("help"))


def test_who_hears_the_menu_again_and_again_reaches_a_person() -> None:
    walk = script(node("menu", "menu", keys={"*": "menu"}))
    last = step(walk, begin(walk), Started(), MONDAY_NOON)
    while not last.state.is_over:
        last = step(walk, last.state, Key("*"), MONDAY_NOON)
    assert last.state.entered == model.MAX_NODES
    assert last.commands[-1] == Enqueue(QueueName("help"))


def test_nothing_comes_after_the_end() -> None:
    last, _ = play(script(SALES))
    with pytest.raises(ValueError, match="over"):
        step(script(SALES), last.state, Silence(), MONDAY_NOON)


def test_an_error_outside_ends_in_the_default_queue_with_the_recording_on() -> None:
    walk = script(PIN, SALES)
    first = step(walk, begin(walk), Started(), MONDAY_NOON)
    rescue = model.fail(walk, first.state)
    assert rescue.commands == (
        ResumeRecording(),
        NoteLeft("failed", QueueName("help"), "en"),
        Enqueue(QueueName("help")),
    )


def test_the_default_queue_is_the_nearest_in_the_flow() -> None:
    near = flow(MENU, PIN, SALES.model_copy(update={"queue": "help"}))
    assert model.default_queue(near, company(near)) == "help"
    nowhere = flow(node("bye", "hangup"))
    assert model.default_queue(nowhere, company(nowhere)) == "sales"


@pytest.mark.parametrize(
    ("position", "name"),
    [(1, "ivr-position-1"), (20, "ivr-position-20"), (21, waiting.POSITION_MANY)],
)
def test_positions_have_sentences(position: int, name: str) -> None:
    assert waiting.position_prompt(position) == name


# ---- properties --------------------------------------------------------------------------------

SECRET = "73918264"


def _well_formed(commands: tuple[Command, ...], state: FlowState) -> None:
    *before, final = commands
    assert not any(isinstance(c, (AskKey, AskDigits, Enqueue, HangUp)) for c in before)
    assert isinstance(final, (Enqueue, HangUp) if state.is_over else (AskKey, AskDigits))
    assert sum(isinstance(c, NoteLeft) for c in commands) == state.is_over
    if state.is_over:
        note = before[-1]
        assert isinstance(note, NoteLeft)
        assert note.queue == (final.queue if isinstance(final, Enqueue) else None)
        assert not state.is_recording_paused
    elif isinstance(final, (AskKey, AskDigits)):
        assert final.is_sensitive == state.is_recording_paused


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_every_path_ends_and_every_step_is_well_formed(seed: int) -> None:
    walk, draw = any_script(seed), random.Random(seed)
    last = step(walk, begin(walk), Started(), MONDAY_NOON)
    for _ in range(model.MAX_NODES * 7):
        _well_formed(last.commands, last.state)
        if last.state.is_over:
            return
        heard: Heard = Silence() if draw.random() < 0.3 else Key(draw.choice("0123456789*#"))
        if isinstance(last.commands[-1], AskDigits) and isinstance(heard, Key):
            heard = Digits(heard.digit * last.commands[-1].max_digits)
        last = step(walk, last.state, heard, draw.choice([SUNDAY_NOON, MONDAY_NOON]))
    pytest.fail("the flow runs on")


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_no_digit_of_a_sensitive_node_is_in_any_output(seed: int) -> None:
    walk, draw = any_script(seed), random.Random(seed)
    last = step(walk, begin(walk), Started(), MONDAY_NOON)
    while not last.state.is_over:
        ask = last.commands[-1]
        assert isinstance(ask, (AskKey, AskDigits))
        heard: Heard = Key(draw.choice("0123456789*#"))
        if isinstance(ask, AskDigits):
            heard = Digits(SECRET if ask.is_sensitive else "1")
        last = step(walk, last.state, heard, MONDAY_NOON)
        if ask.is_sensitive:
            note = next(c for c in last.commands if isinstance(c, NoteInput))
            assert note.is_sensitive
            assert note.digits == ""
        assert SECRET not in _everything(last)


def _everything(last: Step) -> str:
    # Field by field, since a repr hides what it is told to hide.
    return str([asdict(last.state), *(asdict(command) for command in last.commands)])


def test_what_was_pressed_is_in_no_repr() -> None:
    assert SECRET not in repr([Key(SECRET), Digits(SECRET)])
    assert SECRET not in repr(NoteInput("invoice", "match", is_sensitive=False, digits=SECRET))
