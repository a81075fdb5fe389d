"""Shapes of consultations, by the phone's own keys and by command; docs/shapes.md."""

from __future__ import annotations

import pytest

from cti.domain import events as ev
from cti.domain.ids import CallId
from tests.asterisk.desk import HELP, Desk, to
from tests.asterisk.shapes import ASKED, BEGIN, BY, MARKS, OUTSIDE, SERVED, SHOWN, Centre

pytestmark = MARKS
HELD = f"{BEGIN}on_hold "


class Asking:
    """An agent who consults: by command, or by the phone's keys on its second line."""

    def __init__(self, at: Centre, by: str, desk: Desk, call_id: CallId) -> None:
        self.at, self.by, self.desk, self.call_id = at, by, desk, call_id
        self.first: int | None = None
        self.second: int | None = None

    async def ask(self, kind: str, value: str) -> None:
        """Leave the caller on hold and call somebody."""
        if self.by == "page":
            await self.desk.do("consult", target=to(kind, value))
        else:
            self.first = await self.desk.line()
            await self.desk.phone.do("hold", call=self.first)
            await self.at.reaches(self.call_id, "on_hold", self.desk.login)
            self.second = await self.desk.dial(value)
        await self.at.fact(ev.ConsultStarted)

    async def complete(self) -> None:
        """Hand the caller over."""
        if self.by == "page":
            await self.desk.do("complete")
        else:
            assert self.first is not None
            assert self.second is not None
            await self.desk.hand_over(self.first, self.second)

    async def cancel(self) -> None:
        """End the consultation and take the caller back."""
        if self.by == "page":
            await self.desk.do("cancel")
        else:
            await self.desk.phone.do("hang_up", call=self.second)
            await self.at.fact(ev.ConsultEnded)
            await self.take_back()

    async def take_back(self) -> None:
        """Retrieve the caller when the consultation is over."""
        if self.by == "page":
            await self.desk.do("retrieve")
        else:
            await self.desk.phone.do("retrieve", call=self.first)


async def asking(at: Centre, by: str, kind: str = "agent", value: str = "1002") -> Asking:
    """Ann speaks with a caller and asks somebody."""
    call_id = await at.talking("ann")
    asks = Asking(at, by, at.desks["ann"], call_id)
    await asks.ask(kind, value)
    return asks


@BY
async def test_consult_completed(at: Centre, by: str) -> None:
    await at.begin("ann")
    asks = await asking(at, by)
    await at.fact(ev.ConsultConnected)
    await asks.complete()
    await at.reaches(asks.call_id, "talking", "bob")
    at.handed_over(asks.call_id, "bob", by="ann", how="consult")
    await at.callers["cal"].do("hang_up")
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting talking|{HELD}consulting talking",
        ended_by="caller",
        agents={"ann": SERVED, "bob": ASKED},
    )
    assert (await at.fact(ev.ConsultEnded)).result == "completed"


@BY
async def test_consult_of_a_number_outside_completed(at: Centre, by: str) -> None:
    await at.begin("ann")
    asks = await asking(at, by, "outside", OUTSIDE)
    assert SHOWN in (await at.carrier.wait_for("incoming"))["caller"]
    await at.fact(ev.ConsultConnected)
    await asks.complete()
    await at.reaches(asks.call_id, "talking", "trunk_carrier")
    await at.callers["cal"].do("hang_up")
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting talking|{HELD}consulting talking",
        ended_by="caller",
        agents={"ann": SERVED},
    )


@BY
async def test_consult_handed_over_while_it_rings(at: Centre, by: str) -> None:
    await at.begin("ann", bob=180)
    asks = await asking(at, by)
    await at.desks["bob"].phone.wait_for("incoming")
    await asks.complete()
    await at.fact(ev.CallTransferred)
    if by == "page":  # the ring is begun anew, as the caller's
        await at.desks["bob"].phone.wait_for("incoming")
    await at.desks["bob"].phone.do("answer")
    await at.reaches(asks.call_id, "talking", "bob")
    await at.callers["cal"].do("hang_up")
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting transferring ringing talking|{HELD}consulting talking transferring talking",
        ended_by="caller",
        agents={"ann": SERVED, "bob": f"{ASKED}|RINGING NOT_READY {ASKED}"},
    )


@BY
async def test_consult_cancelled(at: Centre, by: str) -> None:
    await at.begin("ann")
    asks = await asking(at, by)
    await at.fact(ev.ConsultConnected)
    await asks.cancel()
    await at.reaches(asks.call_id, "talking", "ann")
    await at.callers["cal"].do("hang_up")
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting on_hold talking|{HELD}consulting on_hold talking",
        ended_by="caller",
        agents={"ann": SERVED, "bob": ASKED},
    )
    assert (await at.fact(ev.ConsultEnded)).result == "cancelled"


