"""What a pop has besides the call: when it goes, who sent the caller, the queue's rules, colleagues."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.ids import Endpoint, LegId
from cti.domain.pops import FIELDS, OutsidePage, PopRule
from screenpop.pops import PopRules
from tests.screenpop.conftest import BOSS, CALL, CONFIG, LINA, SALES, TOM, TWO, WANG, Page, World

pytestmark = pytest.mark.contract

LINAS, TOMS = Endpoint("1001w"), Endpoint("1002w")
NEW = "13911112222"


async def shown(world: World, page: Page, **options: Any) -> None:
    """Choose the page's agent for the caller."""
    task = asyncio.create_task(world.show(page.desk.user, **options))
    while not task.done():
        await page.read()
    await world.settle()
    await page.read()


async def signed_in(world: World, page: Page, state: str = "READY") -> None:
    """Somebody is at his phone."""
    endpoint = Endpoint(f"{page.desk.user.extension}w")
    agent = page.desk.user
    await world.agent(state, "LOGGED_OUT", agent, endpoint=endpoint)
    view = world.agents.views
    world.agents.change(agent.user_id, endpoint=endpoint)
    assert agent.user_id in view
    world.pop.desks.seat(page.desk, endpoint)
    page.desk.put("agent", {**page.desk.state.sections["agent"], "state": state})
    await page.read()


def nothing_of_the_caller(page: Page) -> bool:
    """Whether nothing that belongs to a caller is left."""
    names = ("call", "customer", "ticket", "colleague", "outside_page")
    return all(page.sections[name] is None for name in names)


# ---- withdrawn -----------------------------------------------------------------------------------


async def _taken(world: World) -> None:
    await world.connected(TOM)


async def _hung_up(world: World) -> None:
    await world.ended()


async def _missed(world: World) -> None:
    values: dict[str, Any] = {"queue": SALES, "reason": "no_answer"}
    await world.happen(ev.AgentDidNotAnswer, agent_id=LINA.user_id, **values)


async def _declined(world: World) -> None:
    values: dict[str, Any] = {"queue": SALES, "reason": "declined"}
    await world.happen(ev.AgentDidNotAnswer, agent_id=LINA.user_id, **values)


async def _given_back(world: World) -> None:
    await world.happen(ev.ReservationReleased, agent_id=LINA.user_id, reason="pushed")


@pytest.mark.parametrize(
    ("happens", "why", "who"),
    [
        (_taken, "taken", "Tom"),
        (_hung_up, "hung_up", ""),
        (_missed, "missed", ""),
        (_declined, None, ""),
        (_given_back, "elsewhere", ""),
    ],
)
@pytest.mark.parametrize("rings", [True, False])
async def test_a_pop_that_comes_to_nothing_leaves_one_line(
    world: World, happens: Any, why: str | None, who: str, rings: bool
) -> None:
    await world.waiting()
    page = Page(world, LINA)
    await shown(world, page)
    if rings:
        await world.rings()
    await happens(world)
    await page.read()
    assert nothing_of_the_caller(page)
    gone = page.sections["gone"]
    assert (gone and (gone["why"], gone["who"])) == ((why, who) if why else None)
    await world.waiting(NEW, TWO)
    await shown(world, page, call_id=TWO)
    assert page.sections["gone"] is None


async def test_the_file_of_a_caller_who_left_comes_back_to_nobody(world: World) -> None:
    """What was being read when the pop went is not shown afterwards."""
    page = Page(world, LINA)
    await world.waiting()
    task = asyncio.create_task(world.show(LINA))
    await asyncio.sleep(0)  # it stands there, and its ticket is being read
    world.bus.publish(ev.CallEnded(at=world.clock.now(), call_id=CALL, cause=16, ended_by="caller"))
    await page.read()
    await task
    await world.settle()
    await page.read()
    assert nothing_of_the_caller(page)


