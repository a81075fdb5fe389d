"""A supervisor's hands on the callers of his team's queues, and an agent who takes one out of turn."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.records import to_record
from tests.acceptance.centre import Centre
from tests.acceptance.company import HELP
from tests.acceptance.desktop import Desktop, Refused
from tests.fakes.asterisk_channels import FakeCaller

pytestmark = pytest.mark.acceptance

WHY = "she is the mayor's sister"


async def hand(desk: Desktop, word: str, caller: FakeCaller, /, **args: Any) -> str:
    """What became of it: a refusal's id, or ``ok``."""
    try:
        await desk.do(f"queue.{word}", call_id=caller.call_id, why=WHY, **args)
    except Refused as refusal:
        return str(refusal)
    return "ok"


def served(centre: Centre) -> list[str]:
    return [e.call_id for e in centre.all(ev.AgentReserved)]


async def test_a_push_finds_who_is_at_lunch_by_force_and_lunch_goes_on_after_the_call(
    centre: Centre,
) -> None:
    lina, sofia = await centre.agent("lina"), await centre.open_page("sofia")
    await lina.do("agent.not_ready", reason="lunch")
    first, second = await centre.waiting(), await centre.waiting()
    assert await hand(sofia, "push", second, agent="1001") == "agent_away"
    assert await hand(sofia, "push", second, agent="1001", force=True) == "ok"
    await centre.until(lambda: lina.call == "ringing")
    assert lina.call_id == second.call_id
    assert await hand(sofia, "push", second, agent="1001", force=True) == "being_offered"
    assert await hand(sofia, "push", first, agent="1001", force=True) == "agent_rung"
    centre.answer(lina)
    await centre.until(lambda: second.talks_with == "1001w")
    assert await hand(sofia, "push", first, agent="1001", force=True) == "agent_talks"
    second.hang_up()
    await centre.until(lambda: lina.state == "NOT_READY lunch")
    assert first.state == "waiting"
    [laid] = centre.all(ev.HandLaid)
    assert (laid.what, laid.by, laid.agent_id, laid.is_forced) == ("push", "sofia", "lina", True)
    assert laid.why == WHY
    noted = [(e.what, e.by, e.detail) for e in centre.all(ev.SecurityNoted)]
    assert ("hand_laid", "sofia", f"push {second.call_id}") in noted
    rows = json.dumps([to_record(e).data for e in centre.told])
    assert WHY not in rows  # the reason stands apart, in the caller's personal rows


async def test_order_and_demand_by_hand_outlive_a_kill(centre: Centre) -> None:
    sofia = await centre.open_page("sofia")
    first, second, third = [await centre.waiting() for _ in range(3)]
    assert await hand(sofia, "move", third, place=1) == "ok"
    assert await hand(sofia, "priority", second, credit_s=3600) == "ok"
    assert await hand(sofia, "demand", first, demand="vip") == "ok"
    await centre.kill()
    await centre.start()
    tom = await centre.agent("tom")
    for caller in (second, third):
        await centre.until(lambda: tom.call == "ringing")
        assert tom.call_id == caller.call_id
        caller.hang_up()
        await centre.until(lambda: tom.state in ("READY", "WRAP_UP", "RESERVED", "RINGING"))
    await centre.wait(10)
    assert served(centre)[-2:] == [
        second.call_id,
        third.call_id,
    ]  # nobody has the first one's skill
    sofia = await centre.open_page("sofia")
    assert await hand(sofia, "demand", first, demand=None) == "ok"
    await centre.until(lambda: tom.call == "ringing")
    assert tom.call_id == first.call_id


async def test_the_same_command_does_nothing_twice_not_even_after_a_restart(centre: Centre) -> None:
    sofia = await centre.open_page("sofia")
    _, second = await centre.waiting(), await centre.waiting()
    args = {"call_id": second.call_id, "why": WHY, "place": 1}
    await asyncio.gather(*(sofia.do("queue.move", "the-same-id", **args) for _ in range(3)))
    assert len(centre.all(ev.HandLaid)) == 1
    await centre.kill()
    await centre.start()
    sofia = await centre.open_page("sofia")
    with pytest.raises(Refused, match="sent_before"):
        await sofia.do("queue.move", "the-same-id", **args)
    assert len(centre.all(ev.HandLaid)) == 1


async def test_agents_pull_where_the_queue_lets_them_and_order_nothing(centre: Centre) -> None:
    lina, mei = await centre.agent("lina"), await centre.open_page("mei")
    await lina.do("agent.not_ready", reason="break")
    in_sales, in_help = await centre.waiting(), await centre.waiting(HELP)
    assert await hand(lina, "pull", in_sales) == "not_allowed"
    assert await hand(lina, "move", in_help, place=1) == "not_allowed"
    assert await hand(lina, "push", in_help, agent="1003", force=True) == "not_allowed"
    assert await hand(mei, "pull", in_sales) == "no_such_call"  # none of hers
    assert await hand(mei, "pull", in_help) == "agent_signed_out"
    assert await hand(lina, "pull", in_help) == "ok"
    await centre.until(lambda: lina.call == "ringing")
    assert lina.call_id == in_help.call_id
    refused = [e.detail for e in centre.all(ev.SecurityNoted) if e.what == "hand_refused"]
    assert refused == [
        f"pull {in_sales.call_id}", f"move {in_help.call_id}", f"push {in_help.call_id}",
        f"pull {in_sales.call_id}",
    ]  # fmt: skip


async def test_a_supervisor_pushes_to_his_own_team_alone(centre: Centre) -> None:
    sofia = await centre.open_page("sofia")
    await centre.agent("mei")
    caller = await centre.waiting()
    assert await hand(sofia, "push", caller, agent="1003", force=True) == "no_such_agent"
    assert await hand(sofia, "push", caller, agent="1002", force=True) == "agent_signed_out"
    assert await hand(sofia, "pull", caller) == "agent_signed_out"


async def test_two_hands_and_an_agent_who_becomes_free_make_one_offer(centre: Centre) -> None:
    lina, tom = await centre.agent("lina"), await centre.agent("tom")
    for desk in (lina, tom):
        await desk.do("agent.not_ready", reason="break")
    sofia, caller = await centre.open_page("sofia"), await centre.waiting()
    found = await asyncio.gather(
        hand(sofia, "push", caller, agent="1001", force=True),
        hand(sofia, "push", caller, agent="1002", force=True),
        tom.do("agent.ready"),
    )
    assert sorted(str(x) for x in found[:2]) in (["being_offered", "ok"], ["being_offered"] * 2)
    await centre.until(lambda: "ringing" in (lina.call, tom.call))
    await centre.wait(1)
    assert len(centre.of(caller, ev.AgentReserved)) == 1
    assert len(centre.of(caller, ev.LegDialled)) == 1
