"""Shapes of calls that phones of ours begin, of pick-up, forwarding and taking over; docs/shapes.md."""

from __future__ import annotations

import pytest

from cti.domain import events as ev
from sip_sim.desktop import DesktopRefused
from tests.asterisk.desk import to
from tests.asterisk.shapes import (
    ANNS,
    ASKED,
    BEGIN,
    BY,
    DIALLED,
    LINE,
    MARKS,
    OUTSIDE,
    SERVED,
    SHOWN,
    Centre,
)

pytestmark = MARKS


@BY
async def test_agent_to_agent(at: Centre, by: str) -> None:
    await at.begin()
    await at.desks["ann"].begin_call(by, "agent", "1002")
    call_id = await at.begun()
    await at.reaches(call_id, "talking")
    await at.desks["bob"].until("TALKING")
    await at.desks["bob"].phone.do("hang_up")
    await at.told(
        call_id,
        "ringing talking",
        ended_by="agent",
        has_ticket=False,
        recordings=0,
        agents={"ann": DIALLED, "bob": ASKED},
    )


@BY
@pytest.mark.parametrize(
    ("status", "result"), [(486, "busy"), (180, "no_answer")], ids=["busy", "no_answer"]
)
async def test_agent_to_an_agent_who_does_not_answer(
    at: Centre, by: str, status: int, result: str
) -> None:
    await at.begin(bob=status)
    await at.desks["ann"].begin_call(by, "agent", "1002")
    call_id = await at.begun()
    assert (await at.fact(ev.DialFailed)).result == result
    await at.told(
        call_id,
        "ringing",
        ended_by="system|agent|caller",
        has_ticket=False,
        recordings=0,
        agents={"ann": DIALLED, "bob": "RINGING NOT_READY"},
    )


@BY
async def test_who_called_a_colleague_holds_him(at: Centre, by: str) -> None:
    await at.begin()
    ann = at.desks["ann"]
    await ann.begin_call(by, "agent", "1002")
    call_id = await at.begun()
    await at.reaches(call_id, "talking")
    await ann.until("TALKING")
    await ann.do("hold")
    await at.reaches(call_id, "on_hold")
    await ann.do("retrieve")
    await at.reaches(call_id, "talking")
    await ann.phone.do("hang_up")
    await at.told(
        call_id,
        "ringing talking on_hold talking",
        ended_by="caller|agent",
        has_ticket=False,
        recordings=0,
        agents={"ann": DIALLED, "bob": ASKED},
    )


@BY
async def test_outbound_answered(at: Centre, by: str) -> None:
    await at.begin()
    ann = at.desks["ann"]
    await ann.begin_call(by, "outside", OUTSIDE)
    call_id = await at.begun()
    shown = await at.carrier.wait_for("incoming")
    assert SHOWN in shown["caller"]
    assert "1001" not in shown["caller"]
    await at.reaches(call_id, "talking", "ann")
    await at.recorded(call_id)
    await at.carrier.do("hang_up")
    await at.told(
        call_id, "ringing talking", ended_by="caller|agent", agents={"ann": f"{DIALLED}|{SERVED}"}
    )


async def test_outbound_begun_by_a_program(at: Centre) -> None:
    """With a token of the agent's: his phone rings first; neither a cookie nor an odd number calls anybody."""
    await at.begin()
    ann, url = at.desks["ann"], f"{at.product.place.web}/api/v1"
    async with ann.desktop.client.get(f"{url}/session") as answer:
        csrf = {"X-CSRF-Token": (await answer.json())["csrf"]}
    async with ann.desktop.client.post(
        f"{url}/tokens", json={"label": "CRM"}, headers=csrf
    ) as made:
        bearer = {"Authorization": f"Bearer {(await made.json())['token']}"}

    async def ask(number: str, key: str, headers: dict[str, str]) -> int:
        body = {"command_id": key, "number": number}
        async with ann.desktop.client.post(f"{url}/calls", json=body, headers=headers) as answer:
            return answer.status

    assert await ask(OUTSIDE, "program-0", csrf) == 401
    assert await ask(f"{OUTSIDE}&PJSIP/bob", "program-1", bearer) == 409
    assert await at.product.events(ev.CallOffered, at.since) == []
    assert await ask(f"tel:{OUTSIDE}", "program-2", bearer) == 200
    assert SHOWN in (await at.carrier.wait_for("incoming"))["caller"]
    call_id = await at.begun()
    await at.reaches(call_id, "talking", "ann")
    assert await ask(f"tel:{OUTSIDE}", "program-2", bearer) == 200  # the same once more
    await at.recorded(call_id)
    await at.carrier.do("hang_up")
    await at.told(
        call_id, "ringing talking", ended_by="caller|agent", agents={"ann": f"{DIALLED}|{SERVED}"}
    )
    assert len(await at.product.events(ev.CallOffered, at.since)) == 1