@pytest.mark.parametrize("how", ["target changed", "asker cancelled", "caller hung up", "parked"])
async def test_a_call_that_a_colleague_sends_goes_as_it_came(world: World, how: str) -> None:
    """Tom has the caller; Lina's phone rings, then no more."""
    page = Page(world, LINA)
    await signed_in(world, page)
    await world.waiting()
    await world.show(TOM)
    await world.connected(TOM)
    role = "consult" if how == "asker cancelled" else "agent"
    if role == "consult":
        await world.happen(ev.ConsultStarted, endpoint=TOMS, target_kind="agent", target="1001")
    else:
        await world.happen(
            ev.CallTransferred, kind="blind", target_kind="agent", target="1001", endpoint=TOMS
        )
    leg = LegId("l")
    await world.happen(ev.LegDialled, leg_id=leg, endpoint=LINAS, role=role)
    await world.happen(ev.LegRang, leg_id=leg, endpoint=LINAS)
    await page.read()
    assert page.sections["call"]["state"] == "ringing"
    assert page.sections["customer"]["customer"]["name"] == "王小明"
    expected = "transfer" if role == "agent" else "consult"
    assert page.sections["call"]["sent_by"] == {"name": "Tom", "how": expected}
    if how == "target changed":
        await world.happen(
            ev.CallTransferred, kind="blind", target_kind="agent", target="1003", endpoint=TOMS
        )
    elif how == "caller hung up":
        await world.ended()
    elif how == "parked":
        await world.happen(ev.CallParked, slot="3", endpoint=TOMS)
    await world.happen(ev.LegEnded, leg_id=leg, endpoint=LINAS, cause=16)
    await page.read()
    assert nothing_of_the_caller(page)
    why = "hung_up" if how == "caller hung up" else "elsewhere"
    assert page.sections["gone"]["why"] == why


async def test_after_a_conversation_nothing_is_said_to_have_gone(world: World) -> None:
    await world.waiting()
    page = Page(world, LINA)
    await shown(world, page)
    await world.rings()
    await world.connected()
    await world.ended()
    await world.agent("WRAP_UP", "TALKING", call_id=CALL)
    await world.agent("READY", "WRAP_UP")
    await page.read()
    assert nothing_of_the_caller(page)
    assert page.sections["gone"] is None


# ---- the same context, whoever gets him -----------------------------------------------------------


async def _blind(world: World) -> None:
    await world.happen(
        ev.CallTransferred, kind="blind", target_kind="agent", target="1001", endpoint=TOMS
    )
    await world.happen(ev.LegDialled, leg_id=LegId("l"), endpoint=LINAS)


async def _queue(world: World) -> None:
    await world.happen(
        ev.CallTransferred, kind="blind", target_kind="queue", target="sales", endpoint=TOMS
    )


async def _parked(world: World) -> None:
    await world.happen(ev.CallParked, slot="3", endpoint=TOMS)
    await world.happen(ev.LegDialled, leg_id=LegId("l"), endpoint=LINAS)


async def _consult(world: World) -> None:
    await world.happen(ev.ConsultStarted, endpoint=TOMS, target_kind="agent", target="1001")
    await world.happen(ev.LegDialled, leg_id=LegId("l"), endpoint=LINAS, role="consult")
    await world.happen(ev.ConsultConnected, leg_id=LegId("l"), endpoint=LINAS)


async def _conference(world: World) -> None:
    await world.happen(ev.LegDialled, leg_id=LegId("l"), endpoint=LINAS, role="party")
    await world.happen(ev.PartyJoined, leg_id=LegId("l"), endpoint=LINAS)


@pytest.mark.parametrize(
    ("send", "how"),
    [
        (_blind, "transfer"),
        (_queue, "transfer"),
        (_parked, "parked"),
        (_consult, "consult"),
        (_conference, "added"),
    ],
)
async def test_the_second_agent_sees_what_the_first_one_saw(
    world: World, send: Any, how: str
) -> None:
    page, toms = Page(world, LINA), Page(world, TOM)
    await signed_in(world, page)
    await world.waiting()
    world.clock.advance(38)
    await shown(world, toms)
    await world.connected(TOM)
    await toms.read()
    before = toms.sections["call"]
    assert before["sent_by"] is None
    await world.commands.execute(
        toms.desk, "warning", "customer.warn", {"customer_id": 1, "text": "pays late"}
    )
    ticket = toms.sections["ticket"] or {}
    await world.tickets.office.write_note(ticket["ticket_id"], "asked for a refund", 0)
    world.clock.advance(300)  # talking is not waiting
    await send(world)
    if send is _queue:
        again_at = world.clock.now()
        await world.happen(ev.CallEnqueued, queue=SALES, enqueued_at=again_at)
        world.clock.advance(7)
        await shown(world, page)
    await world.settle()
    await page.read()
    call = page.sections["call"]
    assert call["sent_by"] == {"name": "Tom", "how": how}
    assert call["waited_s"] == (7 if send is _queue else 38)
    same = ("menu_path", "digits", "number", "number_place", "queue", "caller_name")
    assert {name: call[name] for name in same} == {name: before[name] for name in same}
    customer = page.sections["customer"]["customer"]
    assert customer["name"] == "王小明"
    assert (customer["warning"]["text"], customer["warning"]["by"]) == ("pays late", "Tom")
    assert page.sections["ticket"]["note"] == "asked for a refund"


