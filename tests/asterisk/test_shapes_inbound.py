"""Shapes of calls that come in: to a queue, by a menu, to a person; held, retrieved, left; docs/shapes.md."""

from __future__ import annotations

from cti.domain import events as ev
from tests.asterisk.shapes import DIRECT, LINE, MARKS, MENU, SERVED, Centre

pytestmark = MARKS


async def test_inbound_to_a_queue_by_a_menu(at: Centre) -> None:
    ann, *_ = await at.begin("ann")
    call_id = await at.call(MENU)
    await at.callers["cal"].wait_for("media", active=True)
    await at.fact(ev.MenuEntered)
    await at.callers["cal"].do("digits", digits="1")
    await at.reaches(call_id, "talking", "ann")
    await at.recorded(call_id)
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id, "menu queue ringing talking", ended_by="caller", agents={"ann": SERVED}, wrap_ups=1
    )
    assert {path for _, _, path, _ in at.shown[call_id]} == {"Main menu"}
    assert ann.desktop.state == "READY"


async def test_held_and_retrieved_by_command(at: Centre) -> None:
    (ann,) = await at.begin("ann")
    call_id = await at.talking("ann", LINE)
    await ann.do("hold")
    await at.reaches(call_id, "on_hold", "ann")
    await ann.do("retrieve")
    await at.reaches(call_id, "talking", "ann")
    await ann.do("hang_up")
    await at.told(
        call_id,
        "menu queue ringing talking on_hold talking",
        ended_by="agent",
        agents={"ann": SERVED},
        wrap_ups=1,
    )


async def test_held_and_retrieved_by_the_phones_key(at: Centre) -> None:
    (ann,) = await at.begin("ann")
    call_id = await at.talking("ann", LINE)
    await ann.phone.do("hold")
    await at.reaches(call_id, "on_hold", "ann")
    await ann.phone.do("retrieve")
    await at.reaches(call_id, "talking", "ann")
    await ann.phone.do("hang_up")
    await at.told(
        call_id,
        "menu queue ringing talking on_hold talking",
        ended_by="agent",
        agents={"ann": SERVED},
        wrap_ups=1,
    )


async def test_direct_to_an_extension(at: Centre) -> None:
    await at.begin()
    call_id = await at.talking("bob", DIRECT)
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        "menu ringing talking",
        ended_by="caller",
        agents={"bob": "RINGING TALKING NOT_READY"},
    )
