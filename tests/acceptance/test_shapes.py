"""Calls of every shape, by the buttons of the desktops: what each agent sees, is, and may do; one caller, one ticket."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from tests.acceptance.centre import Centre
from tests.acceptance.company import ZHANG
from tests.acceptance.desktop import Desktop, Refused
from tests.fakes.asterisk_channels import FakeCaller

pytestmark = pytest.mark.acceptance

TOM = {"kind": "agent", "value": "1002"}
OUTSIDE = "013900001111"
SOON = timedelta(milliseconds=300)


async def press(centre: Centre, desktop: Desktop, name: str, **args: Any) -> None:
    """Press a button and let time pass until it is done; raises ``Refused``."""
    task = asyncio.create_task(desktop.do(name, **args))
    await centre.until(task.done, within=30)
    await task


async def on_call(centre: Centre, desktop: Desktop, name: str, **args: Any) -> None:
    """Press a button that belongs to the call that stands there."""
    await press(centre, desktop, f"call.{name}", call_id=desktop.call_id, **args)


async def refusal(centre: Centre, desktop: Desktop, name: str, **args: Any) -> str:
    """The id of the refusal."""
    with pytest.raises(Refused) as refused:
        await press(centre, desktop, name, **args)
    return str(refused.value)


async def both(centre: Centre) -> tuple[Desktop, Desktop, FakeCaller]:
    """Zhang talks with Lina; Tom is ready."""
    lina = await centre.agent("lina")
    caller = await centre.talking(lina, ani=ZHANG)
    tom = await centre.agent("tom")
    return lina, tom, caller


async def tickets(centre: Centre) -> int:
    """How many tickets there are."""
    await centre.service.tickets.service.idle()
    return len(centre.all(ev.TicketOpened))


def is_at_rest(desktop: Desktop) -> bool:
    return desktop.state.split()[0] in ("READY", "NOT_READY", "WRAP_UP")


# ---- sent on -----------------------------------------------------------------------------------


async def test_a_blind_transfer_carries_the_caller_his_file_and_his_ticket(centre: Centre) -> None:
    lina, tom, caller = await both(centre)
    first = lina.ticket["ticket_id"]
    await on_call(centre, lina, "transfer", target=TOM)
    assert (lina.state, lina.call) == ("WRAP_UP", "transferring")
    await centre.until(lambda: tom.call == "ringing")
    assert (tom.state, tom.sections["agent"]["kind"]) == ("RINGING", "transfer")
    assert tom.sections["customer"]["customer"]["name"] == "张伟"
    assert tom.call_id == caller.call_id
    centre.answer(tom)
    await centre.until(lambda: tom.call == "talking")
    await centre.until(lambda: tom.ticket is not None)
    assert (tom.ticket["ticket_id"], tom.state) == (first, "TALKING")
    assert tom.sections["call"]["menu_path"] == lina.sections["call"]["menu_path"]
    assert lina.call == "ended"
    caller.hang_up()
    await centre.until(lambda: tom.state == "WRAP_UP")
    await centre.until(lambda: lina.state == "READY" and tom.state == "READY", within=30)
    assert (lina.call, tom.call) == ("", "")
    assert await tickets(centre) == 1
    assert len(centre.of(caller, ev.CallAnswered)) == 1


async def test_a_transfer_that_nobody_takes_rings_at_the_sender_again(centre: Centre) -> None:
    lina, tom, _ = await both(centre)
    await on_call(centre, lina, "transfer", target=TOM)
    await centre.until(lambda: tom.call == "ringing")
    centre.pbx.phones["1002w"].decline()
    await centre.until(lambda: lina.state == "RINGING" and lina.call in ("offered", "ringing"))
    assert tom.state.startswith("READY")
    assert tom.call == ""
    centre.answer(lina)
    await centre.until(lambda: lina.call == "talking")
    assert await tickets(centre) == 1


async def test_a_transfer_to_a_queue(centre: Centre) -> None:
    lina, tom, caller = await both(centre)
    mei = await centre.agent("mei")
    await on_call(centre, lina, "transfer", target={"kind": "queue", "value": "help"})
    await centre.until(lambda: mei.call == "ringing")
    centre.answer(mei)
    await centre.until(lambda: mei.call == "talking")
    assert mei.call_id == caller.call_id
    assert tom.call == ""
    assert await tickets(centre) == 1


async def test_a_transfer_outside_leaves_nobody_busy(centre: Centre) -> None:
    lina, _, caller = await both(centre)
    centre.pbx.outside[OUTSIDE] = "ANSWER"
    await on_call(centre, lina, "transfer", target={"kind": "outside", "value": OUTSIDE})
    await centre.until(lambda: caller.talks_with.startswith("trunk"))
    await centre.until(lambda: lina.state == "READY", within=30)
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    assert await tickets(centre) == 1


async def test_a_supervisor_sends_a_waiting_caller_to_an_agent(centre: Centre) -> None:
    caller = await centre.waiting(ani=ZHANG)
    sofia = await centre.open_page("sofia")
    tom = await centre.open_page("tom")
    centre.pbx.phone("1002w")
    await tom.do("agent.sign_in", phone="browser")
    wanted = {"call_id": caller.call_id, "target": TOM}
    lina = await centre.open_page("lina")
    assert await refusal(centre, lina, "call.transfer", **wanted) == "not_your_call"
    await press(centre, sofia, "call.transfer", **wanted)
    await centre.until(lambda: tom.call == "ringing")
    centre.answer(tom)
    await centre.until(lambda: tom.call == "talking")
    assert [e.agent_id for e in centre.of(caller, ev.CallAnswered)] == ["tom"]


# ---- consult and confer ------------------------------------------------------------------------


async def consulting(centre: Centre) -> tuple[Desktop, Desktop, FakeCaller]:
    """Lina has Zhang on hold and talks with Tom."""
    lina, tom, caller = await both(centre)
    await on_call(centre, lina, "consult", target=TOM)
    assert lina.call == "consulting"
    assert lina.sections["call"]["consult"]["label"] == "Tom Becker"
    await centre.until(lambda: tom.call == "ringing")
    assert lina.sections["call"]["consult"]["state"] == "ringing"
    assert tom.sections["agent"]["kind"] == "consult"
    assert tom.sections["customer"]["customer"]["name"] == "张伟"
    centre.answer(tom)
    await centre.until(lambda: lina.sections["call"]["consult"]["state"] == "talking")
    assert (tom.call, tom.state, lina.state) == ("talking", "TALKING", "TALKING")
    return lina, tom, caller


async def test_a_consultation_completed_hands_everything_over(centre: Centre) -> None:
    lina, tom, caller = await consulting(centre)
    can = tom.sections["call"]["can"]
    assert can["hang_up"] == ""
    assert "colleague" in can["transfer"]
    await on_call(centre, lina, "complete")
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert (tom.call, tom.sections["agent"]["kind"]) == ("talking", "transfer")
    assert tom.sections["call"]["can"]["transfer"] == ""
    assert tom.ticket["ticket_id"] == lina.ticket["ticket_id"]
    assert tom.journey[-3:] == ["talk", "consult", "talk"]
    caller.hang_up()
    await centre.until(lambda: tom.state == "WRAP_UP")
    assert await tickets(centre) == 1


async def test_a_consultation_cancelled_gives_the_caller_back(centre: Centre) -> None:
    lina, tom, caller = await consulting(centre)
    assert await refusal(centre, lina, "call.hang_up", call_id=lina.call_id) == "wrong_state"
    await on_call(centre, lina, "cancel")
    await centre.until(lambda: lina.call == "talking" and tom.call == "")
    assert caller.talks_with == "1001w"
    assert tom.state.startswith("READY")


async def test_the_one_consulted_leaves_by_his_button(centre: Centre) -> None:
    lina, tom, caller = await consulting(centre)
    await on_call(centre, tom, "hang_up")
    await centre.until(lambda: lina.call == "on_hold" and tom.state.startswith("READY"))
    assert caller.is_up
    await on_call(centre, lina, "retrieve")
    assert lina.call == "talking"


async def test_the_caller_gives_up_while_his_agent_consults(centre: Centre) -> None:
    lina, tom, caller = await consulting(centre)
    caller.hang_up()
    await centre.until(lambda: centre.is_over(caller))
    await centre.wait(20)
    assert (lina.state, tom.state) == ("TALKING", "TALKING")  # they talk on
    centre.pbx.phones["1002w"].hang_up()
    centre.pbx.phones["1001w"].hang_up()
    await centre.until(lambda: is_at_rest(lina) and is_at_rest(tom))
    assert await tickets(centre) == 1


async def test_a_conference_that_goes_on_without_the_agent(centre: Centre) -> None:
    lina, tom, caller = await consulting(centre)
    await on_call(centre, lina, "conference")
    await centre.until(lambda: lina.call == "conference" and tom.call == "conference")
    assert [p["label"] for p in lina.sections["call"]["parties"]] == ["Tom Becker"]
    assert [p["label"] for p in tom.sections["call"]["parties"]] == ["李娜"]
    await on_call(centre, lina, "hang_up")
    await centre.until(lambda: lina.state == "WRAP_UP" and tom.call == "talking")
    assert caller.is_up
    assert tom.sections["agent"]["kind"] == "transfer"
    await on_call(centre, tom, "hang_up")
    await centre.until(lambda: centre.is_over(caller) and tom.state == "WRAP_UP")
    assert await tickets(centre) == 1


async def test_a_party_is_added_and_dropped(centre: Centre) -> None:
    lina, tom, caller = await both(centre)
    centre.pbx.phones["1002w"].answers_after = SOON
    await on_call(centre, lina, "add_party", target=TOM)
    await centre.until(lambda: lina.call == "conference" and tom.state == "TALKING")
    [party] = lina.sections["call"]["parties"]
    wrong = {"call_id": lina.call_id, "endpoint": "1003w"}
    assert await refusal(centre, lina, "call.drop_party", **wrong) == "no_such_party"
    await on_call(centre, lina, "drop_party", endpoint=party["endpoint"])
    await centre.until(lambda: lina.call == "talking" and tom.state.startswith("READY"))
    assert caller.talks_with == "1001w"


# ---- begun by phones ---------------------------------------------------------------------------


async def ready_to_dial(centre: Centre) -> Desktop:
    """Lina, whose phone takes the call that she asked for."""
    return await centre.agent("lina", answers_after=SOON)


async def test_an_outbound_call_is_a_case_like_any_other(centre: Centre) -> None:
    lina = await ready_to_dial(centre)
    await lina.do("agent.not_ready", reason="break")
    centre.pbx.outside[ZHANG] = "ANSWER"
    await press(centre, lina, "call.dial", target={"kind": "outside", "value": "138 1234 0001"})
    await centre.until(lambda: lina.call == "talking")
    assert (lina.state, lina.sections["agent"]["kind"]) == ("TALKING", "outbound")
    assert lina.sections["call"]["direction"] == "outbound"
    await centre.until(lambda: lina.sections["customer"] and lina.ticket)
    assert lina.sections["customer"]["customer"]["name"] == "张伟"
    assert await tickets(centre) == 1
    await on_call(centre, lina, "hang_up")
    await centre.until(lambda: lina.state == "NOT_READY break")
    said = str([e.arguments for e in centre.all(ev.CommandAccepted)])
    assert "1234" not in said
    assert "outside" in said


async def test_an_outbound_call_that_nobody_takes(centre: Centre) -> None:
    lina = await ready_to_dial(centre)
    centre.pbx.outside[ZHANG] = "BUSY"
    await press(centre, lina, "call.dial", target={"kind": "outside", "value": ZHANG})
    await centre.until(lambda: centre.all(ev.DialFailed))
    await centre.until(lambda: lina.state == "READY" and lina.call == "")
    assert await tickets(centre) == 0


async def test_a_colleague_is_called_and_no_ticket_opens(centre: Centre) -> None:
    lina = await ready_to_dial(centre)
    tom = await centre.agent("tom")
    await press(centre, lina, "call.dial", target=TOM)
    await centre.until(lambda: tom.call == "ringing")
    assert lina.call == "dialling"
    assert lina.sections["call"]["caller_name"] == "Tom Becker"
    assert tom.sections["call"]["caller_name"] == "李娜"
    assert (lina.state, tom.sections["agent"]["kind"]) == ("TALKING", "internal")
    centre.answer(tom)
    await centre.until(lambda: lina.call == tom.call == "talking")
    await on_call(centre, lina, "hold")
    await on_call(centre, lina, "retrieve")
    await on_call(centre, tom, "hang_up")
    await centre.until(lambda: (lina.state, tom.state) == ("READY", "READY"))
    assert (lina.call, tom.call) == ("", "")
    assert await tickets(centre) == 0


async def test_a_call_by_the_receiver_is_seen_too(centre: Centre) -> None:
    lina = await centre.agent("lina", phone="desk")
    tom = await centre.agent("tom", phone="desk")
    centre.pbx.phones["1001"].dial("1002")
    await centre.until(lambda: tom.call == "ringing" and lina.call == "dialling")
    assert lina.state == "TALKING"
    centre.pbx.phones["1001"].hang_up()
    await centre.until(lambda: (lina.state, tom.state) == ("READY", "READY"))
    assert (lina.call, tom.call) == ("", "")


async def test_one_command_dials_once_whoever_sends_it_and_however_often(centre: Centre) -> None:
    lina = await ready_to_dial(centre)
    await centre.agent("tom")
    other = await centre.open_page("lina")  # takes over
    again = [
        asyncio.create_task(page.do("call.dial", command_id="one", target=TOM))
        for page in (lina, other, other)
    ]
    await centre.until(lambda: all(task.done() for task in again))
    assert [task.exception() for task in again] == [None] * 3
    await press(centre, other, "call.dial", command_id="one", target=TOM)
    assert len(centre.actions("originate")) == 1
    centre.pbx.phones["1001w"].hang_up()
    await centre.until(lambda: other.state == "READY")
    await centre.kill()
    await centre.start()
    lina = await centre.open_page("lina")
    assert await refusal(centre, lina, "call.dial", command_id="one", target=TOM) == "sent_before"
    assert len(centre.actions("originate")) == 1


# ---- parked, moved -----------------------------------------------------------------------------


async def test_a_caller_is_parked_and_fetched(centre: Centre) -> None:
    lina, tom, caller = await both(centre)
    tom.watch()
    await on_call(centre, lina, "park", slot="3")
    await centre.until(lambda: lina.call == "parked" and lina.state == "WRAP_UP")
    await centre.until(lambda: [row["slot"] for row in tom.sections["parked"]] == ["3"])

    def first() -> tuple[str, ...]:
        found = tom.sections["directory"]["colleagues"][0]
        return found["name"], found["extension"], found["state"]

    await centre.until(lambda: first() == ("李娜", "1001", "WRAP_UP"))
    assert await refusal(centre, tom, "call.fetch", slot="4") == "slot_empty"
    await press(centre, tom, "call.fetch", slot="3")
    await centre.until(lambda: tom.call == "ringing")
    centre.answer(tom)
    await centre.until(lambda: tom.call == "talking")
    assert tom.call_id == caller.call_id
    await centre.until(lambda: tom.sections["parked"] == [])
    assert await tickets(centre) == 1


async def test_the_agent_takes_his_call_over_with_his_other_phone(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina, ani=ZHANG)
    centre.pbx.phone("1001", answers_after=SOON)
    assert await refusal(centre, lina, "call.move", call_id=lina.call_id, phone="browser") == (
        "same_phone"
    )
    await on_call(centre, lina, "move", phone="desk")
    await centre.until(lambda: caller.talks_with == "1001" and lina.call == "talking")
    await centre.wait(5)
    assert lina.state == "TALKING"
    await on_call(centre, lina, "hang_up")
    await centre.until(lambda: lina.state == "WRAP_UP")


async def test_tones_are_sent_to_the_other_side(centre: Centre) -> None:
    lina = await centre.agent("lina")
    await centre.talking(lina)
    await on_call(centre, lina, "send_digits", digits="12#")
    assert [digit for _, digit in centre.pbx.digits] == ["1", "2", "#"]
    assert "12#" not in str(centre.all(ev.CommandAccepted))


# ---- refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("agent", "1001", "own_number"),
        ("agent", "1999", "no_such_target"),
        ("queue", "moon", "no_such_target"),
        ("menu", "9999", "no_such_target"),
        ("outside", "+44 20 7946 0000", "number_not_allowed"),
        ("outside", "hello", "no_such_number"),
        ("outside", "1001", "own_number"),
    ],
)
async def test_a_target_that_cannot_be_is_refused_with_its_cause(
    centre: Centre, kind: str, value: str, error: str
) -> None:
    lina = await centre.agent("lina")
    await centre.talking(lina)
    tom = await centre.agent("tom")
    await centre.talking(tom)
    asked = len(centre.pbx.actions)
    target = {"kind": kind, "value": value}
    for name in ("transfer", "consult"):
        answer = await refusal(centre, lina, f"call.{name}", call_id=lina.call_id, target=target)
        assert answer == error
    assert [a for a, _ in centre.pbx.actions[asked:] if a in ("redirect", "originate")] == []
    assert lina.call == "talking"


async def test_what_asterisk_took_and_did_not_do_is_not_confirmed(centre: Centre) -> None:
    lina, _, caller = await both(centre)
    centre.pbx.misbehaviour.dropped.update({"UserEvent", "BridgeEnter"})
    assert await refusal(centre, lina, "call.hold", call_id=lina.call_id) == "not_confirmed"
    centre.pbx.misbehaviour.dropped.clear()
    assert caller.is_up


async def test_without_a_link_nothing_is_done_and_said_so(centre: Centre) -> None:
    lina, _, _ = await both(centre)
    centre.pbx.is_reachable = False
    centre.pbx.drop_links()
    await centre.until(lambda: not centre.service.switch.is_up)
    wanted = {"call_id": lina.call_id, "target": TOM}
    assert await refusal(centre, lina, "call.transfer", **wanted) == "switch_unavailable"
    centre.pbx.is_reachable = True
    await centre.until(lambda: centre.service.switch.is_up)


async def test_who_is_in_a_call_dials_nobody(centre: Centre) -> None:
    lina, _, caller = await both(centre)
    assert await refusal(centre, lina, "call.dial", target=TOM) == "busy"
    mei = await centre.open_page("mei")
    assert await refusal(centre, mei, "call.dial", target=TOM) == "signed_out"
    assert caller.talks_with == "1001w"


# ---- further shapes ----------------------------------------------------------------------------


async def test_a_call_between_colleagues_is_sent_on_by_either_of_them(centre: Centre) -> None:
    lina = await ready_to_dial(centre)
    tom = await centre.agent("tom", answers_after=SOON)
    mei = await centre.agent("mei", answers_after=SOON)
    await press(centre, lina, "call.dial", target=TOM)
    await centre.until(lambda: lina.call == tom.call == "talking")
    await on_call(centre, lina, "transfer", target={"kind": "agent", "value": "1003"})
    await centre.until(lambda: mei.call == "talking" and lina.state == "READY")
    assert (tom.state, tom.call) == ("TALKING", "talking")
    assert mei.call_id == tom.call_id
    await on_call(centre, mei, "hang_up")
    await centre.until(lambda: is_at_rest(tom) and is_at_rest(mei))
    assert await tickets(centre) == 0


@pytest.mark.parametrize("shape", ["consulting", "conference"])
async def test_a_new_start_knows_who_is_in_the_call_and_what_each_may_do(
    centre: Centre, shape: str
) -> None:
    lina, tom, caller = await consulting(centre)
    if shape == "conference":
        await on_call(centre, lina, "conference")
        await centre.until(lambda: lina.call == tom.call == "conference")
    await centre.wait(1)
    before = [(page.call, page.state, page.sections["call"]["can"]) for page in (lina, tom)]
    await centre.kill()
    await centre.wait(1)
    await centre.start()
    lina, tom = await centre.open_page("lina"), await centre.open_page("tom")
    await centre.until(lambda: lina.sections["call"] and tom.sections["call"])
    after = [(page.call, page.state, page.sections["call"]["can"]) for page in (lina, tom)]
    assert after == before
    await on_call(centre, lina, "complete" if shape == "consulting" else "hang_up")
    await centre.until(lambda: lina.state == "WRAP_UP" and tom.call == "talking")
    caller.hang_up()
    await centre.until(lambda: is_at_rest(tom))
    assert await tickets(centre) == 1
