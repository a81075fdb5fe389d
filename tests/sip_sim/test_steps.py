"""Steps become well-formed scenarios; SIPp itself runs them against each other."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest

from sip_sim.sipp import Load, free_port, party
from sip_sim.steps import (
    Answer,
    Decline,
    HangUp,
    Invite,
    LetRing,
    Register,
    Ring,
    SendDigits,
    Speak,
    Step,
    Wait,
    WaitForHangup,
    render,
)

SECOND = timedelta(seconds=1)


@pytest.mark.unit
@pytest.mark.parametrize(
    "steps",
    [
        [Register()],
        [Invite("4000"), Speak("tone.ul"), SendDigits("1#"), Wait(SECOND), HangUp()],
        [Invite("4000"), WaitForHangup(SECOND)],
        [Ring(SECOND), Answer(), WaitForHangup(SECOND)],
        [Ring(), Decline()],
        [Ring(), LetRing()],
    ],
)
def test_every_party_is_well_formed_and_jumps_only_to_labels_it_has(steps: list[Step]) -> None:
    text = render("a <name> & more", steps)
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert root.get("name") == "a <name> & more"
    labels = {element.get("id") for element in root.iter("label")}
    wanted = {
        value
        for element in root.iter()
        for key in ("next", "ontimeout")
        if (value := element.get(key)) is not None
    }
    assert wanted <= labels


@pytest.mark.unit
def test_each_digit_is_one_info_with_a_rising_sequence_number() -> None:
    text = render("digits", [Invite("4000"), SendDigits("12"), HangUp()])
    assert [f"CSeq: {n} {m}" in text for n, m in ((2, "INFO"), (3, "INFO"), (4, "BYE"))] == [
        True
    ] * 3
    assert "Signal=1" in text
    assert "Signal=2" in text


@pytest.mark.asterisk
@pytest.mark.parametrize(
    ("called", "calling", "works"),
    [
        ([Ring(), Answer(), WaitForHangup(10 * SECOND)], [Invite("1"), HangUp()], True),
        ([Ring(0.2 * SECOND), Answer(), Wait(0.1 * SECOND), HangUp()],
         [Invite("1"), WaitForHangup(10 * SECOND)], True),
        ([Ring(), Decline()], [Invite("1"), HangUp()], False),
    ],
    ids=["caller hangs up", "called side hangs up", "declined"],
)  # fmt: skip
async def test_two_parties_talk_to_each_other(
    called: list[Step], calling: list[Step], works: bool
) -> None:
    port = free_port()
    async with (
        party("called", called, f"127.0.0.1:{free_port()}", port=port),
        party("calling", calling, f"127.0.0.1:{port}", load=Load(2, 2)) as caller,
    ):
        outcome = await caller.finish(10 * SECOND)
        assert (outcome.succeeded, outcome.failed) == ((2, 0) if works else (0, 2))


@pytest.mark.asterisk
async def test_the_last_of_many_calls_still_names_a_port_that_there_is() -> None:
    port = free_port()
    async with (
        party("called", [Ring(), Answer(), WaitForHangup(10 * SECOND)], f"127.0.0.1:{free_port()}", port=port),
        party(
            "calling", [Invite("1"), HangUp()], f"127.0.0.1:{port}", load=Load(40, 4, 100),
            media_port=65_480, trace=True,
        ) as caller,
    ):  # fmt: skip
        outcome = await caller.finish(20 * SECOND)
        assert (outcome.succeeded, outcome.failed) == (40, 0)
    told = re.findall(r"^m=audio (\d+)", outcome.messages, re.MULTILINE)
    assert len(told) >= 40
    assert max(map(int, told)) <= 65_535
