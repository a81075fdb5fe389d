"""Messages from supervisors: to whom they go, who has read them, and what a text may hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cti.domain import day_events as day
from cti.domain.people import User
from cti.domain.records import to_record
from tests.screenpop.conftest import BOSS, LINA, TOM, Page, World
from tests.screenpop.test_missed import command

pytestmark = pytest.mark.contract


def messages(world: World, user: User) -> dict[str, Any]:
    desk = world.pop.desks.get(user.user_id)
    assert desk is not None
    return dict(desk.state.sections["messages"])


async def send(world: World, by: User = BOSS, **args: Any) -> dict[str, Any]:
    args = {"audience": "agent", "target": "1001", "text": "Please take line 2", **args}
    return await command(world, by, "message.send", **args)


async def test_it_arrives_at_once_and_is_known_to_be_read(world: World) -> None:
    page = Page(world, LINA)
    await page.read()
    assert (await send(world))["ok"]
    await page.read()  # no time has passed
    section = page.sections["messages"]
    [message] = section["received"]
    assert (message["text"], message["by"], section["unread"]) == (
        "Please take line 2", BOSS.name, 1
    )  # fmt: skip
    [sent] = messages(world, BOSS)["sent"]
    assert (sent["to"], sent["recipients"], sent["read"]) == (LINA.name, 1, 0)
    assert sent["unread_by"] == [LINA.name]
    for _ in range(2):  # twice is once
        assert (await command(world, LINA, "message.read", message_id=message["message_id"]))["ok"]
    assert messages(world, LINA)["unread"] == 0
    assert messages(world, BOSS)["sent"][0]["read"] == 1
    assert len(world.of(day.MessageRead)) == 1
    assert messages(world, TOM)["received"] == []


async def test_everybody_is_who_is_signed_in(world: World) -> None:
    assert (await send(world, audience="all", target=""))["error"]["id"] == "nobody_there"
    for user in (LINA, TOM):
        desk = world.pop.desks.get(user.user_id)
        assert desk is not None
        desk.put("agent", {**desk.state.sections["agent"], "state": "READY"})
    assert (await send(world, audience="all", target=""))["ok"]
    [sent] = world.of(day.MessageSent)
    assert set(sent.recipients) == {LINA.user_id, TOM.user_id}


async def test_a_team_gets_it_although_signed_out(world: World) -> None:
    for user in (LINA, TOM, BOSS):
        world.pop.desks.take(replace(user, team="north"), world.clock.now())
    boss = replace(BOSS, team="north")
    world.day._drawing._scopes[boss] = world.day.scope(BOSS)
    assert (await send(world, boss, audience="team", target="north"))["ok"]
    assert messages(world, TOM)["unread"] == 1
    other = await send(world, boss, audience="team", target="south")
    assert other["error"]["id"] == "no_such_team"


@pytest.mark.parametrize("by", [LINA, TOM])
async def test_agents_write_to_nobody(world: World, by: User) -> None:
    assert (await send(world, by))["error"]["id"] == "not_allowed"
    assert world.of(day.MessageSent) == []


async def test_nobody_outside_of_ones_team(world: World) -> None:
    world.day._drawing._scopes[BOSS] = world.day.scope(LINA)
    theirs, none = await send(world, target="1002"), await send(world, target="1999")
    assert theirs["error"]["id"] == none["error"]["id"] == "no_such_agent"


async def test_somebody_elses_message_cannot_be_read_away(world: World) -> None:
    await send(world)
    [message] = messages(world, LINA)["received"]
    answer = await command(world, TOM, "message.read", message_id=message["message_id"])
    assert answer["error"]["id"] == "no_such_message"


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # data: the page shows text
        ("\u202etxet\u2066 \x00evil\r\nsecond line", "txet evil second line"),
        ("x" * 500, "x" * 500),
    ],
)
async def test_a_text_is_one_plain_line(world: World, text: str, becomes: str) -> None:
    assert (await send(world, text=text))["ok"]
    assert messages(world, LINA)["received"][0]["text"] == becomes


@pytest.mark.parametrize("text", ["", "\u202e\u200b", "x" * 501, "x" * 10_000, 7])
async def test_a_text_that_is_none_is_refused(world: World, text: Any) -> None:
    answer = await send(world, text=text)
    assert answer["error"]["id"] in ("wrong_shape", "invalid_value")
    assert world.of(day.MessageSent) == []


async def test_it_is_kept_for_the_day(world: World) -> None:
    await send(world)
    world.clock.advance(7 * 3600 - 10)  # 17:00 where the company is, to midnight
    assert len(messages(world, LINA)["received"]) == 1
    world.clock.advance(20)
    assert messages(world, LINA)["received"] == []


async def test_the_journal_holds_no_text(world: World) -> None:
    await send(world)
    [sent] = world.of(day.MessageSent)
    assert "line 2" not in str(to_record(sent).data)
    assert to_record(sent).personal == {"text": "Please take line 2"}