async def test_outbound_with_a_number_of_ones_own_shown(at: Centre) -> None:
    await at.begin()
    ann, target = at.desks["ann"], {**to("outside", OUTSIDE), "caller_id": ANNS}
    with pytest.raises(DesktopRefused, match="caller_id_not_allowed"):
        await at.desks["bob"].desktop.command("call.dial", target=target)
    await ann.desktop.command("call.dial", target=target)
    call_id = await at.begun()
    shown = await at.carrier.wait_for("incoming")
    assert ANNS in shown["caller"]
    assert SHOWN not in shown["caller"]
    await at.reaches(call_id, "talking", "ann")
    await at.recorded(call_id)
    await at.carrier.do("hang_up")
    await at.told(
        call_id, "ringing talking", ended_by="caller|agent", agents={"ann": f"{DIALLED}|{SERVED}"}
    )


@BY
async def test_outbound_held_and_sent_on(at: Centre, by: str) -> None:
    await at.begin()
    ann = at.desks["ann"]
    await ann.begin_call(by, "outside", OUTSIDE)
    call_id = await at.begun()
    await at.reaches(call_id, "talking", "ann")
    await at.recorded(call_id)
    await ann.do("hold")
    await at.reaches(call_id, "on_hold", "ann")
    await ann.do("retrieve")
    await at.reaches(call_id, "talking", "ann")
    await ann.send_on(by, "agent", "1002")
    await at.reaches(call_id, "talking", "bob")
    await at.desks["bob"].phone.do("hang_up")
    await at.told(
        call_id,
        "ringing talking on_hold talking transferring ringing talking",
        ended_by="agent",
        agents={"ann": DIALLED, "bob": ASKED},
    )


@BY
@pytest.mark.parametrize(
    ("status", "result"),
    [(486, "busy"), (503, "congested"), (180, "no_answer"), (603, "declined")],
    ids=["busy", "congested", "no_answer", "declined"],
)
async def test_outbound_failed(at: Centre, by: str, status: int, result: str) -> None:
    await at.begin(carrier=status)
    await at.desks["ann"].begin_call(by, "outside", OUTSIDE)
    call_id = await at.begun()
    assert (await at.fact(ev.DialFailed)).result == result
    await at.told(
        call_id,
        "ringing",
        ended_by="system|agent|caller",
        has_ticket=False,
        recordings=0,
        agents={"ann": DIALLED},
    )


async def test_a_phone_calls_a_queue(at: Centre) -> None:
    await at.begin("cai")
    await at.desks["bob"].begin_call("phone", "queue", "help")
    call_id = await at.begun()
    await at.reaches(call_id, "talking", "cai")
    await at.desks["bob"].phone.do("hang_up")
    await at.told(
        call_id,
        "ringing queue ringing talking|queue ringing talking",
        ended_by="caller",
        has_ticket=False,
        recordings=0,
        agents={"bob": "TALKING NOT_READY", "cai": SERVED},
    )


async def test_what_may_not_be_dialled_is_refused(at: Centre) -> None:
    await at.begin()
    ann = at.desks["ann"]
    line = await ann.dial("0090123456")
    assert (await ann.phone.wait_for("ended", call=line))["status"] == 404
    assert not await at.product.events(ev.CallOffered, at.since)


async def test_picked_up_by_another_phone(at: Centre) -> None:
    await at.begin("ann", ann=180)
    call_id = await at.call(LINE)
    await at.desks["ann"].phone.wait_for("incoming")
    await at.desks["bob"].dial("*81001")
    await at.reaches(call_id, "talking", "bob")
    await at.recorded(call_id)
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        BEGIN.strip(),
        ended_by="caller",
        agents={
            "ann": "RESERVED RINGING READY|RESERVED RINGING NOT_READY",
            "bob": "RINGING TALKING NOT_READY|TALKING NOT_READY",
        },
    )


async def test_a_phone_that_forwards_is_not_followed(at: Centre) -> None:
    (ann,) = await at.begin("ann")
    await ann.phone.do("answering", status=302, forward_to=f"sip:1002@{ann.server}")
    call_id = await at.call(LINE)
    await at.fact(ev.CallNotAnswered)
    await ann.until("NOT_READY")
    await at.reaches(call_id, "queue")
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        "menu queue ringing queue",
        ended_by="caller",
        agents={"ann": "RESERVED RINGING NOT_READY"},
        recordings=0,
    )
