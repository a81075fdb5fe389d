from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from cti.bus.local import LocalBus
from cti.company import Flow, Number, Person
from cti.domain.calls import CallTable
from cti.domain.errors import CommandRefused, RingdeskError, SwitchUnavailable
from cti.domain.events import CallOffered, DemandSet, Event, MenuEntered, MenuInput, MenuLeft
from cti.domain.ids import CallId, LegId
from ivr import model
from ivr.service import OFFERED_TIMEOUT, IvrService, plan_of
from tests.fakes.caller_session import HANG_UP, FakeCallerSession
from tests.fakes.people import HandClock
from tests.fakes.waiting_line import HandLine, Waits
from tests.ivr.flows import company, flow, node

pytestmark = pytest.mark.unit

CALL = CallId("pbx1-1700000000.1-42")
SECRET = "73918264"
MAIN = flow(
    node("hello", "say", next="menu"),
    node("menu", "menu", keys={"1": "sales", "2": "pin", "8": "chinese"}, retries=1, label="Main"),
    node("chinese", "language", language="zh", next="menu"),
    node("pin", "collect", max_digits=6, is_sensitive=True, next="help"),
    node("sales", "queue", queue="sales", label="Sales"),
    node("help", "queue", queue="help", label="Help"),
)
HELPLINE = Flow(name="helpline", start="help", nodes=(node("help", "queue", queue="help"),))


class Desk:
    """The service with its surroundings in memory."""

    def __init__(self, *flows: Flow, numbers: dict[str, str] | None = None) -> None:
        self.bus = LocalBus()
        self.clock = HandClock()
        self.calls = CallTable()
        self.events: list[Event] = []
        self.line = HandLine()
        self.pauses: list[bool] = []
        self.pause_error: Exception | None = None
        self.bus.subscribe(self.calls.apply)  # type: ignore[arg-type]  # its refusal isn't looked at
        self.bus.subscribe(self.events.append)
        self.service = IvrService(
            plan_of(company(*(flows or (MAIN, HELPLINE)), numbers=numbers)),
            bus=self.bus,
            clock=self.clock,
            calls=self.calls,
            line=self.line,
            recording=self,
        )

    async def pause_recording(
        self, call_id: CallId, is_paused: bool, reason: str = "agent"
    ) -> None:
        assert call_id == CALL
        assert reason == ("sensitive_node" if is_paused else "agent")
        self.pauses.append(is_paused)
        if self.pause_error is not None:
            raise self.pause_error

    def offer(self) -> None:
        at = self.clock.now()
        self.bus.publish(CallOffered(at=at, call_id=CALL, leg_id=LegId("1700000000.1")))

    async def run(self, session: FakeCallerSession, dnis: str = "4000") -> None:
        self.offer()
        await self.service.run(session, CALL, dnis)

    def left(self) -> MenuLeft:
        found = [event for event in self.events if isinstance(event, MenuLeft)]
        assert len(found) == 1
        return found[0]


async def test_a_caller_presses_one_and_waits_for_sales() -> None:
    desk, session = Desk(), FakeCallerSession(["1"])
    await desk.run(session)
    at = desk.clock.now()
    assert desk.events[1:] == [
        MenuEntered(at=at, call_id=CALL, flow="main", flow_version=1, node="hello"),
        MenuEntered(at=at, call_id=CALL, flow="main", flow_version=1, node="menu", label="Main"),
        MenuInput(at=at, call_id=CALL, node="menu", result="match", digits="1"),
        MenuEntered(at=at, call_id=CALL, flow="main", flow_version=1, node="sales", label="Sales"),
        MenuLeft(at=at, call_id=CALL, flow="main", outcome="queue", queue=desk.left().queue),
    ]
    assert session.heard == ["en/main-hello", "en/main-menu"]
    assert session.variables == {
        "RD_LANG": "en",
        "RD_QUEUE": "sales",
        "RD_CREDIT": "0",
        "RD_NEXT": "wait",
    }
    assert list(session.variables)[-1] == "RD_NEXT"


async def test_the_language_he_chose_is_spoken_and_handed_on() -> None:
    desk, session = Desk(), FakeCallerSession(["8", "1"])
    await desk.run(session)
    assert session.heard[-1] == "zh/main-menu"
    assert session.variables["RD_LANG"] == "zh"
    assert desk.left().language == "zh"
    call = desk.calls.get(CALL)
    assert call is not None
    assert call.language == "zh"


@pytest.mark.parametrize(
    ("dnis", "flow_name"),
    [
        ("4001", "helpline"),
        ("864001", "main"),
        ("+864002", "helpline"),
        ("864002", "helpline"),
        ("999", "main"),
        ("", "main"),
    ],
)
async def test_the_number_dialled_chooses_the_flow(dnis: str, flow_name: str) -> None:
    desk = Desk(numbers={"4001": "helpline", "+864002": "helpline"})
    await desk.run(FakeCallerSession(["1"]), dnis)
    assert desk.left().flow == flow_name