async def test_a_consultation_that_becomes_a_handover(world: World) -> None:
    page = Page(world, LINA)
    await signed_in(world, page)
    await world.waiting()
    await world.show(TOM)
    await world.connected(TOM)
    await _consult(world)
    await world.happen(ev.ConsultEnded, endpoint=TOMS, result="completed")
    await world.happen(ev.CallConnected, leg_id=LegId("l"), endpoint=LINAS)
    await page.read()
    assert page.sections["call"]["sent_by"] == {"name": "Tom", "how": "consult"}


async def test_a_cancelled_consultation_sent_nobody(world: World) -> None:
    page = Page(world, TOM)
    await world.waiting()
    await shown(world, page)
    await world.connected(TOM)
    await _consult(world)
    await world.happen(ev.ConsultEnded, endpoint=TOMS, result="cancelled")
    await world.happen(ev.CallRetrieved, by="agent")
    await page.read()
    assert page.sections["call"]["sent_by"] is None


# ---- outbound and internal ------------------------------------------------------------------------


async def test_the_file_stands_there_when_the_agent_dials(world: World) -> None:
    page = Page(world, LINA)
    await signed_in(world, page)
    await world.happen(
        ev.CallOffered,
        TWO,
        leg_id=LegId("o"),
        endpoint=LINAS,
        direction="outbound",
        dnis="400100",
        ani=WANG,
    )
    await page.read()
    assert page.sections["call"]["state"] == "dialling"
    assert page.sections["customer"]["customer"]["name"] == "王小明"
    assert page.sections["colleague"] is None


async def test_an_internal_call_shows_the_colleague_on_both_sides(world: World) -> None:
    linas, toms = Page(world, LINA), Page(world, TOM)
    await signed_in(world, linas)
    await signed_in(world, toms)
    await world.happen(
        ev.CallOffered,
        TWO,
        leg_id=LegId("o"),
        endpoint=LINAS,
        direction="internal",
        dnis="1002",
        ani="1001",
    )
    await world.happen(ev.LegDialled, TWO, leg_id=LegId("p"), endpoint=TOMS)
    await linas.read()
    await toms.read()
    card = linas.sections["colleague"]
    assert (card["name"], card["staff_number"], card["extension"]) == ("Tom", "7002", "1002")
    assert toms.sections["colleague"]["name"] == "李娜"
    assert card["state"] == "READY"
    await world.agent("RINGING", "READY", TOM, call_id=TWO, kind="internal")
    await linas.read()
    assert linas.sections["colleague"]["state"] == "RINGING"
    await world.ended(TWO)
    await world.agent("READY", "TALKING")
    await linas.read()
    assert linas.sections["colleague"] is None
    seq = linas.desk.state.seq
    await world.agent("NOT_READY", "READY", TOM, reason="lunch")
    assert linas.desk.state.seq == seq  # nobody looks any more: nothing is sent


# ---- the queue's rules ----------------------------------------------------------------------------

PAGE = OutsidePage(
    "https://crm.example.com/{customer_id}?n={number}&d={digits}&q={queue}&c={call_id}",
    {"en": "CRM"},
)


def use(world: World, rule: PopRule, *hosts: str) -> None:
    """The company has changed."""
    pops = PopRules({"sales": rule}, frozenset(hosts))
    world.pop.desks.configure(replace(CONFIG, pops=pops), [LINA, BOSS], world.clock.now())


async def test_what_a_queue_shows_and_sounds(world: World) -> None:
    page = Page(world, LINA)
    await world.waiting()
    await shown(world, page)
    assert (page.sections["call"]["fields"], page.sections["call"]["mute"]) == (
        list(FIELDS),
        "none",
    )
    use(world, PopRule(fields=("wait", "number"), mute="ring"))
    await world.rings()
    await page.read()
    assert page.sections["call"]["fields"] == ["wait", "number"]
    assert page.sections["call"]["mute"] == "ring"


@pytest.mark.parametrize(
    ("user", "is_whole", "number"),
    [
        (LINA, False, "138****8000"),  # no more than he sees
        (LINA, True, "%2B8613800138000"),
        (BOSS, False, "138****8000"),  # until he uncovers it
    ],
)
async def test_an_outside_page_gets_what_is_known(
    world: World, user: Any, is_whole: bool, number: str
) -> None:
    use(world, PopRule(page=replace(PAGE, has_whole_number=is_whole)), "crm.example.com")
    page = Page(world, user)
    await world.waiting()
    await shown(world, page)
    outside = page.sections["outside_page"]
    number = number.replace("*", "%2A")
    assert outside["url"] == (
        f"https://crm.example.com/1?n={number}&d=2&q=sales&c={CALL.replace(':', '%3A')}"
    )
    assert (outside["label"], outside["place"], outside["opens"]) == (
        {"en": "CRM"},
        "frame",
        "click",
    )
    if user is BOSS:
        await world.commands.execute(page.desk, "r", "number.reveal", {"call_id": CALL})
        await page.read()
        assert "n=%2B8613800138000" in page.sections["outside_page"]["url"]
    await world.ended()
    await page.read()
    assert page.sections["outside_page"] is None