@BY
async def test_consult_and_the_one_asked_hangs_up(at: Centre, by: str) -> None:
    await at.begin("ann")
    asks = await asking(at, by)
    await at.fact(ev.ConsultConnected)
    await at.desks["bob"].phone.do("hang_up")
    # By the phone's keys its own second line may be gone a moment before the colleague's leg.
    assert (await at.fact(ev.ConsultEnded)).result in ("ended", "cancelled")
    await asks.take_back()
    await at.reaches(asks.call_id, "talking", "ann")
    await asks.desk.phone.do("hang_up", call=asks.first)
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting on_hold talking|{HELD}consulting on_hold talking",
        ended_by="agent",
        agents={"ann": SERVED, "bob": ASKED},
    )


@BY
@pytest.mark.parametrize(
    ("status", "result"), [(486, "busy"), (180, "no_answer")], ids=["busy", "no_answer"]
)
async def test_consult_not_answered(at: Centre, by: str, status: int, result: str) -> None:
    await at.begin("ann", bob=status)
    asks = await asking(at, by)
    assert (await at.fact(ev.ConsultEnded)).result == result
    await asks.take_back()
    await at.reaches(asks.call_id, "talking", "ann")
    await at.callers["cal"].do("hang_up")
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting on_hold talking|{HELD}consulting on_hold talking",
        ended_by="caller",
        agents={"ann": SERVED, "bob": "RINGING NOT_READY"},
    )


@BY
async def test_consult_and_the_caller_hangs_up(at: Centre, by: str) -> None:
    await at.begin("ann")
    asks = await asking(at, by)
    await at.fact(ev.ConsultConnected)
    await at.callers["cal"].do("hang_up")
    assert (await at.fact(ev.ConsultEnded)).result == "caller_gone"
    await at.over(asks.call_id)
    states = (asks.desk.desktop.state, at.desks["bob"].desktop.state)
    assert states == ("TALKING", "TALKING")
    await at.desks["bob"].phone.do("hang_up")
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting|{HELD}consulting",
        ended_by="caller",
        agents={"ann": SERVED, "bob": ASKED},
    )


@BY
async def test_consult_and_the_agent_hangs_up(at: Centre, by: str) -> None:
    await at.begin("ann")
    asks = await asking(at, by)
    await at.fact(ev.ConsultConnected)
    await asks.desk.phone.do("hang_up", call=asks.first)
    if by == "phone":
        await asks.desk.phone.do("hang_up", call=asks.second)
        await at.over(asks.call_id)
    else:  # the caller, who is held by us, goes back to his queue and is offered anew
        await at.fact(ev.CallEnqueued, 2)
        await at.reaches(asks.call_id, "talking", "ann")
        await at.callers["cal"].do("hang_up")
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting on_hold queue ringing talking|{HELD}consulting|{HELD}consulting on_hold",
        ended_by="caller" if by == "page" else "agent",
        agents={"ann": f"{SERVED}|{SERVED} {SERVED}", "bob": ASKED},
    )


async def test_a_queue_is_consulted_and_gets_the_caller(at: Centre) -> None:
    ann, _ = await at.begin("ann", "cai")
    call_id = await at.talking("ann")
    first = await ann.line()
    await ann.phone.do("hold", call=first)
    await at.reaches(call_id, "on_hold", "ann")
    second = await ann.dial(HELP)
    asked = await at.begun(2)
    await at.reaches(asked, "talking", "cai")
    await ann.hand_over(first, second)
    assert (await at.fact(ev.CallMerged)).into_call_id == call_id
    await at.reaches(call_id, "talking", "cai")
    await at.callers["cal"].do("hang_up")
    await at.told(
        call_id,
        f"{HELD}consulting talking|{HELD}talking",
        ended_by="caller",
        agents={"ann": SERVED, "cai": SERVED},
        calls=2,
    )


async def test_a_queue_is_asked_by_command_and_gets_the_caller(at: Centre) -> None:
    await at.begin("ann", "cai")
    asks = await asking(at, "page", "queue", "help")
    asked = await at.begun(2)
    await at.reaches(asked, "talking", "cai")
    await asks.complete()
    assert (await at.fact(ev.CallMerged)).into_call_id == asks.call_id
    await at.reaches(asks.call_id, "talking", "cai")
    await at.callers["cal"].do("hang_up")
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting talking",
        ended_by="caller",
        agents={"ann": SERVED, "cai": SERVED},
        calls=2,
    )


async def test_a_queue_is_asked_by_command_and_the_caller_taken_back(at: Centre) -> None:
    """Nobody of the queue answers: she waits there until she goes back to her caller."""
    await at.begin("ann")
    asks = await asking(at, "page", "queue", "help")
    asked = await at.begun(2)
    await at.reaches(asked, "queue")
    await asks.cancel()
    await at.reaches(asks.call_id, "talking", "ann")
    await at.callers["cal"].do("hang_up")
    await at.told(
        asks.call_id,
        f"{BEGIN}consulting on_hold talking",
        ended_by="caller",
        agents={"ann": SERVED},
        calls=2,
    )
    assert (await at.fact(ev.ConsultEnded)).result == "cancelled"