async def test_a_number_of_one_person_rings_him_without_a_menu() -> None:
    desk, session = Desk(), FakeCallerSession(["1"])
    sofia = Person(login="sofia", name="Sofia", staff_number="1", extension="1010")
    own = Number(dnis="+864003", extension="1010")
    whole = company(MAIN, HELPLINE)
    desk.service.use(plan_of(whole.model_copy(update={"people": (sofia,), "numbers": (own,)})))
    await desk.run(session, "864003")
    assert session.variables == {"RD_TO": "1010", "RD_NEXT": "direct"}
    assert session.heard == []
    assert len(desk.events) == 1


async def test_credit_is_given_in_whole_seconds() -> None:
    desk, session = Desk(), FakeCallerSession()
    desk.service.use(plan_of(company(HELPLINE)))
    await desk.run(session)
    assert session.variables["RD_QUEUE"] == "help"
    assert session.variables["RD_CREDIT"] == "10"


async def test_a_queue_nodes_demand_is_told_before_the_caller_waits_and_its_credit_counts() -> None:
    asked = {"queue": "help", "demand": "vip>=3", "credit_time": timedelta(seconds=5)}
    demanding = flow(node("line", "queue", **asked))
    desk, session = Desk(), FakeCallerSession()
    desk.service.use(plan_of(company(demanding)))
    await desk.run(session)
    told = [e for e in desk.events if isinstance(e, DemandSet | MenuLeft)]
    assert [type(e) for e in told] == [DemandSet, MenuLeft]
    assert isinstance(told[0], DemandSet)
    assert (told[0].demand, told[0].by) == ("vip>=3", "menu")
    assert session.variables["RD_CREDIT"] == "15"


async def test_a_flow_that_says_goodbye_hangs_up() -> None:
    desk, session = Desk(flow(node("bye", "hangup"))), FakeCallerSession()
    await desk.run(session)
    assert desk.left().outcome == "hangup"
    assert session.variables == {"RD_LANG": "en", "RD_NEXT": "hangup"}


async def test_a_wrong_key_is_asked_again_and_a_key_pressed_before_counts() -> None:
    desk, session = Desk(), FakeCallerSession(["9", "1"])
    await desk.run(session)
    assert session.heard[2:] == [f"en/{model.RETRY_KEY}", "en/main-menu"]
    eager = FakeCallerSession()
    eager.press("1")
    other = Desk()
    await other.run(eager)
    assert eager.heard == []
    assert eager.variables["RD_QUEUE"] == "sales"


@pytest.mark.parametrize("keys", [f"2{SECRET[:6]}#", f"2{SECRET}#1"])
async def test_a_sensitive_number_is_seen_nowhere(keys: str) -> None:
    desk, session = Desk(), FakeCallerSession([keys], is_recorded=True)
    with capture_logs() as logs:
        await desk.run(session)
    told = str([asdict(event) for event in desk.events]) + str(logs) + str(session.variables)
    assert SECRET[:6] not in told
    assert SECRET[6:] not in told
    answer = [e for e in desk.events if isinstance(e, MenuInput)][-1]
    assert (answer.node, answer.is_sensitive, answer.digits) == ("pin", True, "")
    assert desk.pauses == [True, False]
    assert session.next_step == "wait"


async def test_a_sensitive_number_that_was_too_long_answers_no_later_question() -> None:
    walk = flow(
        node("pin", "collect", max_digits=4, is_sensitive=True, next="menu"),
        node("menu", "menu", keys={"1": "help"}, retries=0, no_match="help"),
        node("help", "queue", queue="help"),
    )
    desk, session = Desk(walk), FakeCallerSession(["987651"])
    await desk.run(session)
    answers = [e for e in desk.events if isinstance(e, MenuInput)]
    assert [(a.node, a.result, a.digits) for a in answers] == [
        ("pin", "match", ""),
        ("menu", "no_input", ""),
    ]


async def test_nothing_is_paused_where_nothing_is_recorded() -> None:
    desk = Desk()
    await desk.run(FakeCallerSession(["2", "123456"]))
    assert desk.pauses == []


async def test_a_sensitive_question_is_not_asked_while_the_recording_runs() -> None:
    desk, session = Desk(), FakeCallerSession(["2", SECRET], is_recorded=True)
    desk.pause_error = SwitchUnavailable("no link")
    await desk.run(session)
    assert session.questions == 1
    assert desk.pauses == [True, False]
    assert desk.left().outcome == "failed"
    assert session.variables["RD_QUEUE"] == "sales"


async def test_a_recording_that_can_not_be_resumed_does_not_keep_the_caller() -> None:
    desk, session = Desk(), FakeCallerSession(["2", "123456"], is_recorded=True)

    async def refuse_to_resume(call_id: CallId, is_paused: bool, reason: str = "agent") -> None:
        if not is_paused:
            raise CommandRefused("refused", "no")

    desk.pause_recording = refuse_to_resume  # type: ignore[method-assign]
    await desk.run(session)
    assert session.next_step == "wait"


