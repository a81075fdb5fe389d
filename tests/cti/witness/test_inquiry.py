"""Both versions beside each other: nothing where they agree, one line for each thing spoilt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.witness.inquiry import Inquiry, Window
from cti.witness.seen import CdrRow, CelRow
from tests.cti.witness.story import Story, at, kinds, leg

pytestmark = pytest.mark.unit


def shift(story: Story, kind: type[ev.Event], seconds: float) -> Story:
    story.events = [
        replace(e, at=e.at + timedelta(seconds=seconds)) if isinstance(e, kind) else e
        for e in story.events
    ]
    return story


@pytest.fixture
def story() -> Story:
    told = Story()
    told.queue_call(0, 0)
    told.queue_call(40, 10)
    return told


def test_where_both_agree_there_is_nothing(story: Story) -> None:
    found = story.inquire()
    assert kinds(found) == []
    assert (found.tally.calls, found.tally.legs, found.repaired) == (2, 4, [])


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (ev.CallOffered, ["twice", "unknown", "unknown"]),
        (ev.LegDialled, ["start", "start"]),
        (ev.CallConnected, ["talk", "talk"]),
        (ev.LegEnded, ["open", "open"]),
        (ev.CallEnded, ["open", "open"]),
    ],
)
def test_each_event_that_the_journal_lost_shows(
    story: Story, lost: type[ev.Event], expected: list[str]
) -> None:
    found = story.without(lambda e: isinstance(e, lost)).inquire()
    assert set(kinds(found)) >= set(expected), [str(d) for d in found.differences]


def test_a_call_that_the_journal_never_knew(story: Story) -> None:
    found = story.without(lambda e: e.call_id.startswith(leg(10))).inquire()  # type: ignore[attr-defined]
    assert kinds(found) == ["unknown", "unknown"]
    assert {d.leg_id for d in found.differences} == {leg(10), leg(11)}


def test_a_channel_that_the_journal_invented(story: Story) -> None:
    story.rows = [row for row in story.rows if row.leg_id != leg(1)]
    found = story.inquire()
    assert set(kinds(found)) == {"unseen", "talk"}


@pytest.mark.parametrize("kind", [ev.CallOffered, ev.LegDialled, ev.LegEnded, ev.CallEnded])
def test_an_instant_that_is_wrong_by_five_seconds(story: Story, kind: type[ev.Event]) -> None:
    assert kinds(shift(story, kind, 0.9).inquire()) == []
    found = shift(story, kind, -5.9).inquire()
    assert {"start", "end"} & set(kinds(found))
    assert not shift(story, kind, 5).inquire().differences


def test_a_conversation_that_is_told_too_short(story: Story) -> None:
    story.events.append(ev.CallHeld(at=at(10), call_id=CallId(f"{leg(0)}-7"), by="agent"))
    found = story.inquire()
    assert kinds(found) == ["talk"]
    assert "09:00:05.000–09:00:25.000" in found.differences[0].asterisk
    assert "09:00:05.000–09:00:10.000" in found.differences[0].journal


def test_a_phones_own_hold_parts_nobody(story: Story) -> None:
    call_id = CallId(f"{leg(0)}-7")
    story.events.append(ev.CallHeld(at=at(10), call_id=call_id, by="phone"))
    story.events.append(ev.CallRetrieved(at=at(15), call_id=call_id, by="phone"))
    assert kinds(story.inquire()) == []


def test_who_hung_up_and_why() -> None:
    story = Story()
    story.queue_call()
    ended = next(e for e in story.events if isinstance(e, ev.CallEnded))
    story.events[-1] = replace(ended, ended_by="agent", cause=17)
    assert kinds(story.inquire()) == ["cause", "ended_by"]
    story.events[-1] = replace(ended, ended_by="system")
    assert kinds(story.inquire()) == ["ended_by"]


def test_an_agents_command_leaves_no_name() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.hangs_up(9, 0)
    story.call_ended(9, call_id, by="agent")
    assert kinds(story.inquire()) == []
    story.events[-1] = replace(story.events[-1], ended_by="caller")  # type: ignore[call-arg]
    assert kinds(story.inquire()) == ["ended_by"]


def test_both_hang_up_at_once_and_either_may_be_named() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.rung(3, 1, call_id)
    story.answered(5, 0, 1, call_id)
    story.leaves(25, "b1", 0, 1)
    story.hangs_up(25, 1, by=1)
    story.hangs_up(25.1, 0, by=0)
    story.leg_ended(25, 1, call_id)
    story.call_ended(25.1, call_id, by="agent")
    assert kinds(story.inquire()) == []


def test_a_call_counted_twice(story: Story) -> None:
    other = CallId(f"{leg(0)}-8")
    story.events.append(ev.CallOffered(at=at(0), call_id=other, leg_id=leg(0)))
    story.events.append(ev.CallEnded(at=at(25), call_id=other, cause=16, ended_by="caller"))
    found = story.inquire()
    # The second one tells of the same caller, and of no conversation.
    assert set(kinds(found)) == {"twice", "talk"}
    twice = {d.call_id for d in found.differences if d.kind == "twice"}
    assert twice == {other, CallId(f"{leg(0)}-7")}


def test_answered_is_who_was_brought_together_with_the_agent_chosen_for_him() -> None:
    story = Story()
    call_id = story.queue_call()
    chosen = ev.AgentReserved(
        at=at(2), call_id=call_id, agent_id=AgentId("a"), queue=QueueName("line"),
        endpoint=Endpoint("1101"), wait_time=timedelta(0),
    )  # fmt: skip
    answered = ev.CallAnswered(
        at=at(5), call_id=call_id, agent_id=AgentId("a"), queue=QueueName("line"),
        wait_time=timedelta(seconds=3),
    )  # fmt: skip
    story.events.append(chosen)
    assert kinds(story.inquire()) == ["answered"]
    story.events.append(answered)
    assert kinds(story.inquire()) == []
    lone = Story()
    other = lone.offered(0, 0)
    lone.hangs_up(9, 0, by=0)
    lone.call_ended(9, other)
    lone.events.append(replace(answered, call_id=other))
    assert kinds(lone.inquire()) == ["answered"]


def test_a_fact_told_twice(story: Story) -> None:
    story.call_ended(25, CallId(f"{leg(0)}-7"))
    assert kinds(story.inquire()) == ["twice"]


# ---- open and live -----------------------------------------------------------------------------


def test_what_is_open_here_and_over_there(story: Story) -> None:
    story.without(lambda e: isinstance(e, ev.CallEnded | ev.LegEnded) and e.at > at(50))
    found = story.inquire()
    assert kinds(found) == ["open", "open", "talk"]
    assert found.tally.live == 0


def test_what_is_over_here_and_open_there(story: Story) -> None:
    story.rows = [r for r in story.rows if not (r.kind == "HANGUP" and r.leg_id == leg(11))]
    assert kinds(story.inquire()) == ["over"]


def test_a_call_that_goes_on_is_left_out_unless_asked_for() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.rung(3, 1, call_id)
    story.answered(5, 0, 1, call_id)
    found = story.inquire(now=30)
    assert (found.tally.live, found.tally.calls, kinds(found)) == (1, 0, [])
    found = story.inquire(now=30, with_live=True)
    assert (found.tally.live, found.tally.calls, kinds(found)) == (0, 1, [])
    story.without(lambda e: isinstance(e, ev.CallConnected))
    assert kinds(story.inquire(now=30, with_live=True)) == ["talk"]


def test_what_happened_a_moment_ago_may_be_on_its_way() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.hangs_up(9, 0, by=0)
    assert kinds(story.inquire(now=9.5)) == []
    assert kinds(story.inquire(now=12)) == ["open"]
    story.call_ended(9, call_id)
    assert kinds(story.inquire(now=9.5)) == []


# ---- outages -----------------------------------------------------------------------------------


def link(seconds: float, *, is_up: bool) -> ev.Event:
    return ev.SwitchLinkChanged(at=at(seconds), is_up=is_up)


def test_a_repair_is_late_but_there() -> None:
    story = Story()
    call_id = story.queue_call(talk=20)
    # The link was away from 10 to 60: both ends are told by the snapshot.
    story.without(lambda e: isinstance(e, ev.LegEnded | ev.CallEnded))
    story.events += [link(10, is_up=False)]
    story.leg_ended(60, 1, call_id, cause=0)
    story.call_ended(60, call_id, by="unknown", cause=0)
    story.events += [link(60, is_up=True)]
    found = story.inquire()
    assert kinds(found) == []
    assert {d.kind for d in found.repaired} == {"end", "talk"}


def test_a_service_that_was_killed_says_nothing_of_its_death() -> None:
    story = Story()
    call_id = story.queue_call(talk=20)
    story.without(lambda e: isinstance(e, ev.LegEnded | ev.CallEnded))
    story.leg_ended(60, 1, call_id, cause=0)
    story.call_ended(60, call_id, by="unknown", cause=0)
    story.events += [link(61, is_up=True)]
    found = story.inquire()
    assert kinds(found) == []
    assert {d.kind for d in found.repaired} == {"end", "talk"}


def test_a_repair_that_is_missing_is_a_gap() -> None:
    story = Story()
    story.queue_call(talk=20)
    story.without(lambda e: isinstance(e, ev.LegEnded | ev.CallEnded))
    story.events += [link(10, is_up=False), link(60, is_up=True)]
    found = story.inquire()
    assert (set(kinds(found)), found.repaired) == ({"open", "talk"}, [])


def test_what_nobody_saw_in_an_outage_is_unknown_and_says_so() -> None:
    story = Story()
    story.queue_call(0, 0, talk=5)
    story.queue_call(30, 4, talk=5)
    story.without(lambda e: e.at >= at(30))
    story.events += [link(20, is_up=False), link(60, is_up=True)]
    found = story.inquire()
    assert kinds(found) == ["unknown", "unknown"]
    assert "the link was down" in found.differences[0].journal


def test_calls_that_asterisks_death_ended() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.rung(3, 1, call_id)
    story.answered(5, 0, 1, call_id)
    new = LegId("pbx1-1795300020.0")  # the counter begins anew
    for kind, seconds in (("CHAN_START", 20), ("HANGUP", 21)):
        story.rows.append(CelRow(kind, at(seconds), new, "PJSIP/n-0", "rd-echo", "", ""))
    assert set(kinds(story.inquire())) == {"open"}
    story.leg_ended(18, 1, call_id, cause=0)
    story.call_ended(18, call_id, by="unknown", cause=0)
    assert kinds(story.inquire()) == []


# ---- other shapes ------------------------------------------------------------------------------


def test_a_consultation_and_the_handover() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.rung(3, 1, call_id)
    story.answered(5, 0, 1, call_id)
    story.leaves(10, "b1", 0, 1)
    story.enters(10, "room", 0, kind="holding_bridge")
    phone, other = Endpoint("1101"), Endpoint("1102")
    story.events.append(ev.ConsultStarted(at=at(10), call_id=call_id, endpoint=phone))
    story.rung(11, 2, call_id, "1102", role="consult")
    story.row("ANSWER", 13, 2)
    story.enters(13, "c", 1, 2)
    story.events.append(
        ev.ConsultConnected(at=at(13), call_id=call_id, leg_id=leg(2), endpoint=other)
    )
    story.leaves(20, "c", 1, 2)
    story.leaves(20, "room", 0)
    story.enters(20, "d", 0, 2)
    story.events.append(
        ev.ConsultEnded(at=at(20), call_id=call_id, endpoint=phone, result="completed")
    )
    story.events.append(ev.CallConnected(at=at(20), call_id=call_id, leg_id=leg(2), endpoint=other))
    story.hangs_up(20.2, 1)
    story.leg_ended(20.2, 1, call_id)
    story.leaves(40, "d", 0, 2)
    story.hangs_up(40, 2, by=0)
    story.hangs_up(40, 0, by=0)
    story.leg_ended(40, 2, call_id)
    story.call_ended(40, call_id)
    assert kinds(story.inquire()) == []
    story.without(lambda e: isinstance(e, ev.ConsultConnected))
    assert kinds(story.inquire()) == ["talk"]


def test_a_conference_that_the_agent_leaves() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.rung(3, 1, call_id)
    story.answered(5, 0, 1, call_id)
    story.rung(10, 2, call_id, "1102", role="party")
    story.enters(12, "b1", 2)
    other = Endpoint("1102")
    story.events.append(ev.PartyJoined(at=at(12), call_id=call_id, leg_id=leg(2), endpoint=other))
    story.leaves(20, "b1", 1)
    story.hangs_up(20, 1, by=1)
    story.events.append(
        ev.PartyLeft(at=at(20), call_id=call_id, leg_id=leg(1), endpoint=Endpoint("1101"))
    )
    story.leg_ended(20, 1, call_id)
    story.events.append(ev.CallConnected(at=at(20), call_id=call_id, leg_id=leg(2), endpoint=other))
    story.leaves(30, "b1", 0, 2)
    story.hangs_up(30, 0, by=0)
    story.hangs_up(30, 2, by=0)
    story.leg_ended(30, 2, call_id)
    story.call_ended(30, call_id)
    assert kinds(story.inquire()) == []
    story.without(lambda e: isinstance(e, ev.PartyJoined))
    assert set(kinds(story.inquire())) == {"talk"}


def test_an_outbound_call_that_hangs_on_the_customer_in_the_end() -> None:
    story = Story()
    call_id = CallId(f"{leg(0)}-7")
    story.starts(0, 0, "PJSIP/1101")
    story.events.append(
        ev.CallOffered(
            at=at(0),
            call_id=call_id,
            leg_id=leg(0),
            direction="outbound",
            endpoint=Endpoint("1101"),
        )
    )
    story.rung(1, 1, call_id, "trunk_demo")
    story.enters(6, "b", 0, 1)
    story.row("ANSWER", 6, 1)
    phone = Endpoint("1101")
    story.events.append(
        ev.CallAnchored(
            at=at(6), call_id=call_id, leg_id=leg(1), agent_leg_id=leg(0), endpoint=phone
        )
    )
    story.events.append(ev.CallConnected(at=at(6), call_id=call_id, leg_id=leg(0), endpoint=phone))
    story.leaves(30, "b", 0, 1)
    story.hangs_up(30, 0, by=1)
    story.hangs_up(30, 1, by=1)
    story.leg_ended(30, 0, call_id)
    story.call_ended(30, call_id)
    assert kinds(story.inquire()) == []


def test_a_queue_that_is_consulted_shares_legs_with_the_call_it_serves() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.rung(3, 1, call_id)
    story.answered(5, 0, 1, call_id)
    story.leaves(10, "b1", 0, 1)
    story.events.append(ev.ConsultStarted(at=at(10), call_id=call_id, endpoint=Endpoint("1101")))
    second = CallId(f"{leg(1)}-9")
    story.events.append(
        ev.CallOffered(
            at=at(10), call_id=second, leg_id=leg(1), direction="internal", consult_of=call_id
        )
    )
    story.events.append(
        ev.CallEnqueued(at=at(10), call_id=second, queue=QueueName("line"), enqueued_at=at(10))
    )
    story.rung(12, 2, second, "1102")
    story.answered(14, 1, 2, second, "c")
    story.leaves(20, "c", 1, 2)
    story.enters(20, "d", 0, 2)
    other = Endpoint("1102")
    story.events += [
        ev.CallMerged(at=at(20), call_id=second, into_call_id=call_id),
        ev.CallEnded(at=at(20), call_id=second, cause=16, ended_by="merged"),
        ev.ConsultEnded(at=at(20), call_id=call_id, endpoint=Endpoint("1101"), result="completed"),
        ev.LegDialled(at=at(20), call_id=call_id, leg_id=leg(2), endpoint=other),
        ev.CallConnected(at=at(20), call_id=call_id, leg_id=leg(2), endpoint=other),
    ]
    story.hangs_up(20, 1)
    story.leg_ended(20, 1, call_id)
    story.leaves(33, "d", 0, 2)
    story.hangs_up(33, 0, by=0)
    story.hangs_up(33, 2, by=0)
    story.leg_ended(33, 2, call_id)
    story.call_ended(33, call_id)
    found = story.inquire()
    assert kinds(found) == [], [str(d) for d in found.differences]
    assert (found.tally.calls, found.tally.legs) == (2, 3)


def test_a_queue_that_is_consulted_on_a_line_of_its_own() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.rung(3, 1, call_id)
    story.answered(5, 0, 1, call_id)
    story.events.append(ev.CallHeld(at=at(9), call_id=call_id, by="phone"))
    second = CallId(f"{leg(2)}-9")
    story.starts(10, 2, "PJSIP/1101")
    phone, other = Endpoint("1101"), Endpoint("1102")
    story.events += [
        ev.ConsultStarted(at=at(10), call_id=call_id, endpoint=phone),
        ev.CallOffered(
            at=at(10), call_id=second, leg_id=leg(2), direction="internal", endpoint=phone,
            consult_of=call_id,
        ),
    ]  # fmt: skip
    story.rung(12, 3, second, "1102")
    story.answered(14, 2, 3, second, "c")
    story.leaves(20, "b1", 0)
    story.leaves(20, "c", 2)
    story.enters(20, "c", 0)
    story.events += [
        ev.CallMerged(at=at(20), call_id=second, into_call_id=call_id),
        ev.CallEnded(at=at(20), call_id=second, cause=16, ended_by="merged"),
        ev.ConsultEnded(at=at(20), call_id=call_id, endpoint=phone, result="completed"),
        ev.LegDialled(at=at(20), call_id=call_id, leg_id=leg(3), endpoint=other),
        ev.CallConnected(at=at(20), call_id=call_id, leg_id=leg(3), endpoint=other),
    ]
    story.leaves(20, "b1", 1)
    story.hangs_up(20, 1)
    story.leg_ended(20, 1, call_id)
    story.hangs_up(20, 2)  # of which only the end of its call tells
    story.leaves(33, "c", 0, 3)
    story.hangs_up(33, 3, by=0)
    story.hangs_up(33, 0, by=0)
    story.leg_ended(33, 3, call_id)
    story.call_ended(33, call_id)
    found = story.inquire()
    assert kinds(found) == [], [str(d) for d in found.differences]


def test_a_phone_that_picks_up_goes_on_as_the_leg_that_rang() -> None:
    story = Story()
    call_id = story.offered(0, 0)
    story.rung(3, 1, call_id)
    story.starts(6, 2, "PJSIP/1103")
    story.row("PICKUP", 7, 1, {"pickup_channel": "x", "pickup_channel_uniqueid": leg(2)})
    phones = story.names[leg(1)], story.names[leg(2)]
    story.names[leg(2)], story.names[leg(1)] = f"{phones[0]}<ZOMBIE>", phones[1]
    story.hangs_up(7, 2)
    moved = ev.LegMoved(
        at=at(7), call_id=call_id, leg_id=leg(1), endpoint=Endpoint("1103"),
        from_endpoint=Endpoint("1101"),
    )  # fmt: skip
    story.events.append(moved)
    story.answered(7, 0, 1, call_id)
    story.ended(20, 0, 1, call_id)
    assert kinds(story.inquire()) == []
    story.rows = [row for row in story.rows if row.kind != "PICKUP"]
    assert kinds(story.inquire()) == ["unknown"]


def test_what_a_phone_was_refused_is_nobodys_call() -> None:
    story = Story()
    story.queue_call()
    story.starts(40, 5, "PJSIP/1101")
    story.hangs_up(40.1, 5, cause=1, source="dialplan/builtin")
    assert kinds(story.inquire()) == []
    story.starts(50, 6, "PJSIP/1101")
    story.hangs_up(51, 6, cause=16)
    assert kinds(story.inquire()) == ["unknown"]


def test_a_call_that_a_command_begins_exists_when_the_own_phone_is_lifted() -> None:
    story = Story()
    call_id = CallId(f"{leg(0)}-7")
    story.starts(0, 0, "PJSIP/1101")
    story.row("ANSWER", 6, 0, application="AppDial2")
    offered = ev.CallOffered(
        at=at(6), call_id=call_id, leg_id=leg(0), direction="internal", endpoint=Endpoint("1101")
    )
    story.events.append(offered)
    story.rung(6, 1, call_id, "1102")
    story.answered(9, 0, 1, call_id)
    story.ended(20, 0, 1, call_id)
    assert kinds(story.inquire()) == []
    story.events[0] = replace(offered, at=at(0))
    assert kinds(story.inquire()) == ["start"]
    refused = Story()
    refused.starts(0, 0, "PJSIP/1101")
    refused.row("X", 1, 0, application="AppDial2")
    refused.hangs_up(3, 0, cause=17, by=0)
    assert kinds(refused.inquire()) == []


# ---- CDR, windows, memory ----------------------------------------------------------------------


def test_a_call_without_a_record_and_a_record_with_a_stranger(story: Story) -> None:
    story.records = [r for r in story.records if r.leg_id != leg(0)]
    assert kinds(story.inquire()) == ["record"]
    story.records = [replace(r, other_name="PJSIP/1109-9") for r in story.records]
    assert set(kinds(story.inquire())) == {"record"}
    story.records = []
    inquiry = Inquiry(has_records=False)
    for row in story.rows:
        inquiry.saw(row)
    for event in story.events:
        inquiry.heard(event)
    inquiry.finish(at(3600))
    assert kinds(inquiry) == []


def test_only_the_calls_that_began_in_the_window(story: Story) -> None:
    story.without(lambda e: isinstance(e, ev.CallConnected))
    found = story.inquire(window=Window(at(30), at(90)))
    assert (kinds(found), found.tally.calls) == (["talk"], 1)
    assert found.differences[0].at == at(45)


def test_calls_from_before_asterisks_files_are_left_out(story: Story) -> None:
    story.rows = [row for row in story.rows if row.at > at(30)]
    found = story.inquire()
    assert (kinds(found), found.tally.before, found.tally.calls) == ([], 1, 1)


def test_memory_holds_the_calls_of_a_moment() -> None:
    story = Story()
    for index in range(200):
        story.queue_call(index * 60, index * 4, talk=20)
    found = story.inquire(now=200 * 60)
    assert (kinds(found), found.tally.calls) == ([], 200)
    assert found.tally.most_held <= 6


def test_a_difference_on_one_line_and_as_json(story: Story) -> None:
    found = story.without(lambda e: isinstance(e, ev.CallConnected)).inquire().differences[0]
    assert "\n" not in str(found)
    assert str(found).startswith("2020-06-01 09:00:05.000  talk")
    assert found.as_json()["journal"] == "never together"


def test_records_are_told_apart_from_rows() -> None:
    story = Story()
    story.queue_call()
    assert all(isinstance(record, CdrRow) for record in story.records)
    assert story.inquire().tally.cdr_rows == len(story.records)
