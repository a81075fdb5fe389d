"""Keys that lead out of a queue: who has the caller, the key or the offer, and what is told of it."""

from __future__ import annotations

import pytest

from acd import decisions as d
from acd.facts import Phase
from acd.rules import WayOut
from cti.domain import events as ev
from cti.domain.ids import CallId, QueueName
from cti.domain.targets import Target
from tests.acd.test_queues_doc import rows
from tests.acd.world import (
    ANNA,
    BEN,
    HELP,
    PHONES,
    SALES,
    World,
    configuration,
    rules,
    seconds,
)

pytestmark = pytest.mark.unit

VOICEMAIL = WayOut("voicemail", "", Target("flow", "_voicemail_sales"))
TO_HELP = WayOut("queue", "help", Target("queue", "help"))
KEYS = {"1": VOICEMAIL, "2": TO_HELP}


@pytest.fixture
def world() -> World:
    return World(configuration(rules(leave_keys=KEYS), rules(HELP), agents=2))


def press(world: World, call: CallId, key: str = "1", ago: float = 0) -> list[d.SendAway]:
    world.step(ev.WaitingKeyPressed(at=world.now - seconds(ago), call_id=call, key=key))
    return [x for x in world.last if isinstance(x, d.SendAway)]


def away(world: World, call: CallId, kind: str = "flow", target: str = "_voicemail_sales") -> None:
    """The switch says that he is on his way."""
    world.step(
        ev.CallTransferred(at=world.now, call_id=call, kind="away", target_kind=kind, target=target)
    )


def told(world: World, kind: type[ev.CallEvent]) -> list[ev.CallEvent]:
    found = [x.event for x in world.log if isinstance(x, d.Publish)]
    return [event for event in found if isinstance(event, kind)]


def test_a_key_sends_him_away_and_is_told_once_when_the_switch_says_so(world: World) -> None:
    call = world.enqueue("a")
    world.wait(7)
    assert press(world, call) == [d.SendAway(call, VOICEMAIL.target)]
    assert press(world, call) == []  # the second press of an impatient one
    assert told(world, ev.CallLeftByKey) == []
    away(world, call)
    away(world, call)
    left = told(world, ev.CallLeftByKey)
    assert [(e.queue, e.target_kind, e.target, e.wait_time) for e in left] == [  # type: ignore[attr-defined]
        (SALES, "voicemail", "", seconds(7))
    ]
    world.step(ev.CallEnded(at=world.now, call_id=call, cause=16, ended_by="caller"))
    assert told(world, ev.CallAbandoned) == []
    assert world.state.entries == {}


def test_an_agent_who_is_free_in_that_moment_gets_somebody_else(world: World) -> None:
    call, other = world.enqueue("a"), world.enqueue("b")
    press(world, call)
    world.seat(ANNA)
    assert world.agent(ANNA).call_id == other
    assert world.state.entries[call].phase is Phase.WAITING


@pytest.mark.parametrize("is_dialled", [False, True])
def test_an_offer_that_was_first_has_him(world: World, is_dialled: bool) -> None:
    world.seat(ANNA)
    call = world.enqueue("a")
    assert world.agent(ANNA).call_id == call
    if is_dialled:
        world.dial(call, ANNA)
    assert press(world, call) == []
    world.answer(call, ANNA)
    assert told(world, ev.CallLeftByKey) == []


def test_after_an_offer_that_came_to_nothing_he_may_press_again(world: World) -> None:
    world.seat(ANNA)
    call = world.enqueue("a")
    world.dial(call, ANNA)
    assert press(world, call) == []
    world.step(
        ev.CallNotAnswered(
            at=world.now,
            call_id=call,
            endpoint=world.agent(ANNA).profile.phones[0],
            result="no_answer",
        )
    )
    world.requeue(call)
    assert press(world, call) == [d.SendAway(call, VOICEMAIL.target)]


@pytest.mark.parametrize("how", ["refused", "waits", "silence"])
def test_who_could_not_be_sent_away_waits_on_in_his_place(world: World, how: str) -> None:
    call = world.enqueue("a", waited=30)
    behind = world.enqueue("b")
    press(world, call)
    if how == "refused":
        world.step(d.LeaveRefused(call))
    elif how == "waits":  # the command found him elsewhere
        world.requeue(call)
    else:
        world.wait(world.config.limits.retry_time)
    world.seat(ANNA)
    world.seat(BEN)
    assert (world.agent(ANNA).call_id, world.agent(BEN).call_id) == (call, behind)
    assert told(world, ev.CallLeftByKey) == []


def test_a_key_that_says_nothing_here_does_nothing(world: World) -> None:
    sales, help_ = world.enqueue("a"), world.enqueue("b", HELP)
    assert press(world, sales, "9") == []
    assert press(world, help_, "1") == []
    assert press(world, CallId("nobody")) == []


