"""Where a caller is sent to ring an agent's phone."""

from __future__ import annotations

import pytest

from cti.asterisk.ami_actions import (
    member_of,
    outside_number,
    phone_of_member,
    place_of_offer,
)
from cti.domain.errors import InvalidValue
from cti.domain.ids import Endpoint
from cti.domain.manners import PLAIN, Manner

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("manner", "desk", "browser"),
    [
        (PLAIN, "1001", "1001w"),
        (Manner(may_decline=False), "1001", "1001w"),
        (Manner(is_automatic=True), "1001-ab", "1001w-a"),
        (Manner(whispers_name=True), "1001-w", "1001w-w"),
        (Manner(is_automatic=True, says_staff_number=True), "1001-abn", "1001w-an"),
    ],
)
def test_what_the_queue_asks_for_stands_in_the_exten(
    manner: Manner, desk: str, browser: str
) -> None:
    context = "rd-offer" if "-" in desk else "rd-dial"
    assert place_of_offer(Endpoint("1001"), manner) == (context, desk)
    assert place_of_offer(Endpoint("1001w"), manner) == (context, browser)


def test_a_phone_outside_is_asked_for_its_key_whatever_the_queue_asks_for() -> None:
    far = Endpoint("1001r")
    for manner in (PLAIN, Manner(is_automatic=True, whispers_name=True)):
        assert place_of_offer(far, manner) == ("rd-dial", far)
    assert place_of_offer(far, Manner(is_automatic=True, says_staff_number=True)) == (
        "rd-offer",
        "1001r-n",
    )


def test_a_phone_outside_is_a_member_of_fallback_queues_by_a_channel_that_asks() -> None:
    far, desk = Endpoint("1001r"), Endpoint("1001")
    assert (member_of(far), member_of(desk)) == ("Local/1001r@rd-remote-member", "PJSIP/1001")
    assert [phone_of_member(member_of(phone)) for phone in (far, desk)] == [far, desk]
    with pytest.raises(InvalidValue):
        phone_of_member("Local/1001@rd-agents")


def test_a_number_holds_nothing_but_digits() -> None:
    assert outside_number(Endpoint("1001r"), "+86 138&PJSIP/1002") == (
        "Setvar",
        {"Variable": "RD_OUTSIDE_1001r", "Value": "+861381002"},
    )