@pytest.mark.parametrize("turns", [[HANG_UP], ["8", HANG_UP], ["2", HANG_UP], ["9", HANG_UP]])
async def test_a_caller_who_hangs_up_is_let_go(turns: list[str]) -> None:
    desk, session = Desk(), FakeCallerSession(turns, is_recorded=True)
    with capture_logs() as logs:
        await desk.run(session)
    assert session.next_step == ""
    assert desk.left().outcome == "gone"
    assert logs == []


async def test_an_error_inside_sends_the_caller_to_the_default_queue() -> None:
    desk, session = Desk(), FakeCallerSession(["2"], is_recorded=True)

    async def break_down(*args: object) -> str | None:
        typed = SECRET  # stands in this frame, and in the message
        raise RuntimeError(f"could not read {typed}")

    session.read_digits = break_down  # type: ignore[method-assign, assignment]
    with capture_logs() as logs:
        await desk.run(session)
    assert desk.left().outcome == "failed"
    assert session.variables["RD_QUEUE"] == "sales"
    assert session.next_step == "wait"
    assert desk.pauses == [True, False]
    assert [entry["error"] for entry in logs] == ["RuntimeError"]
    assert SECRET not in str(logs)


async def test_a_session_that_refuses_once_still_hands_the_caller_on() -> None:
    desk, session = Desk(), FakeCallerSession(["1"])
    session.failure = RingdeskError("refused")
    await desk.run(session)
    assert (desk.left().outcome, session.next_step) == ("failed", "wait")


async def test_a_session_that_is_broken_leaves_the_caller_to_the_dialplan() -> None:
    desk, session = Desk(), FakeCallerSession(["1"])

    async def refuse(*args: object) -> None:
        raise RingdeskError("refused")

    session.finish = refuse  # type: ignore[method-assign, assignment]
    await desk.run(session)
    assert (desk.left().outcome, session.next_step) == ("failed", "")


async def test_the_menu_waits_until_the_call_is_known() -> None:
    desk, session = Desk(), FakeCallerSession(["1"])
    task = asyncio.create_task(desk.service.run(session, CALL, "4000"))
    await asyncio.sleep(0)
    assert session.heard == []
    desk.offer()
    await asyncio.wait_for(task, 5)
    assert [type(event) for event in desk.events[:2]] == [CallOffered, MenuEntered]


async def test_a_call_that_nobody_announces_is_served_all_the_same() -> None:
    desk, session = Desk(), FakeCallerSession(["1"])
    task = asyncio.create_task(desk.service.run(session, CALL, "4000"))
    await asyncio.sleep(0)
    desk.clock.advance(OFFERED_TIMEOUT.total_seconds() + 0.01)
    await asyncio.wait_for(task, 5)
    assert session.next_step == "wait"


async def test_a_new_configuration_does_not_touch_who_is_in_a_menu() -> None:
    desk, session = Desk(), FakeCallerSession(["8", "1"])
    ask = session.ask_key

    async def configure_and_ask(prompts: tuple[str, ...], wait: timedelta) -> str | None:
        desk.service.use(plan_of(company(HELPLINE)))
        return await ask(prompts, wait)

    session.ask_key = configure_and_ask  # type: ignore[method-assign, assignment]
    await desk.run(session)
    assert session.variables["RD_QUEUE"] == "sales"
    again = Desk()
    again.service.use(plan_of(company(HELPLINE)))
    await again.run(FakeCallerSession())
    assert again.left().flow == "helpline"


@pytest.mark.parametrize(
    ("position", "heard"),
    [(1, ["zh/ivr-position-1"]), (33, ["zh/ivr-position-many"]), (None, [])],
)
async def test_a_waiting_caller_hears_his_position(position: int | None, heard: list[str]) -> None:
    desk, session = Desk(), FakeCallerSession(language="zh")
    if position is not None:
        desk.line.waiting[CALL] = Waits(position)
    await desk.service.announce(session, CALL)
    assert session.heard == heard
    assert session.variables == {"RD_NEXT": "wait"}


async def test_an_announcement_that_fails_sends_him_back_to_wait() -> None:
    desk, session = Desk(), FakeCallerSession()
    desk.line.waiting[CALL] = Waits(3)
    session.failure = RuntimeError("no such file")
    await desk.service.announce(session, CALL)
    assert session.variables == {"RD_NEXT": "wait"}


async def test_who_hangs_up_in_an_announcement_is_let_go() -> None:
    desk, session = Desk(), FakeCallerSession()
    desk.line.waiting[CALL] = Waits(3)
    session.hang_up()
    await desk.service.announce(session, CALL)
    assert session.next_step == ""