def test_a_key_that_is_old_news_does_nothing(world: World) -> None:
    call = world.enqueue("a")
    assert press(world, call, ago=10) == []
    world.step(d.Unlinked())
    assert press(world, call) == []


def test_a_key_waits_for_no_recovery(world: World) -> None:
    call = world.enqueue("a")
    world.step(d.Stalled())
    assert press(world, call) == []
    world.wait(world.config.limits.stall_time)
    assert len(press(world, call)) == 1


def test_who_fell_back_meanwhile_has_not_left(world: World) -> None:
    call = world.enqueue("a")
    press(world, call)
    world.step(ev.CallFellBack(at=world.now, call_id=call, queue=SALES))
    assert world.state.entries[call].leaving is None
    assert told(world, ev.CallLeftByKey) == []


def test_a_hand_that_transfers_him_at_the_same_time_is_no_key(world: World) -> None:
    call = world.enqueue("a")
    press(world, call)
    world.step(
        ev.CallTransferred(
            at=world.now, call_id=call, kind="blind", target_kind="queue", target="help"
        )
    )
    assert told(world, ev.CallLeftByKey) == []


def test_another_queue_is_another_wait(world: World) -> None:
    call = world.enqueue("a", waited=60)
    press(world, call, "2")
    away(world, call, "queue", "help")
    world.step(ev.CallEnqueued(at=world.now, call_id=call, queue=HELP, enqueued_at=world.now))
    entry = world.state.entries[call]
    assert (entry.queue, entry.enqueued_at, entry.leaving) == (QueueName("help"), world.now, None)
    assert press(world, call, "1") == []  # that queue has no keys


# ---- what he is told ---------------------------------------------------------------------------


def announced(world: World, call: CallId) -> list[frozenset[str]]:
    """Let time pass until he is spoken to; what is said."""
    before = len([x for x in world.log if isinstance(x, d.Announce)])
    for _ in range(600):
        world.wait(1)
        if len([x for x in world.log if isinstance(x, d.Announce)]) > before:
            return [world.state.entries[call].says]
    return []


def test_place_and_offer_have_their_own_times() -> None:
    world = World(configuration(rules(announce_every=seconds(40), offer_every=seconds(60))))
    call = world.enqueue("a")
    place, offer = frozenset({"place"}), frozenset({"offer"})
    begin = world.now
    found = []
    for _ in range(5):
        found += [(says, (world.now - begin).total_seconds()) for says in announced(world, call)]
    assert found == [(place, 40), (offer, 60), (place, 80), (place | offer, 120), (place, 160)]


def test_after_a_start_nobody_is_told_a_worse_position() -> None:
    world = World(configuration(rules(announce_every=seconds(40))))
    first, mine = world.enqueue("a"), world.enqueue("b")
    calls = ()
    world.step(d.Restored((), frozenset(), calls, places={mine: (SALES, 1), first: (HELP, 1)}))
    assert world.state.entries[mine].told_position == 1
    assert world.state.entries[first].told_position is None


def test_who_is_spoken_to_is_not_interrupted_by_the_next_announcement() -> None:
    world = World(configuration(rules(announce_every=seconds(4))))
    call = world.enqueue("a")
    assert announced(world, call)
    world.step(d.Visit(call, is_on=True))
    before = len(world.log)
    world.wait(13)
    assert [x for x in world.log[before:] if isinstance(x, d.Announce)] == []
    world.step(d.Visit(call, is_on=False))
    assert announced(world, call)
    world.step(d.Visit(call, is_on=True))  # and whoever speaks to him dies
    world.wait(60)
    assert announced(world, call)


# ---- the examples of docs/queues.md ------------------------------------------------------------


@pytest.mark.parametrize("row", rows("keys", "what happens"), ids=lambda row: row["keys"])
def test_the_examples_of_the_page(row: dict[str, str]) -> None:
    world = World(configuration(rules(leave_keys=KEYS), rules(HELP), agents=1))
    call = world.enqueue("a")
    begin, sent = world.now, list[d.SendAway]()
    for step in row["what happens"].split(", "):
        what, _, at = step.partition(" at ")
        world.wait(begin + seconds(float(at)) - world.now)
        match what.split():
            case ["key", key]:
                sent += press(world, call, key)
            case ["ready"]:
                world.seat(ANNA)
                world.dial(call, ANNA)
            case ["missed"]:
                phone = PHONES[ANNA]
                world.step(
                    ev.CallNotAnswered(
                        at=world.now, call_id=call, endpoint=phone, result="no_answer"
                    )
                )
                world.requeue(call)
            case _:
                world.step(d.LeaveRefused(call))
    entry = world.state.entries[call]
    if entry.leaving is not None:
        assert [x.target for x in sent] == [entry.leaving.target]
        assert row["he is"] == f"away to {entry.leaving.kind}"
    else:
        assert row["he is"] == entry.phase.value
