"""Tickets on the desktops: opened from a list, changed by several people, given away; and what the journal hears of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from cti.company_tickets import TicketParts
from cti.domain import events as ev
from screenpop.ticket_messages import PAGE_MESSAGE, TicketsMessage
from tests.screenpop.conftest import BOSS, CALL, COMPANY, LINA, PLAN, TOM, TWO, Page, World
from tests.screenpop.test_commands import Asker, _talk

pytestmark = pytest.mark.contract

PARTS = TicketParts.model_validate(
    {
        "groups": [{"name": "second", "label": {"en": "Second"}, "people": ["tom"]}],
        "fields": [{"name": "contract", "label": {"en": "Contract"}}],
    }
)


@pytest.fixture
async def asks(world: World) -> tuple[Asker, Asker]:
    """Lina and Tom, each at a page that looks at a list."""
    world.tickets.configure(COMPANY.model_copy(update={"tickets": PARTS}), PLAN)
    lina, tom = Asker(world, Page(world, LINA)), Asker(world, Page(world, TOM))
    for ask, view in ((lina, "mine"), (tom, "group")):
        await look(ask, view)
    return lina, tom


async def look(ask: Asker, view: str, question: str = "", limit: int = 10) -> Any:
    said = {"type": "tickets", "view": view, "question": question, "limit": limit}
    ask.world.commands.work.watch(ask.page.desk, TicketsMessage.model_validate(said))
    return await settled(ask, ask)


async def settled(ask: Asker, *others: Asker) -> Any:
    """What the page shows as ``tickets`` when everybody who was told has read."""
    for _ in range(3):
        await asyncio.sleep(0)
        ask.world.clock.advance(1)
        await ask.world.settle()
        for each in (ask, *others):
            await each.page.read()
    return ask.page.sections["tickets"]


async def test_a_list_comes_with_its_counts_and_follows_what_happens(
    world: World, asks: tuple[Asker, Asker]
) -> None:
    lina, _ = asks
    assert lina.page.sections["tickets"]["rows"] == []
    assert [g["name"] for g in lina.page.sections["ticket_form"]["groups"]] == ["second"]
    await _talk(world, lina)
    shown = await settled(lina)
    assert [row["subject"] for row in shown["rows"]] == ["Billing"]
    assert shown["counts"] == {"mine": 1, "group": 0, "due": 0}
    assert (await look(lina, "search", "小明"))["rows"][0]["customer_name"] == "王小明"
    assert (await look(lina, "mine", limit=0))["rows"] == []


async def test_lists_name_the_customer_whom_somebody_named(
    world: World, asks: tuple[Asker, Asker]
) -> None:
    lina, tom = asks
    number = (await _talk(world, lina))["ticket"]["ticket_id"]
    given = {"ticket_id": number, "revision": 0, "group": "second"}
    assert await lina("ticket.hand_over", **given) == "ok"
    assert (await settled(tom))["rows"][0]["customer_name"] == "王小明"
    assert await lina("customer.create", call_id=CALL, name="Otto", company="") == "ok"
    assert (await settled(tom))["rows"][0]["customer_name"] == "Otto"
    customer_id = lina.page.sections["customer"]["customer"]["id"]
    renamed = {"customer_id": customer_id, "name": "Otto Maier", "company": ""}
    assert await lina("customer.rename", **renamed) == "ok"
    assert (await settled(tom))["rows"][0]["customer_name"] == "Otto Maier"


async def test_a_group_sees_at_once_what_it_is_given_and_the_call_goes_on(
    world: World, asks: tuple[Asker, Asker]
) -> None:
    lina, tom = asks
    number = (await _talk(world, lina))["ticket"]["ticket_id"]
    given = {"ticket_id": number, "revision": 0, "group": "second", "note": "call 13912345678"}
    assert await lina("ticket.hand_over", **given) == "ok"
    shown = await settled(tom, lina)
    assert [row["ticket_id"] for row in shown["rows"]] == [number]
    assert lina.page.sections["call"]["state"] == "talking"
    assert lina.page.sections["ticket"]["group"] == "second"
    assert lina.page.sections["tickets"]["rows"] == []  # nobody's yet
    accepted = [e for e in world.told if isinstance(e, ev.CommandAccepted)]
    assert "139" not in repr(accepted)
    assert accepted[-1].arguments["group"] == "second"


async def test_who_has_a_ticket_open_sees_comments_and_changes_as_they_come(
    world: World, asks: tuple[Asker, Asker]
) -> None:
    lina, tom = asks
    number = (await _talk(world, lina))["ticket"]["ticket_id"]
    given = {"ticket_id": number, "revision": 0, "group": "second"}
    assert await lina("ticket.hand_over", **given) == "ok"
    assert await tom("ticket.open", ticket_id=number) == "ok"
    assert tom.page.sections["opened"]["subject"] == "Billing"
    assert await lina("ticket.comment", ticket_id=number, text="who knows?") == "ok"
    await settled(lina, tom)
    assert [c["text"] for c in tom.page.sections["opened"]["comments"]] == ["who knows?"]
    assert await tom("ticket.comment", ticket_id=number, text="I do") == "ok"
    await settled(tom, lina)
    said = [(c["author"], c["text"]) for c in lina.page.sections["ticket"]["comments"]]
    assert said == [("李娜", "who knows?"), ("Tom", "I do")]
    # Both change what they have before them; the second is told who was faster.
    late = {"ticket_id": number, "revision": 2, "changes": {"priority": "low"}}
    assert await lina("ticket.change", **late) == "ticket_changed"
    assert await tom("ticket.change", **{**late, "revision": 3}) == "ok"
    assert await tom("ticket.note", ticket_id=number, text="it is the fuse", version=0) == "ok"
    await settled(tom, lina)
    assert lina.page.sections["ticket"]["note"] == "it is the fuse"
    assert tom.page.sections["opened"]["note"] == "it is the fuse"
    # Given away, it is none of his any more.
    assert await tom("ticket.hand_over", ticket_id=number, revision=4, owner="u3") == "ok"
    assert tom.page.sections["opened"] is not None  # of his group still
    assert await tom("ticket.close") == "ok"
    assert tom.page.sections["opened"] is None


async def test_what_is_not_his_cannot_be_told_from_what_is_not_there(
    world: World, asks: tuple[Asker, Asker]
) -> None:
    lina, tom = asks
    number = (await _talk(world, lina))["ticket"]["ticket_id"]
    for there in (number, 4711):
        assert await tom("ticket.open", ticket_id=there) == "no_such_ticket"
        assert await tom("ticket.comment", ticket_id=there, text="x") == "no_such_ticket"
        wanted = {"ticket_id": there, "revision": 0}
        assert await tom("ticket.change", **wanted, changes={"owner": "u2"}) == "no_such_ticket"
        assert await tom("ticket.hand_over", **wanted, owner="u2") == "no_such_ticket"
        assert await tom("ticket.note", ticket_id=there, text="x", version=0) == "not_your_ticket"
    assert tom.page.sections["opened"] is None
    assert await tom("ticket.new", call_id=CALL) == "not_your_call"
    assert await tom("ticket.detach", call_id=CALL) == "not_your_call"


@pytest.mark.parametrize(
    "args",
    [
        {"changes": {"disposition": "sold"}},
        {"changes": {"owner": None}},
        {"changes": {"subject": "x" * 501}},
        {"fields": {"Contract; --": "x"}},
        {"fields": {f"f{n}": "" for n in range(21)}},
        {"revision": -1},
        {"revision": True},
    ],
)
async def test_a_change_of_no_known_shape_is_refused(
    world: World, asks: tuple[Asker, Asker], args: dict[str, Any]
) -> None:
    number = (await _talk(world, asks[0]))["ticket"]["ticket_id"]
    wanted = {"ticket_id": number, "revision": 0, **args}
    assert await asks[0]("ticket.change", **wanted) == "wrong_shape"


@pytest.mark.parametrize("due", ["tomorrow", "2026-11-22", "2026-11-22T09:00:00", "9" * 400])
async def test_a_due_date_is_an_instant(world: World, asks: tuple[Asker, Asker], due: str) -> None:
    number = (await _talk(world, asks[0]))["ticket"]["ticket_id"]
    wanted = {"ticket_id": number, "revision": 0, "changes": {"due": due}}
    assert await asks[0]("ticket.change", **wanted) == "invalid_value"
    wanted["changes"] = {"due": "2026-11-22T17:00:00+08:00"}
    assert await asks[0]("ticket.change", **wanted) == "ok"
    assert asks[0].page.sections["ticket"]["due_at"] == "2026-11-22T09:00:00.000Z"


async def test_the_fields_of_the_company_are_kept_and_not_journalled(
    world: World, asks: tuple[Asker, Asker]
) -> None:
    lina, _ = asks
    number = (await _talk(world, lina))["ticket"]["ticket_id"]
    wanted = {"ticket_id": number, "revision": 0, "fields": {"contract": "13912345678"}}
    assert await lina("ticket.change", **wanted) == "ok"
    assert lina.page.sections["ticket"]["fields"][0]["value"] == "13912345678"
    told = [e for e in world.told if isinstance(e, (ev.CommandAccepted, ev.TicketChanged))]
    assert "139" not in repr(told)


async def test_a_call_without_a_ticket_gets_one_by_a_click(
    world: World, asks: tuple[Asker, Asker]
) -> None:
    lina, _ = asks
    parts = PARTS.model_copy(
        update={"opening": TicketParts.model_validate({"opening": [{"when": "never"}]}).opening}
    )
    world.tickets.configure(COMPANY.model_copy(update={"tickets": parts}), PLAN)
    assert (await _talk(world, lina))["ticket"] is None
    assert await lina("ticket.new", call_id=CALL) == "ok"
    assert lina.page.sections["ticket"]["owner_id"] == "u1"
    assert await lina("ticket.new", call_id=CALL) == "has_a_ticket"
    assert await lina("ticket.detach", call_id=CALL) == "own_ticket"
    assert await lina("ticket.new", call_id=TWO) == "not_your_call"


async def test_canned_texts_of_ones_own_stand_in_the_form(
    world: World, asks: tuple[Asker, Asker]
) -> None:
    lina, tom = asks
    assert await lina("text.keep", name="bye", text="Good bye {customer}") == "ok"
    texts = lina.page.sections["ticket_form"]["texts"]
    assert texts == [{"name": "bye", "text": "Good bye {customer}", "is_own": True}]
    await settled(tom)
    assert tom.page.sections["ticket_form"]["texts"] == []
    assert await lina("text.keep", name="bye", text="") == "ok"
    assert lina.page.sections["ticket_form"]["texts"] == []


async def test_a_page_that_went_is_read_for_no_more(
    world: World, asks: tuple[Asker, Asker]
) -> None:
    lina, _ = asks
    lina.page.desk.detach(lina.page.connection)
    await world.offered()
    await world.happen(ev.CallAbandoned, queue="sales", wait_time=timedelta(0))
    before = lina.page.desk.state.seq
    world.clock.advance(10)
    await asyncio.sleep(0)
    assert lina.page.desk.state.seq == before
    lina.world.commands.work.boards.watch(lina.page.desk, None, "", 0)
    assert lina.page.desk.state.sections["tickets"] is None


@pytest.mark.parametrize(
    "said",
    [
        '{"type":"tickets","view":"all"}',
        '{"type":"tickets","view":"mine","limit":1001}',
        '{"type":"tickets","view":"mine","limit":-1}',
        '{"type":"tickets","view":"search","question":"' + "x" * 201 + '"}',
        '{"type":"tickets","view":"mine","scope":"everything"}',
    ],
)
def test_only_known_lists_can_be_asked_for(said: str) -> None:
    with pytest.raises(ValueError, match="tickets"):
        PAGE_MESSAGE.validate_json(said, strict=True)


async def test_a_supervisor_without_calls_may_look(world: World) -> None:
    boss = Asker(world, Page(world, BOSS))
    assert (await look(boss, "group"))["counts"] == {"mine": 0, "group": 0, "due": 0}
