"""Asterisk's rows become legs, and who was with whom: also through Local channels, conferences and Asterisk's death."""

from __future__ import annotations

import pytest

from cti.witness.seen import CelRow, Seen, cdr_row, cel_row
from cti.witness.spans import closed
from tests.cti.witness.story import Story, at, leg

pytestmark = pytest.mark.unit


def fold(story: Story) -> Seen:
    seen = Seen()
    for row in story.rows:
        seen.apply(row)
    return seen


def together(seen: Seen, one: int, other: int, until: float = 100) -> list[tuple[float, float]]:
    spans = closed(seen.legs[leg(one)].together.get(leg(other), []), at(until))
    return [((a - at(0)).total_seconds(), (b - at(0)).total_seconds()) for a, b in spans]


def test_rows_as_asterisk_writes_them() -> None:
    row = cel_row(["ANSWER", "1795318826.554439", "pbx1-1.0", "PJSIP/a-0", "rd-in", "Answer", ""])
    assert row.at.isoformat() == "2026-11-22T03:40:26.554439+00:00"
    record = cdr_row(["1.5", "0.000000", "2.5", "NO ANSWER", "c", "Dial", "n", "m", "pbx1-1.0"])
    assert record.answered_at is None
    assert (record.ended_at - record.started_at).total_seconds() == 1


@pytest.mark.parametrize("fields", [[], ["ANSWER"] * 7, ["ANSWER", "1e30", *"abcde"], ["x"] * 9])
def test_what_is_no_row_is_refused(fields: list[str]) -> None:
    with pytest.raises(ValueError, match=r"CEL|instant|float"):
        cel_row(fields)


def test_a_call_of_two() -> None:
    story = Story()
    story.queue_call(talk=20)
    seen = fold(story)
    caller, phone = seen.legs[leg(0)], seen.legs[leg(1)]
    assert (caller.started_at, caller.ended_at) == (at(0), at(25))
    assert (caller.cause, caller.hung_up_by, phone.hung_up_by) == (16, caller.name, caller.name)
    assert together(seen, 0, 1) == together(seen, 1, 0) == [(5, 25)]


def test_a_room_for_holding_brings_nobody_together() -> None:
    story = Story()
    story.starts(0, 0, "PJSIP/a")
    story.starts(0, 1, "PJSIP/b")
    story.enters(1, "b", 0, 1)
    story.leaves(2, "b", 0, 1)
    story.enters(2, "room", 0, 1, kind="holding_bridge")
    story.leaves(6, "room", 0, 1)
    story.enters(6, "c", 0, 1)
    assert together(fold(story), 0, 1, until=9) == [(1, 2), (6, 9)]


def test_a_conference_is_every_pair() -> None:
    story = Story()
    for serial in range(3):
        story.starts(0, serial, "PJSIP/p")
    story.enters(1, "b", 0, 1)
    story.enters(5, "b", 2)
    story.leaves(7, "b", 1)
    story.leaves(9, "b", 0, 2)
    seen = fold(story)
    assert together(seen, 0, 1) == [(1, 7)]
    assert together(seen, 1, 2) == [(5, 7)]
    assert together(seen, 0, 2) == [(5, 9)]


def test_two_bridges_that_a_local_channel_joins_are_one() -> None:
    story = Story()
    for serial in (0, 1, 2):
        story.starts(0, serial, "PJSIP/p")
    for serial, half in ((3, "1"), (4, "2")):
        story.context = "rd-ring"
        story.starts(0, serial, f"Local/x@rd-ring-00000001;{half}")
    story.enters(1, "far", 1, 2)
    story.enters(2, "near", 0, 3)
    story.enters(3, "far", 4)
    story.leaves(6, "near", 3)
    story.leaves(8, "far", 1, 2, 4)
    seen = fold(story)
    assert set(seen.legs) == {leg(0), leg(1), leg(2)}
    assert together(seen, 0, 1) == together(seen, 0, 2) == [(3, 6)]
    assert together(seen, 1, 2) == [(1, 8)]


def test_a_local_half_that_comes_in_is_the_caller() -> None:
    story = Story()
    story.starts(0, 0, "PJSIP/trunk")
    story.starts(0, 1, "Local/4001@rd-trunk-00000001;1")
    story.starts(0, 2, "Local/4001@rd-trunk-00000001;2")
    story.starts(1, 3, "PJSIP/phone")
    story.enters(2, "out", 0, 1)
    story.enters(3, "in", 2, 3)
    story.leaves(6, "in", 2, 3)
    story.hangs_up(6, 2)
    story.hangs_up(7, 0)
    seen = fold(story)
    assert set(seen.legs) == {leg(0), leg(2), leg(3)}
    assert together(seen, 2, 3) == [(3, 6)]
    assert not seen.legs[leg(0)].together
    assert [seen.legs[leg(i)].is_behind for i in (0, 2, 3)] == [True, False, False]


def test_a_channel_that_ends_inside_a_bridge_leaves_it() -> None:
    story = Story()
    story.starts(0, 0, "PJSIP/a")
    story.starts(0, 1, "PJSIP/b")
    story.enters(1, "b", 0, 1)
    story.hangs_up(4, 0)
    assert together(fold(story), 0, 1) == [(1, 4)]


def test_after_asterisks_death_nobody_is_left() -> None:
    story = Story()
    for serial in range(3):
        story.starts(serial, serial, "PJSIP/a")
    story.enters(4, "b", 0, 1)
    story.hangs_up(5, 2)
    story.names[leg(1)] = "PJSIP/a-00000000"
    story.rows.append(CelRow("CHAN_START", at(30), leg(0), "PJSIP/new-0", "rd-trunk", "", ""))
    seen = fold(story)
    assert seen.legs[leg(1)].is_cut
    assert not seen.legs[leg(2)].is_cut
    assert not seen.legs[leg(0)].is_over  # another channel of the same number
    assert seen.legs[leg(0)].started_at == at(30)


def test_channels_that_swap_at_their_birth_are_no_restart() -> None:
    story = Story()
    story.starts(0.002, 1, "PJSIP/a")
    story.starts(0.003, 0, "PJSIP/b")
    assert not any(found.is_cut for found in fold(story).legs.values())


def test_strange_rows_are_counted_and_survived() -> None:
    seen = Seen()
    for kind, extra in (("BRIDGE_ENTER", "{"), ("BRIDGE_EXIT", "[1]"), ("HANGUP", ""), ("X", "")):
        seen.apply(CelRow(kind, at(0), leg(9), "PJSIP/a", "", "", extra))
    seen.apply(CelRow("CHAN_START", at(0), leg(0), "PJSIP/a", "", "", ""))
    seen.apply(CelRow("HANGUP", at(1), leg(0), "PJSIP/a", "", "", '{"hangupcause": "x"}'))
    assert seen.strange == 4
    assert (seen.legs[leg(0)].ended_at, seen.legs[leg(0)].cause) == (at(1), None)
