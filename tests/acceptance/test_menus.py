"""Menus during a call: to the PIN check and back, a survey for good; and whatever can happen in between."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cti.domain import events as ev
from cti.domain import menu_events as menus
from cti.domain.ids import AgentId, CallId
from tests.acceptance.centre import Centre
from tests.acceptance.company import KRUGERS, PIN, STRANGER, ZHANG
from tests.acceptance.desktop import Desktop
from tests.acceptance.test_shapes import on_call, refusal, tickets
from tests.fakes.asterisk_channels import FakeCaller

pytestmark = pytest.mark.acceptance

PIN_CHECK, SURVEY = {"menu": "verify_pin"}, {"menu": "survey"}
OTHERS = ("retrieve", "consult", "transfer", "park", "add_party", "menu", "mute")


async def in_menu(
    centre: Centre, *, ani: str = ZHANG, phone: str = "browser"
) -> tuple[Desktop, FakeCaller]:
    """Lina has sent her caller to the PIN check."""
    lina = await centre.agent("lina", phone=phone)
    caller = await centre.talking(lina, ani=ani)
    await on_call(centre, lina, "menu", **PIN_CHECK)
    return lina, caller


async def types(centre: Centre, caller: FakeCaller, digits: str) -> None:
    """The caller listens for a moment, then presses keys."""
    await centre.wait(1.5)
    caller.press(digits)


def menu_of(desktop: Desktop) -> tuple[str, int, bool]:
    """What the strip says of the menu: the result, PINs heard, whether he is waited for."""
    menu = desktop.sections["call"]["menu"]
    return menu["result"], menu["tries"], menu["waiting"]


def no_digits(centre: Centre, digits: str, *desktops: Desktop) -> None:
    """They stand in no event, in nothing that a page was sent, in no action of ours."""
    assert digits not in "".join(map(repr, centre.told))
    assert digits not in "".join(text for desktop in desktops for text in desktop.texts)
    assert digits not in repr(centre.pages)
    assert digits not in json.dumps([headers for _, headers in centre.pbx.actions])


async def test_the_pin_is_right_and_the_agent_has_his_caller_back(centre: Centre) -> None:
    lina, caller = await in_menu(centre)
    path = lina.sections["call"]["menu_path"]
    assert (lina.call, menu_of(lina)) == ("on_hold", ("", 0, True))
    assert lina.state == "TALKING"
    await types(centre, caller, f"{PIN}#")
    await centre.until(lambda: lina.call == "talking")
    assert menu_of(lina) == ("verified", 1, False)
    assert lina.sections["call"]["menu_path"] == path
    assert [e.reason for e in centre.of(caller, ev.RecordingPaused)] == ["sensitive_node"]
    assert lina.sections["call"]["recording"] == "on"
    await centre.until(lambda: "menu_result" in lina.journey)
    steps = [(i["what"], i["text"]) for i in lina.ticket["timeline"]]
    began = steps.index(("call_menu", "verify_pin"))
    assert ("menu_result", "verified 1") in steps[began:]
    assert "hold" not in lina.journey
    await on_call(centre, lina, "hold")
    assert menu_of(lina) == ("verified", 1, False)
    await on_call(centre, lina, "retrieve")
    caller.hang_up()
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert await tickets(centre) == 1
    file = await centre.file(caller)
    assert file.hold_time > timedelta(seconds=1)
    no_digits(centre, PIN, lina)


async def test_wrong_pins_fail_and_in_the_end_lock_the_customers_pin(centre: Centre) -> None:
    lina, caller = await in_menu(centre)
    for wrong in ("1111#", "2222#", "3333#"):
        await types(centre, caller, wrong)
        await centre.wait(4)
    await centre.until(lambda: lina.call == "talking")
    assert menu_of(lina) == ("failed", 3, False)
    await on_call(centre, lina, "menu", **PIN_CHECK)
    await types(centre, caller, "4444#")
    await centre.until(lambda: lina.call == "talking")
    assert menu_of(lina) == ("locked", 1, False)
    await on_call(centre, lina, "menu", **PIN_CHECK)  # not even asked for
    await centre.until(lambda: lina.call == "talking")
    assert menu_of(lina) == ("locked", 0, False)
    results = [e.result for e in centre.of(caller, menus.PinChecked)]
    assert results == ["no_match", "no_match", "no_match", "locked"]
    file = await centre.file(caller)
    assert file.customer_id is not None
    await centre.service.tickets.pins.set(file.customer_id, "2468", AgentId("sofia"))
    await on_call(centre, lina, "menu", **PIN_CHECK)
    await types(centre, caller, "2468#")
    await centre.until(lambda: lina.call == "talking")
    assert menu_of(lina) == ("verified", 1, False)
    no_digits(centre, "2468", lina)


@pytest.mark.parametrize("ani", [STRANGER, KRUGERS])
async def test_of_whom_no_pin_is_known_for_sure_none_is_asked(centre: Centre, ani: str) -> None:
    lina, _ = await in_menu(centre, ani=ani)
    await centre.until(lambda: lina.call == "talking")
    assert menu_of(lina) == ("no_pin", 0, False)


async def test_a_caller_who_presses_nothing_comes_back(centre: Centre) -> None:
    lina, _ = await in_menu(centre)
    await centre.until(lambda: lina.call == "talking", within=60)
    assert menu_of(lina) == ("no_answer", 0, False)


async def test_the_agent_fetches_him_back(centre: Centre) -> None:
    lina, caller = await in_menu(centre)
    await centre.wait(1)
    await on_call(centre, lina, "fetch_back")
    assert (lina.call, menu_of(lina)) == ("talking", ("cut_short", 0, False))
    assert not centre.of(caller, menus.CallMenuEnded)
    assert await refusal(centre, lina, "call.fetch_back", call_id=lina.call_id) == "wrong_state"


async def test_nothing_else_can_be_done_while_he_is_in_a_menu(centre: Centre) -> None:
    lina, caller = await in_menu(centre)
    can = lina.sections["call"]["can"]
    assert {can[action] for action in OTHERS} == {"The caller is in a menu: fetch him back first."}
    assert (can["fetch_back"], can["hang_up"]) == ("", "")
    call = {"call_id": lina.call_id}
    target = {"target": {"kind": "agent", "value": "1002"}}
    for name, args in (
        ("menu", PIN_CHECK),
        ("retrieve", {}),
        ("transfer", target),
        ("consult", target),
    ):
        assert await refusal(centre, lina, f"call.{name}", **call, **args) == "wrong_state"
    assert len(centre.of(caller, menus.CallMenuBegan)) == 1
    tom = await centre.agent("tom")
    assert await refusal(centre, tom, "call.menu", **call, **PIN_CHECK) == "not_your_call"
    assert await refusal(centre, tom, "call.fetch_back", **call) == "not_your_call"


async def test_a_menu_that_is_not_there_and_names_that_are_none(centre: Centre) -> None:
    lina = await centre.agent("lina")
    await centre.talking(lina)
    call = {"call_id": lina.call_id}
    assert await refusal(centre, lina, "call.menu", **call, menu="main") == "no_such_menu"
    assert await refusal(centre, lina, "call.menu", **call, menu="x\r\nAction: x") == "wrong_shape"
    assert lina.call == "talking"


async def test_a_caller_on_hold_goes_to_the_menu_and_comes_back_to_talk(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina, ani=ZHANG)
    await on_call(centre, lina, "hold")
    await on_call(centre, lina, "menu", **PIN_CHECK)
    assert menu_of(lina) == ("", 0, True)
    await types(centre, caller, f"{PIN}#")
    await centre.until(lambda: lina.call == "talking")
    assert menu_of(lina)[0] == "verified"


async def test_the_caller_hangs_up_in_the_menu(centre: Centre) -> None:
    lina, caller = await in_menu(centre)
    caller.hang_up()
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert (lina.call, menu_of(lina)) == ("ended", ("hung_up", 0, False))
    assert [e.ended_by for e in centre.of(caller, ev.CallEnded)] == ["caller"]
    assert centre.pbx.phones["1001w"].leg is None


@pytest.mark.parametrize("phone", ["browser", "desk"])
async def test_the_agent_hangs_up_and_another_gets_the_caller_with_his_place(
    centre: Centre, phone: str
) -> None:
    lina, caller = await in_menu(centre, phone=phone)
    tom = await centre.agent("tom")
    first = centre.of(caller, ev.CallEnqueued)[0]
    await on_call(centre, lina, "hang_up")
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert caller.is_up  # he is still asked for his PIN
    assert tom.call == ""
    await types(centre, caller, f"{PIN}#")
    await centre.until(lambda: tom.call == "ringing")
    again = centre.of(caller, ev.CallEnqueued)[-1]
    assert (again.queue, again.enqueued_at) == (first.queue, first.enqueued_at)
    centre.answer(tom)
    await centre.until(lambda: tom.call == "talking")
    assert tom.sections["call"]["menu"]["result"] == "verified"
    assert await tickets(centre) == 1


async def test_a_desk_phone_is_put_down_while_the_caller_is_in_the_menu(centre: Centre) -> None:
    lina, caller = await in_menu(centre, phone="desk")
    centre.pbx.phones["1001"].hang_up()
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert caller.is_up
    tom = await centre.agent("tom")
    await centre.wait(1)
    caller.press(f"{PIN}#")
    await centre.until(lambda: tom.call == "ringing")
    assert tom.call_id == caller.call_id


async def test_the_service_is_killed_and_the_dialplan_brings_him_back(centre: Centre) -> None:
    lina, caller = await in_menu(centre)
    call_id = lina.call_id
    await centre.wait(1)  # the journal's last moment would be lost
    await centre.kill()
    await centre.wait(3)
    await centre.start()
    lina = await centre.open_page("lina")
    await centre.until(lambda: lina.call == "talking")
    assert (lina.call_id, lina.state) == (call_id, "TALKING")
    assert menu_of(lina) == ("cut_short", 0, False)
    call = centre.service.calls.get(CallId(call_id))
    assert call is not None
    assert call.state.value == "talking"
    await on_call(centre, lina, "menu", **PIN_CHECK)
    await types(centre, caller, f"{PIN}#")
    await centre.until(lambda: lina.call == "talking")
    assert menu_of(lina)[0] == "verified"
    caller.hang_up()
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert await tickets(centre) <= 1


async def test_the_link_is_read_anew_while_he_is_in_the_menu(centre: Centre) -> None:
    lina, caller = await in_menu(centre)
    before = len(centre.told)
    centre.pbx.drop_links()
    await centre.until(lambda: not centre.service.switch.is_up)
    await centre.until(lambda: centre.service.switch.is_up)
    repairs = [e for e in centre.told[before:] if isinstance(e, ev.CallRecovered)]
    assert repairs == []
    assert menu_of(lina) == ("", 0, True)
    await on_call(centre, lina, "fetch_back")
    assert lina.call == "talking"
    caller.hang_up()
    await centre.until(lambda: lina.state == "WRAP_UP")


async def test_a_survey_ends_the_agents_part_and_the_call_after_it(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina, ani=ZHANG)
    await on_call(centre, lina, "menu", **SURVEY)
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert caller.is_up
    await types(centre, caller, "4")
    await types(centre, caller, "1")
    await centre.until(lambda: centre.of(caller, ev.CallEnded))
    answers = [(e.label, e.digits) for e in centre.of(caller, menus.CallMenuAnswered)]
    assert answers == [("Friendly", "4"), ("Solved", "1")]
    assert [e.result for e in centre.of(caller, menus.CallMenuEnded)] == ["answered"]
    assert not centre.of(caller, ev.CallAbandoned)
    call = lina.sections["call"]
    assert call["menu"]["answers"] == [
        {"label": "Friendly", "digits": "4"},
        {"label": "Solved", "digits": "1"},
    ]
    file = await centre.file(caller)
    texts = [item.text for item in file.timeline if item.what == "menu_answer"]
    assert texts == ["Friendly: 4", "Solved: 1"]
    assert await tickets(centre) == 1