async def test_sensitive_digits_reach_no_page(world: World) -> None:
    use(world, PopRule(page=PAGE), "crm.example.com")
    page = Page(world, LINA)
    await world.offered()
    await world.happen(ev.MenuInput, node="pin", result="match", digits="4711", is_sensitive=True)
    await world.happen(ev.CallEnqueued, queue=SALES, enqueued_at=world.clock.now())
    await shown(world, page)
    assert page.sections["outside_page"]["url"].count("d=&") == 1
    assert "4711" not in page.sections["outside_page"]["url"]


async def test_a_host_that_is_not_allowed_is_not_opened(world: World) -> None:
    use(world, PopRule(page=PAGE), "other.example.com")
    page = Page(world, LINA)
    await world.waiting()
    await shown(world, page)
    assert page.sections["outside_page"] is None


# ---- who calls ------------------------------------------------------------------------------------


class Asker:
    """Gives commands from a page."""

    def __init__(self, world: World, page: Page) -> None:
        self.world, self.page, self.count = world, page, 0

    async def __call__(self, name: str, /, **args: Any) -> str:
        self.count += 1
        answer = await self.world.commands.execute(self.page.desk, f"c{self.count}", name, args)
        await self.page.read()
        return "ok" if answer["ok"] else str(answer["error"]["id"])


async def test_an_unknown_caller_gets_a_file_while_it_rings(world: World) -> None:
    page = Page(world, LINA)
    ask = Asker(world, page)
    await world.waiting(NEW)
    await shown(world, page)
    section = page.sections["customer"]
    assert (section["match"], section["customer"], section["has_number"]) == ("none", None, True)
    assert await ask("customer.create", call_id=CALL, name="", company="") == "name_missing"
    assert await ask("customer.create", call_id=TWO, name="Li", company="") == "not_your_call"
    assert await ask("customer.create", call_id=CALL, name="李 雷", company="Acme") == "ok"
    section = page.sections["customer"]
    assert (section["match"], section["customer"]["name"]) == ("known", "李 雷")
    assert not section["customer"]["is_provisional"]
    accepted = world.of(ev.CommandAccepted)[-1]
    assert "李" not in str(accepted.arguments)


async def test_an_unknown_caller_is_given_to_whoever_was_found(world: World) -> None:
    page = Page(world, LINA)
    ask = Asker(world, page)
    await world.waiting(NEW)
    await shown(world, page)
    give = {"call_id": CALL, "customer_id": 1, "keep_number": True}
    assert await ask("customer.assign", **{**give, "customer_id": 77}) == "no_such_customer"
    assert await ask("customer.assign", **{**give, "call_id": TWO}) == "not_your_call"
    assert await ask("customer.assign", **{**give, "keep_number": 1}) == "wrong_shape"
    assert await ask("customer.assign", **give) == "ok"
    assert page.sections["customer"]["customer"]["name"] == "王小明"


async def test_warnings_and_notes_are_for_the_customer_who_stands_there(world: World) -> None:
    page = Page(world, LINA)
    ask = Asker(world, page)
    assert await ask("customer.warn", customer_id=1, text="x") == "not_your_customer"
    await world.waiting()
    await shown(world, page)
    assert await ask("customer.warn", customer_id=2, text="x") == "not_your_customer"
    assert await ask("customer.note", customer_id=2, text="x") == "not_your_customer"
    assert await ask("customer.warn", customer_id=1, text="x" * 201) == "wrong_shape"
    hostile = "<script>alert(1)</script>\u202egnp"
    assert await ask("customer.warn", customer_id=1, text=hostile) == "ok"
    assert await ask("customer.note", customer_id=1, text="likes tea") == "ok"
    customer = page.sections["customer"]["customer"]
    assert customer["warning"]["text"] == "<script>alert(1)</script>gnp"
    assert (customer["warning"]["by"], customer["note"]) == ("李娜", "likes tea")
    assert all(e.arguments == {"customer_id": "1"} for e in world.of(ev.CommandAccepted))
