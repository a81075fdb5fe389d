"""What waiting callers are told, and what a message does to the flow."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cti.builtin_flows import builtin_flow, flows_of
from cti.company import Company, Flow
from cti.company_waiting import Voicemail, Waiting, WayOut
from cti.domain.events import MenuLeft, VoicemailBegun, VoicemailTaken, WaitingKeyPressed
from ivr import model, voicemail
from ivr.adapters.prompts import wanted_prompts
from ivr.adapters.sentences import chinese, wait_texts
from ivr.service import plan_of
from ivr.voicemail import MAX_TAKES
from ivr.waiting import offer_prompt, wait_prompt
from tests.fakes.caller_session import HANG_UP, FakeCallerSession
from tests.fakes.waiting_line import Told, Waits
from tests.ivr.flows import MONDAY_NOON, company, flow, node, script
from tests.ivr.test_service import CALL, MAIN, Desk

pytestmark = pytest.mark.unit

PLACE, OFFER, BOTH = frozenset({"place"}), frozenset({"offer"}), frozenset({"place", "offer"})
SECOND = timedelta(seconds=1)


def offering(**changes: object) -> Company:
    """A company whose sales callers are offered a callback."""
    document = company(MAIN).model_dump(mode="json")
    offer = {"en": "Press one for a callback.", "zh": "回电请按一。"}
    document["queues"][0] |= {"offer": offer, **changes}
    return Company.model_validate(document)


def desk_of(company_: Company, waits: Waits, told: Told | None = None) -> Desk:
    desk = Desk()
    desk.service.use(plan_of(company_))
    desk.line.waiting[CALL], desk.line.wait = waits, told
    return desk


@pytest.mark.parametrize(
    ("says", "told", "changes", "heard"),
    [
        (PLACE, Told(3), {}, ["ivr-position-2", "ivr-wait-3"]),
        (PLACE, Told(30, is_more=True), {}, ["ivr-position-2", "ivr-wait-more-30"]),
        (PLACE, None, {}, ["ivr-position-2"]),  # nothing can be said of the wait
        (PLACE, Told(3), {"announce_position": False}, ["ivr-wait-3"]),
        (PLACE, Told(3), {"announce_wait": False}, ["ivr-position-2"]),
        (OFFER, Told(3), {}, ["ivr-offer-sales"]),
        (BOTH, Told(1), {}, ["ivr-position-2", "ivr-wait-1", "ivr-offer-sales"]),
        (OFFER, Told(3), {"offer": {}}, []),
    ],
)
async def test_what_is_due_is_said(
    says: frozenset[str], told: Told | None, changes: dict[str, object], heard: list[str]
) -> None:
    desk, session = desk_of(offering(**changes), Waits(2, says), told), FakeCallerSession()
    await desk.service.announce(session, CALL)
    assert session.heard == [f"en/{name}" for name in heard]
    assert session.variables == {"RD_NEXT": "wait"}
    assert desk.line.asked == ([] if "ivr-wait" not in str(heard) else [Waiting().wait_minutes])


async def test_a_key_during_an_announcement_is_told_and_ends_it() -> None:
    desk, session = desk_of(offering(), Waits(2, BOTH), Told(3)), FakeCallerSession()
    session.press("14")
    await desk.service.announce(session, CALL)
    assert [e.key for e in desk.events if isinstance(e, WaitingKeyPressed)] == ["1"]
    assert desk.line.asked == []  # what he doesn't hear doesn't count as told
    assert session.next_step == "wait"
    assert desk.line.visits == [(CALL, True), (CALL, False)]


def test_every_wait_that_can_be_told_has_a_sentence() -> None:
    names = {wanted.name for wanted in wanted_prompts(offering(wait_minutes=(2, 45)))}
    expected = {wait_prompt(2, is_more=False), wait_prompt(45, is_more=True), offer_prompt("sales")}
    assert expected <= names
    assert "ivr-wait-3" in names  # of the other queue
    texts = wait_texts([1, 12], [12])
    assert texts["ivr-wait-1"]["en"] == "Your waiting time is about 1 minute."
    assert texts["ivr-wait-more-12"]["zh"] == "您的等待时间超过十二分钟。"
    assert len({text["en"] for text in texts.values()}) == len(texts)


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "一"), (2, "两"), (10, "十"), (12, "十二"), (20, "二十"), (45, "四十五"), (105, "一百零五"), (120, "一百二十")],
)  # fmt: skip
def test_chinese_numbers(number: int, text: str) -> None:
    assert chinese(number) == text


# ---- configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "problem"),
    [
        ({"kind": "queue", "to": "nobody"}, "no queue is named nobody"),
        ({"kind": "flow", "to": "nowhere"}, "no flow is named nowhere"),
        ({"kind": "queue"}, "needs 'to'"),
        ({"kind": "voicemail", "to": "sales"}, "takes no 'to'"),
        ({"kind": "message"}, "Input should be"),
    ],
)
def test_a_way_out_that_leads_nowhere_is_named(way: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        offering(leave_keys={"1": way})


@pytest.mark.parametrize("minutes", [[], [5, 3], [3, 3], [0], [500]])
def test_minutes_that_can_not_be_rounded_to_are_refused(minutes: list[int]) -> None:
    with pytest.raises(ValueError, match="wait_minutes"):
        offering(wait_minutes=minutes)


def test_every_queue_has_its_voicemail() -> None:
    names = [item.name for item in flows_of(company(MAIN))]
    assert names[0] == "main"
    assert {"_voicemail_sales", "_voicemail_help"} <= set(names)
    with pytest.raises(ValueError, match="name"):
        Flow(name="_voicemail_sales", start="help", nodes=(node("help", "queue", queue="help"),))
    assert WayOut(kind="voicemail").to is None


# ---- voicemail ---------------------------------------------------------------------------------


def messages(session: FakeCallerSession, *seconds: float) -> FakeCallerSession:
    session.messages = [timedelta(seconds=number) for number in seconds]
    return session


async def leave(session: FakeCallerSession) -> Desk:
    """He is sent to the queue's voicemail."""
    desk = Desk()
    desk.offer()
    await desk.service.run(session, CALL, "0", builtin_flow("voicemail", "sales"))
    return desk


