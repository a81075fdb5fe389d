"""What every ``CallerSession`` does, asked of the fake and of the AGI adapter alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

import pytest

from cti.domain.errors import InvalidValue, LocalProtocolError
from cti.domain.ids import CallId
from ivr import voicemail
from ivr.adapters.agi import AgiCallerSession
from ivr.ports import CallerGone, CallerSession, MessageCutOff
from tests.fakes.agi_channel import FakeAgiChannel
from tests.fakes.caller_session import FakeCallerSession

pytestmark = pytest.mark.contract

WAIT = timedelta(seconds=5)
CALL = CallId("pbx1-1790000000.1-77")


class Lengths:
    """A ``Prompts`` in which every prompt is two seconds long, but for those that are missing."""

    def __init__(self) -> None:
        self.missing: set[str] = set()

    def length(self, prompt: str, language: str) -> timedelta | None:
        return None if prompt in self.missing else timedelta(seconds=2)


class Phone(Protocol):
    """The caller's side of a session."""

    session: CallerSession

    def press(self, keys: str) -> None: ...
    def leave(self, message: timedelta, *, hangs_up: bool = False) -> None: ...
    def hang_up(self) -> None: ...
    def heard(self) -> list[str]: ...
    def variables(self) -> dict[str, str]: ...


class InMemory:
    def __init__(self, *, is_recorded: bool = False) -> None:
        self.session = FakeCallerSession(is_recorded=is_recorded)

    def press(self, keys: str) -> None:
        self.session.press(keys)

    def leave(self, message: timedelta, *, hangs_up: bool = False) -> None:
        self.session.messages, self.session.hangs_up_in_message = [message], hangs_up

    def hang_up(self) -> None:
        self.session.hang_up()

    def heard(self) -> list[str]:
        return [name.partition("/")[2] for name in self.session.heard]

    def variables(self) -> dict[str, str]:
        return self.session.variables


class OverAgi:
    def __init__(self, *, is_recorded: bool = False) -> None:
        self.channel = FakeAgiChannel()
        if is_recorded:
            self.channel.variables["RD_REC"] = "0x7f00"
        self.lengths = Lengths()
        self.session = AgiCallerSession(self.channel, self.lengths, "en")

    def press(self, keys: str) -> None:
        self.channel.keys += keys

    def leave(self, message: timedelta, *, hangs_up: bool = False) -> None:
        self.channel.messages, self.channel.hangs_up_in_message = [message], hangs_up

    def hang_up(self) -> None:
        self.channel.is_gone = True

    def heard(self) -> list[str]:
        return [name.removeprefix("ringdesk/") for name in self.channel.played]

    def variables(self) -> dict[str, str]:
        return self.channel.variables


@pytest.fixture(params=[InMemory, OverAgi])
def phone(request: pytest.FixtureRequest) -> Phone:
    made: Phone = request.param()
    return made


async def test_a_key_answers(phone: Phone) -> None:
    phone.press("3")
    assert await phone.session.ask_key(["hello", "menu"], WAIT) == "3"
    assert await phone.session.ask_key(["menu"], WAIT) is None


async def test_silence_is_no_answer(phone: Phone) -> None:
    assert await phone.session.ask_key(["hello", "menu"], WAIT) is None
    assert await phone.session.read_digits(["number"], 4, WAIT) == ""
    assert phone.heard() == ["hello", "menu", "number"]


async def test_keys_pressed_ahead_answer_the_questions_in_turn(phone: Phone) -> None:
    phone.press("1274#5")
    await phone.session.play("hello")
    assert await phone.session.ask_key(["menu"], WAIT) == "1"
    assert await phone.session.ask_key(["second"], WAIT) == "2"
    assert await phone.session.read_digits(["number"], 8, WAIT) == "74"
    assert await phone.session.ask_key(["third"], WAIT) == "5"


@pytest.mark.parametrize(
    ("keys", "digits"),
    [("1234#", "1234"), ("12345678", "12345678"), ("12", "12"), ("#", ""), ("*1#", "*1")],
)
async def test_digits_end_with_hash_number_or_pause(phone: Phone, keys: str, digits: str) -> None:
    phone.press(keys)
    assert await phone.session.read_digits(["please", "number"], 8, WAIT) == digits


async def test_digits_too_many_answer_the_next_question(phone: Phone) -> None:
    phone.press("123456")
    assert await phone.session.read_digits(["number"], 4, WAIT) == "1234"
    assert await phone.session.ask_key(["menu"], WAIT) == "5"


async def test_a_hash_behind_a_full_number_answers_nothing(phone: Phone) -> None:
    phone.press("1234#")
    assert await phone.session.read_digits(["number"], 4, WAIT) == "1234"
    assert await phone.session.ask_key(["menu"], WAIT) is None
    phone.press("1234#")
    assert await phone.session.read_digits(["number"], 4, WAIT) == "1234"
    phone.press("77#")
    assert await phone.session.read_digits(["second"], 4, WAIT) == "77"
    phone.press("#")
    assert await phone.session.ask_key(["menu"], WAIT) == "#"


@pytest.mark.parametrize("until_quiet", [False, True])
async def test_keys_can_be_forgotten(phone: Phone, until_quiet: bool) -> None:
    phone.press("1")
    await phone.session.play("hello")
    await phone.session.forget_keys(until_quiet=until_quiet)
    assert await phone.session.ask_key(["menu"], WAIT) is None


