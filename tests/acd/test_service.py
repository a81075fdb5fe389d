"""The service on a virtual clock: from events on the bus to commands for the switch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from acd.model import AgentState
from acd.service import AcdService
from acd.wiring import build_acd
from cti.bus.local import LocalBus
from cti.company import parse_company
from cti.domain import events as ev
from cti.domain.calls import CallTable
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, CustomerId, Endpoint, LegId, QueueName
from cti.domain.numbers import DialPlan
from cti.domain.people import Role, User
from tests.acd.world import seconds
from tests.fakes.call_control import Given, RecordingCallControl
from tests.fakes.clock import VirtualClock, settle
from tickets.relations import CustomerRelation

pytestmark = pytest.mark.acceptance

COMPANY = parse_company("""
people:
  - {login: anna, name: Anna, staff_number: a1, extension: "1001", queues: [sales]}
  - {login: ben, name: Ben, staff_number: b1, extension: "1002", queues: [sales]}
queues:
  - {name: sales, label: {en: Sales}, wrap_up_time: 10, gap_time: 2, announce_every: 45}
reasons: [{name: lunch, label: {en: Lunch}}]
skills: [vip]
customer_groups: [{name: gold, credit_time: 30}]
dedicated: [{numbers: ["+8613800138000"], agent: anna}]
last_agent_days: 10
flows:
  - name: main
    start: in_line
    nodes: [{name: in_line, kind: queue, queue: sales}]
numbers: [{dnis: "100", flow: main}]
default_flow: main
""")
ANNA, BEN = AgentId("u1"), AgentId("u2")
DESK, BROWSER, OTHER_DESK = Endpoint("1001"), Endpoint("1001w"), Endpoint("1002")
SALES = QueueName("sales")
USERS = [
    User(ANNA, "anna", "Anna", "a1", "1001", Role.AGENT),
    User(BEN, "ben", "Ben", "b1", "1002", Role.AGENT),
    User(AgentId("u3"), "gone", "Gone", "g1", "1003", Role.AGENT, is_active=False),
]


class Screen:
    """A desktop that can be slow or broken."""

    def __init__(self, clock: VirtualClock, control: RecordingCallControl) -> None:
        self.clock, self.control = clock, control
        self.takes = seconds(0)
        self.is_broken = False
        self.shown: list[tuple[CallId, AgentId, datetime, int]] = []

    async def show(
        self,
        call_id: CallId,
        agent_id: AgentId,
        queue: QueueName,
        chosen_at: datetime,
        wait_for_paint: bool,
    ) -> None:
        if self.is_broken:
            raise ConnectionError("the page is gone")
        if self.takes:
            await self.clock.sleep(self.takes)
        self.shown.append((call_id, agent_id, chosen_at, len(self.control.named("offer"))))


class Files:
    """The customers' files: customer 7 is gold and spoke with Ben; they can be unreadable."""

    def __init__(self) -> None:
        self.is_broken = False
        self.since_at: datetime | None = None

    async def relation(self, customer_id: CustomerId, since_at: datetime) -> CustomerRelation:
        self.since_at = since_at
        if self.is_broken:
            raise OSError("the disk is gone")
        return CustomerRelation("gold", BEN) if customer_id == 7 else CustomerRelation()


