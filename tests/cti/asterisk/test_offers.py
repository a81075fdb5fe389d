"""Where a caller is sent to ring an agent's phone."""

from __future__ import annotations

import pytest

from cti.asterisk.ami_actions import place_of_offer
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