async def test_a_burst_can_be_waited_out(phone: Phone) -> None:
    phone.press("123456789")
    assert await phone.session.read_digits(["number"], 4, WAIT) == "1234"
    await phone.session.forget_keys(until_quiet=True)
    assert await phone.session.ask_key(["menu"], WAIT) is None


async def test_the_language_is_kept(phone: Phone) -> None:
    assert phone.session.language == "en"
    await phone.session.set_language("zh")
    assert phone.session.language == "zh"


async def test_keys_that_wait_can_be_taken(phone: Phone) -> None:
    phone.press("1")
    await phone.session.play("hello")
    assert await phone.session.take_keys() == "1"
    assert await phone.session.take_keys() == ""


async def test_a_message_is_as_long_as_he_speaks(phone: Phone) -> None:
    phone.leave(timedelta(seconds=3))
    taken = await phone.session.record_message(CALL, 1, timedelta(minutes=2), WAIT)
    assert taken == timedelta(seconds=3)
    assert phone.heard() == [voicemail.BEEP]
    await phone.session.end_message()
    assert await phone.session.ask_key(["menu"], WAIT) is None


async def test_who_hangs_up_in_his_message_has_left_some_of_it(phone: Phone) -> None:
    phone.leave(timedelta(seconds=2), hangs_up=True)
    with pytest.raises(MessageCutOff) as caught:
        await phone.session.record_message(CALL, 1, timedelta(minutes=2), WAIT)
    assert caught.value.length_time == timedelta(seconds=2)


async def test_a_message_is_written_into_the_spool_under_the_calls_name() -> None:
    phone = OverAgi()
    phone.channel.variables["RD_SPOOL"] = "/srv/spool"
    await phone.session.record_message(CALL, 2, timedelta(minutes=2), WAIT)
    assert phone.channel.recorded == [(f"/srv/spool/{CALL}.voicemail2", timedelta(minutes=2), WAIT)]
    assert phone.channel.variables["RD_STATE"] == "voicemail"
    assert phone.channel.leases[-1] == timedelta(minutes=2)
    await phone.session.end_message()
    assert phone.channel.variables["RD_STATE"] == "menu"
    with pytest.raises(InvalidValue):
        await phone.session.record_message(CallId("../../etc/x"), 1, WAIT, WAIT)


@pytest.mark.parametrize("kind", [InMemory, OverAgi])
@pytest.mark.parametrize("is_recorded", [True, False])
async def test_a_recording_is_noticed(kind: Callable[..., Phone], is_recorded: bool) -> None:
    assert await kind(is_recorded=is_recorded).session.is_recorded() is is_recorded


async def test_the_next_step_is_set_last(phone: Phone) -> None:
    await phone.session.finish("wait", {"RD_QUEUE": "sales", "RD_LANG": "zh"})
    assert list(phone.variables().items()) == [
        ("RD_QUEUE", "sales"),
        ("RD_LANG", "zh"),
        ("RD_NEXT", "wait"),
    ]


Verb = Callable[[CallerSession], Awaitable[object]]


@pytest.mark.parametrize(
    "verb",
    [
        lambda s: s.play("hello"),
        lambda s: s.play("bye", is_interruptible=False),
        lambda s: s.ask_key(["menu"], WAIT),
        lambda s: s.read_digits(["number"], 4, WAIT),
        lambda s: s.forget_keys(until_quiet=True),
        lambda s: s.set_language("zh"),
        lambda s: s.is_recorded(),
        lambda s: s.finish("wait", {}),
    ],
)
async def test_a_caller_who_is_gone_is_gone_for_every_verb(phone: Phone, verb: Verb) -> None:
    phone.hang_up()
    with pytest.raises(CallerGone):
        await verb(phone.session)
    assert "RD_NEXT" not in phone.variables()


# ---- the AGI adapter alone ---------------------------------------------------------------------


async def test_the_lease_is_as_long_as_the_prompt() -> None:
    phone = OverAgi()
    await phone.session.ask_key(["menu"], WAIT)
    assert phone.channel.leases == [timedelta(seconds=2), WAIT]
    phone.lengths.missing.add("late")
    await phone.session.play("late")
    assert phone.channel.leases[-1] == timedelta(seconds=60)


async def test_a_goodbye_is_not_cut_by_a_key() -> None:
    phone = OverAgi()
    phone.press("1")
    await phone.session.play("bye", is_interruptible=False)
    assert await phone.session.ask_key(["menu"], WAIT) is None


async def test_missing_files_cost_nothing_but_their_sound() -> None:
    phone = OverAgi()
    phone.lengths.missing |= {"menu", "number"}
    phone.channel.missing |= {"ringdesk/menu", "ringdesk/number"}
    phone.press("1")
    assert await phone.session.ask_key(["menu"], WAIT) == "1"
    phone.press("4711#")
    assert await phone.session.read_digits(["number"], 8, WAIT) == "4711"


@pytest.mark.parametrize("value", ["a b", "x\r\ny", "${SHELL(id)}", "x" * 65, 'q"'])
async def test_a_value_that_is_no_name_never_reaches_the_channel(value: str) -> None:
    phone = OverAgi()
    with pytest.raises(LocalProtocolError):
        await phone.session.finish("wait", {"RD_QUEUE": value})
    assert phone.variables() == {}


def test_keys_that_wait_are_in_no_repr() -> None:
    phone = OverAgi()
    phone.session._waiting = "7391"
    assert "7391" not in repr(phone.session)