def takes(desk: Desk) -> list[tuple[int, float]]:
    return [(e.take, e.length_time / SECOND) for e in desk.events if isinstance(e, VoicemailTaken)]


@pytest.mark.parametrize(
    ("turns", "lengths", "taken", "last"),
    [
        ([], [4], [(1, 4)], voicemail.KEPT),
        (["1"], [4], [(1, 4)], voicemail.KEPT),
        (["2", "1"], [4, 6], [(1, 4), (2, 6)], voicemail.KEPT),
        ([], [0.4], [(1, 0.4)], voicemail.EMPTY),
        (["2"], [4, 0.2], [(1, 4), (2, 0.2)], voicemail.KEPT),  # the first one is there yet
        (["2"] * 9, [4] * 9, [(n, 4) for n in range(1, MAX_TAKES + 1)], voicemail.KEPT),
    ],
)
async def test_a_message_is_taken_asked_about_and_kept(
    turns: list[str], lengths: list[float], taken: list[tuple[int, float]], last: str
) -> None:
    session = messages(FakeCallerSession(turns, language="zh"), *lengths)
    desk = await leave(session)
    assert takes(desk) == taken
    assert session.heard[:2] == ["zh/_voicemail_sales-message", f"zh/{voicemail.BEEP}"]
    assert session.heard[-1] == f"zh/{last}"
    assert session.next_step == "hangup"
    limits = Voicemail()
    assert {take[1:] for take in session.takes} == {(limits.max_time, limits.silence_time)}
    left = [e for e in desk.events if isinstance(e, MenuLeft)]
    assert [(e.outcome, e.language) for e in left] == [("voicemail", "zh")]
    begun = [(e.queue, e.take) for e in desk.events if isinstance(e, VoicemailBegun)]
    assert begun == [("sales", take) for take, _ in taken]


async def test_who_hangs_up_in_his_message_has_left_it() -> None:
    session = messages(FakeCallerSession(), 2.5)
    session.hangs_up_in_message = True
    desk = await leave(session)
    assert takes(desk) == [(1, 2.5)]
    assert [e.outcome for e in desk.events if isinstance(e, MenuLeft)] == ["gone"]
    assert session.next_step == ""


async def test_who_hangs_up_at_the_question_has_left_it() -> None:
    desk = await leave(messages(FakeCallerSession([HANG_UP]), 3))
    assert takes(desk) == [(1, 3)]


def test_a_flow_goes_on_after_a_message() -> None:
    nodes = (
        node("say", "voicemail", queue="sales", next="help"),
        node("help", "queue", queue="help"),
    )
    walk = script(*nodes)
    step = model.step(walk, model.begin(walk), model.Started(), MONDAY_NOON)
    assert isinstance(step.commands[-1], model.TakeMessage)
    step = model.step(walk, step.state, model.Message(timedelta(0)), MONDAY_NOON)
    assert [type(c).__name__ for c in step.commands] == [
        "Say",
        "NoteEntered",
        "NoteLeft",
        "Enqueue",
    ]


async def test_who_comes_out_of_a_line_gets_a_new_place_only_from_the_flow() -> None:
    desk, session = Desk(), FakeCallerSession(language="zh")
    desk.offer()
    await desk.service.run(session, CALL, "0", "helpline")
    found = session.variables
    assert (found["RD_QUEUE"], found["RD_QUEUED"], found["RD_LANG"]) == ("help", "", "zh")
    assert flow(node("x", "queue", queue="help")).name == "main"