class Centre:
    """The department with everything around it faked."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.bus = LocalBus()
        self.control = RecordingCallControl()
        self.screen = Screen(self.clock, self.control)
        self.events: list[ev.Event] = []
        self.bus.subscribe(self.events.append)
        self.calls = CallTable()
        self.bus.subscribe(self.learn)
        self.files = Files()
        self.company = COMPANY
        self.acd = self.build()

    def build(self) -> AcdService:
        return build_acd(
            self.company, USERS, self.control, self.screen, self.bus, self.clock, self.calls,
            plan=DialPlan(), customers=self.files,
        )  # fmt: skip

    def learn(self, event: ev.Event) -> None:
        self.calls.apply(event)

    async def restart(self) -> None:
        """End the service and start another one from what was journalled."""
        await self.acd.stop()
        self.acd = self.build()
        self.acd.restore(list(self.events))
        self.acd.start()

    async def ring_all(self, at_most: int = 10) -> None:
        """The queue rings all; Anna and Ben are there, at their desks."""
        [queue] = COMPANY.queues
        changes = {"strategy": "ring_all", "ring_at_most": at_most}
        self.company = COMPANY.model_copy(update={"queues": (queue.model_copy(update=changes),)})
        await self.restart()
        await self.link()
        await self.seat(ANNA, DESK)
        await self.clock.advance(seconds(1))
        await self.seat(BEN, OTHER_DESK)

    async def link(self, is_up: bool = True) -> None:
        self.control.is_linked = is_up
        self.bus.publish(ev.SwitchLinkChanged(at=self.clock.now(), is_up=is_up))
        await settle()

    async def seat(self, agent: AgentId, endpoint: Endpoint) -> None:
        await self.acd.sign_in(agent, endpoint)
        self.phone(endpoint, "idle")
        await self.acd.ready(agent)
        await settle()

    def phone(self, endpoint: Endpoint, state: str) -> None:
        self.bus.publish(ev.PhoneStateChanged(at=self.clock.now(), endpoint=endpoint, state=state))

    async def enqueue(self, name: str, waited: float = 0) -> CallId:
        now, call_id = self.clock.now(), CallId(name)
        self.bus.publish(ev.CallOffered(at=now, call_id=call_id, leg_id=LegId(name)))
        self.bus.publish(
            ev.CallEnqueued(at=now, call_id=call_id, queue=SALES, enqueued_at=now - seconds(waited))
        )
        await settle()
        return call_id

    async def tell(self, kind: type[ev.CallEvent], call_id: CallId, **values: object) -> None:
        self.bus.publish(kind(at=self.clock.now(), call_id=call_id, **values))
        await settle()

    async def talk(self, call_id: CallId, endpoint: Endpoint = DESK) -> None:
        leg = LegId(f"{call_id}-{endpoint}")
        await self.tell(ev.LegDialled, call_id, leg_id=leg, endpoint=endpoint)
        await self.tell(ev.CallConnected, call_id, leg_id=leg, endpoint=endpoint)
        self.phone(endpoint, "in_use")

    async def hang_up(self, call_id: CallId, endpoint: Endpoint = DESK) -> None:
        leg = LegId(f"{call_id}-{endpoint}")
        await self.tell(ev.LegEnded, call_id, leg_id=leg, endpoint=endpoint, cause=16)
        await self.tell(ev.CallEnded, call_id, cause=16, ended_by="agent")
        self.phone(endpoint, "idle")

    def state(self, agent: AgentId = ANNA) -> AgentState:
        return self.acd.agent_view(agent).state


@pytest.fixture
async def centre() -> AsyncIterator[Centre]:
    found = Centre()
    found.acd.start()
    await found.link()
    yield found
    await found.acd.stop()


async def test_a_caller_who_hangs_up_as_an_agent_is_chosen_pops_nowhere(centre: Centre) -> None:
    await centre.link()
    await centre.seat(ANNA, DESK)
    now, call_id = centre.clock.now(), CallId("c1")
    # All in one go, as the link delivers them: the pop's own task has not begun yet.
    centre.bus.publish(ev.CallOffered(at=now, call_id=call_id, leg_id=LegId("c1")))
    centre.bus.publish(ev.CallEnqueued(at=now, call_id=call_id, queue=SALES, enqueued_at=now))
    centre.bus.publish(ev.CallEnded(at=now, call_id=call_id, cause=16, ended_by="caller"))
    await settle()
    assert [e.agent_id for e in centre.events if isinstance(e, ev.AgentReserved)] == [ANNA]
    assert centre.screen.shown == []
    assert centre.control.named("offer") == []


async def test_a_group_is_shown_the_caller_before_its_phones_ring_at_once(centre: Centre) -> None:
    await centre.ring_all()
    call = await centre.enqueue("a")
    [(_, first, *_), (_, second, *_)] = centre.screen.shown
    assert {first, second} == {ANNA, BEN}
    [offer] = centre.control.named("offer_all")
    assert offer == Given("offer_all", call, ring_timeout=seconds(15), word="1001 1002")
    assert centre.control.named("offer") == []


async def test_slow_screens_delay_a_group_together_and_not_one_after_the_other(
    centre: Centre,
) -> None:
    await centre.ring_all()
    centre.screen.takes = seconds(5)
    await centre.enqueue("a")
    await centre.clock.advance(seconds(0.31))
    assert len(centre.control.named("offer_all")) == 1


async def test_whose_page_shows_a_caller_who_hung_up_meanwhile_is_not_rung(centre: Centre) -> None:
    await centre.ring_all()
    centre.screen.takes = seconds(0.1)
    call = await centre.enqueue("a")
    await centre.tell(ev.CallEnded, call, cause=16, ended_by="caller")
    await centre.clock.advance(seconds(1))
    assert centre.control.named("offer_all") == []


async def test_a_group_that_the_switch_refuses_is_released(centre: Centre) -> None:
    await centre.ring_all()
    centre.control.refuse("offer_all", "wrong_state")
    await centre.enqueue("a")
    assert {centre.state(ANNA), centre.state(BEN)} == {AgentState.READY}
    await centre.clock.advance(seconds(6))
    assert len(centre.control.named("offer_all")) == 1


async def test_who_missed_a_caller_in_a_group_is_known_after_a_restart(centre: Centre) -> None:
    await centre.ring_all(at_most=1)
    call = await centre.enqueue("a")
    leg = LegId("leg")
    await centre.tell(ev.LegDialled, call, leg_id=leg, endpoint=DESK)
    await centre.tell(ev.LegEnded, call, leg_id=leg, endpoint=DESK, cause=0)
    await centre.tell(ev.CallNotAnswered, call, endpoint=DESK, result="no_answer")
    await centre.restart()
    for phone in (DESK, OTHER_DESK):
        centre.phone(phone, "idle")
    await centre.link()
    assert centre.control.named("offer_all")[-1].word == OTHER_DESK


async def test_the_pop_comes_before_the_ring_and_the_call_ends_in_wrap_up(centre: Centre) -> None:
    await centre.seat(ANNA, DESK)
    call = await centre.enqueue("a", waited=3)
    assert centre.screen.shown == [(call, ANNA, centre.clock.now(), 0)]
    assert centre.control.named("offer") == [Given("offer", call, DESK, seconds(15))]
    await centre.talk(call)
    assert centre.state() is AgentState.TALKING
    await centre.hang_up(call)
    view = centre.acd.agent_view(ANNA)
    assert view.state is AgentState.WRAP_UP
    assert view.until_at == centre.clock.now() + seconds(10)
    await centre.clock.advance(seconds(10))
    assert centre.state() is AgentState.READY


async def test_a_stuck_desktop_delays_the_ring_by_no_more_than_300_ms(centre: Centre) -> None:
    centre.screen.takes = seconds(60)
    await centre.seat(ANNA, DESK)
    await centre.enqueue("a")
    await centre.clock.advance(seconds(0.299))
    assert centre.control.named("offer") == []
    await centre.clock.advance(seconds(0.001))
    assert len(centre.control.named("offer")) == 1


async def test_a_broken_desktop_does_not_keep_the_phone_from_ringing(centre: Centre) -> None:
    centre.screen.is_broken = True
    await centre.seat(ANNA, DESK)
    await centre.enqueue("a")
    assert len(centre.control.named("offer")) == 1


async def test_a_caller_who_leaves_during_the_pop_is_not_offered(centre: Centre) -> None:
    centre.screen.takes = seconds(0.1)
    await centre.seat(ANNA, DESK)
    call = await centre.enqueue("a")
    await centre.tell(ev.CallEnded, call, cause=16, ended_by="caller")
    await centre.clock.advance(seconds(1))
    assert centre.control.named("offer") == []
    assert centre.state() is AgentState.READY


async def test_a_refused_offer_frees_the_agent_for_the_next_caller(centre: Centre) -> None:
    centre.control.refuse("offer", "no_such_call")
    await centre.seat(ANNA, DESK)
    await centre.enqueue("gone")
    assert centre.state() is AgentState.READY
    call = await centre.enqueue("here")
    assert [g.call_id for g in centre.control.named("offer")] == [call]


async def test_an_accepted_offer_proves_nothing(centre: Centre) -> None:
    await centre.seat(ANNA, DESK)
    await centre.enqueue("a")
    await centre.clock.advance(seconds(3))
    assert centre.state() is AgentState.READY


async def test_commands_are_refused_with_stable_reasons(centre: Centre) -> None:
    with pytest.raises(CommandRefused) as refusal:
        await centre.acd.ready(ANNA)
    assert refusal.value.reason == "signed_out"
    with pytest.raises(CommandRefused) as refusal:
        await centre.acd.sign_in(AgentId("u3"), Endpoint("1003"))
    assert refusal.value.reason == "no_such_agent"


async def test_an_agent_without_his_phone_is_told_why_nothing_comes(centre: Centre) -> None:
    await centre.seat(ANNA, DESK)
    centre.phone(DESK, "unavailable")
    assert centre.acd.agent_view(ANNA).notice == "phone_unavailable"
    centre.phone(DESK, "in_use")
    assert centre.acd.agent_view(ANNA).notice == "phone_busy"
    await centre.enqueue("a")
    assert centre.control.named("offer") == []


async def test_the_heart_beats_each_second_while_the_link_is_up(centre: Centre) -> None:
    await centre.clock.advance(seconds(3))
    assert [g.count for g in centre.control.named("beat")] == [1, 2, 3, 4]
    await centre.link(is_up=False)
    await centre.clock.advance(seconds(3))
    assert len(centre.control.named("beat")) == 4
    await centre.link()
    assert [g.count for g in centre.control.named("beat")] == [1, 2, 3, 4, 5]


async def test_a_matcher_that_fails_does_not_look_alive(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("a defect")

    monkeypatch.setattr("acd.model.match", broken)
    before = len(centre.control.named("beat"))
    with pytest.raises(ArithmeticError):
        await centre.clock.advance(seconds(1))
    assert len(centre.control.named("beat")) == before


async def test_callers_are_fetched_back_after_the_first_beat_and_matched_in_order(
    centre: Centre,
) -> None:
    await centre.seat(ANNA, DESK)
    await centre.link(is_up=False)
    young = await centre.enqueue("young", waited=5)
    old = await centre.enqueue("old", waited=9)
    for call in (young, old):
        await centre.tell(ev.CallFellBack, call, queue=SALES)
    centre.control.given.clear()
    await centre.link()
    assert [g.name for g in centre.control.given[:3]] == ["beat", "take_back", "take_back"]
    for call, waited in ((young, 5), (old, 9)):
        assert centre.control.named("offer") == []
        now = centre.clock.now()
        await centre.tell(ev.CallEnqueued, call, queue=SALES, enqueued_at=now - seconds(waited))
    assert [g.call_id for g in centre.control.named("offer")] == [old]


async def test_after_a_freeze_the_heart_beats_first_and_stale_news_lead_to_nothing(
    centre: Centre,
) -> None:
    await centre.seat(ANNA, DESK)
    centre.clock.freeze(seconds(30))
    call = CallId("a")
    centre.bus.publish(
        ev.CallEnqueued(
            at=centre.clock.now() - seconds(29),
            call_id=call,
            queue=SALES,
            enqueued_at=centre.clock.now() - seconds(29),
        )
    )
    centre.bus.publish(ev.CallFellBack(at=centre.clock.now(), call_id=call, queue=SALES))
    before = len(centre.control.given)
    await settle()
    assert [g.name for g in centre.control.given[before:]][:2] == ["beat", "take_back"]
    assert centre.control.named("offer") == []


async def test_the_fallback_is_told_again_whenever_the_link_comes_up(centre: Centre) -> None:
    await centre.seat(ANNA, DESK)
    await centre.link(is_up=False)
    await centre.acd.not_ready(ANNA, "lunch")
    centre.control.given.clear()
    await centre.link()
    mirror = centre.control.named("mirror")[-1].mirror
    assert mirror is not None
    assert (mirror.endpoint, mirror.is_paused) == (DESK, True)
    assert mirror.wrap_up_time == seconds(10)


async def test_a_sign_out_without_link_reaches_the_fallback_later(centre: Centre) -> None:
    await centre.seat(ANNA, DESK)
    await centre.link(is_up=False)
    await centre.acd.sign_out(ANNA)
    await centre.seat(BEN, Endpoint("1002"))
    await centre.link()
    last = {g.endpoint: g.mirror for g in centre.control.named("mirror")}
    gone = last[DESK]
    assert gone is not None
    assert gone.queues == ()


async def test_the_state_survives_a_restart_with_a_call_in_progress(centre: Centre) -> None:
    await centre.seat(ANNA, DESK)
    await centre.seat(BEN, Endpoint("1002"))
    call = await centre.enqueue("a")
    await centre.talk(call)
    await centre.acd.not_ready(BEN, "lunch")
    await centre.restart()
    await centre.link()
    assert centre.state() is AgentState.TALKING
    assert centre.acd.agent_view(BEN).reason == "lunch"
    await centre.hang_up(call)
    assert centre.state() is AgentState.WRAP_UP
    assert len([e for e in centre.events if isinstance(e, ev.CallAnswered)]) == 1


async def test_what_happened_while_we_were_gone_is_told_by_the_switch(centre: Centre) -> None:
    await centre.seat(ANNA, DESK)
    talks = await centre.enqueue("talks")
    await centre.tell(ev.LegDialled, talks, leg_id=LegId("x"), endpoint=DESK)
    left, stays = await centre.enqueue("left"), await centre.enqueue("stays")
    await centre.restart()
    await centre.tell(ev.CallConnected, talks, leg_id=LegId("x"), endpoint=DESK)
    await centre.tell(ev.CallEnded, left, cause=0, ended_by="unknown")
    await centre.link()
    assert centre.state() is AgentState.TALKING
    assert [e.call_id for e in centre.events if isinstance(e, ev.CallAnswered)] == [talks]
    assert [e.call_id for e in centre.events if isinstance(e, ev.CallAbandoned)] == [left]
    assert centre.acd.position(stays) == 1


async def test_a_reloaded_page_is_called_again(centre: Centre) -> None:
    await centre.seat(ANNA, BROWSER)
    call = await centre.enqueue("a")
    await centre.talk(call, BROWSER)
    centre.acd.phone_ready(ANNA)
    await settle()
    assert centre.control.named("rejoin") == [Given("rejoin", call, BROWSER)]
    assert centre.acd.agent_view(ANNA).notice == "reconnecting"


async def test_the_position_is_announced_and_can_be_asked_for(centre: Centre) -> None:
    await centre.enqueue("a")
    mine = await centre.enqueue("b", waited=0)
    await centre.clock.advance(seconds(45))
    assert [g.call_id for g in centre.control.named("announce")] == ["a", mine]
    assert centre.acd.position(mine) == 2
    described = centre.acd.describe(mine)
    assert described is not None
    assert (described.queue, described.position) == (QueueName("sales"), 2)
    assert set(described.says) == {"place"}
    assert centre.acd.describe(CallId("nobody")) is None


async def test_figures_come_soon_and_then_not_too_often(centre: Centre) -> None:
    def waiting() -> list[int]:
        return [e.waiting for e in centre.events if isinstance(e, ev.QueueChanged)]

    await centre.enqueue("first")
    assert waiting() == [], "what was decided goes first"
    await centre.clock.advance(seconds(0.02))
    assert waiting() == [1]
    for number in range(4):
        await centre.enqueue(str(number))
    await centre.clock.advance(seconds(0.19))
    assert waiting() == [1]
    await centre.clock.advance(seconds(0.01))
    assert waiting() == [1, 5]
    await centre.clock.advance(seconds(5))
    assert waiting() == [1, 5], "nothing new"
    assert centre.acd.queue_views()[0].waiting == 5


@pytest.mark.parametrize("hours", [-1, 1])
async def test_setting_the_clock_moves_no_place_and_no_wrap_up(centre: Centre, hours: int) -> None:
    first = await centre.enqueue("first")
    await centre.clock.advance(seconds(5))
    centre.clock.step_wall(seconds(3600 * hours))
    await centre.enqueue("second")
    await centre.seat(ANNA, DESK)
    assert [g.call_id for g in centre.control.named("offer")] == [first]
    reserved = [e for e in centre.events if isinstance(e, ev.AgentReserved)]
    assert reserved[0].wait_time == seconds(5)
    assert reserved[0].at == centre.clock.now()
    await centre.talk(first)
    await centre.hang_up(first)
    assert centre.acd.agent_view(ANNA).until_at == centre.clock.now() + seconds(10)
    await centre.clock.advance(seconds(10))
    assert centre.state() is not AgentState.WRAP_UP


async def test_what_a_listener_causes_is_told_after_what_caused_it(centre: Centre) -> None:
    call = await centre.enqueue("a")

    def hang_up(event: ev.Event) -> None:
        if isinstance(event, ev.AgentStateChanged) and event.state == "READY":
            now = centre.clock.now()
            centre.bus.publish(ev.CallEnded(at=now, call_id=call, cause=16, ended_by="caller"))

    stop = centre.bus.subscribe(hang_up)
    await centre.seat(ANNA, DESK)
    stop()
    names = [type(e).__name__ for e in centre.events]
    assert names.index("AgentReserved") < names.index("ReservationReleased")
    assert centre.control.named("offer") == []
    assert centre.state() is AgentState.READY


async def identify(centre: Centre, name: str, customer: int, ani: str = "") -> CallId:
    """A caller in the menu whose number was looked up."""
    call_id = CallId(name)
    await centre.tell(ev.CallOffered, call_id, leg_id=LegId(name), ani=ani)
    ids = (CustomerId(customer),)
    await centre.tell(ev.CallerIdentified, call_id, match="known", customer_ids=ids)
    return call_id


async def join(centre: Centre, call_id: CallId) -> None:
    now = centre.clock.now()
    await centre.tell(ev.CallEnqueued, call_id, queue=SALES, enqueued_at=now)


async def test_a_known_caller_gets_who_spoke_with_him_last(centre: Centre) -> None:
    await centre.seat(ANNA, DESK)
    await centre.seat(BEN, Endpoint("1002"))
    call = await identify(centre, "known", 7)
    assert centre.files.since_at == centre.clock.now() - seconds(10 * 86_400)
    await join(centre, call)
    assert [g.endpoint for g in centre.control.named("offer")] == ["1002"]


async def test_a_caller_with_an_agent_of_his_own_waits_while_that_one_talks(centre: Centre) -> None:
    await centre.seat(ANNA, DESK)
    first = await centre.enqueue("first")
    await centre.talk(first)
    await centre.seat(BEN, Endpoint("1002"))
    call = await identify(centre, "own", 1, ani="13800138000")
    await join(centre, call)
    assert [g.call_id for g in centre.control.named("offer")] == [first]
    await centre.clock.advance(seconds(60))
    assert [g.endpoint for g in centre.control.named("offer")] == [DESK, "1002"]


async def test_files_that_cannot_be_read_keep_nobody_from_being_served(centre: Centre) -> None:
    centre.files.is_broken = True
    await centre.seat(ANNA, DESK)
    await join(centre, await identify(centre, "known", 7))
    assert len(centre.control.named("offer")) == 1


async def test_what_was_known_of_waiting_callers_is_known_after_a_restart(centre: Centre) -> None:
    plain = await centre.enqueue("plain")
    await centre.clock.advance(seconds(5))
    gold = await identify(centre, "gold", 7)
    await centre.tell(ev.DemandSet, gold, demand="vip", by="menu")
    await join(centre, gold)
    await centre.restart()
    await centre.link()
    await centre.seat(ANNA, DESK)
    assert [g.call_id for g in centre.control.named("offer")] == [plain], "Anna is no vip's agent"
    await centre.tell(ev.DemandSet, gold, demand="", by="menu")
    await centre.seat(BEN, Endpoint("1002"))
    assert [g.call_id for g in centre.control.named("offer")] == [plain, gold]
