"""Whatever callers, agents, phones and machines do on a day: at its end nothing hangs, and everything adds up."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cti.domain import events as ev
from tests.acceptance.centre import Centre, running
from tests.acceptance.company import HELP, KRUGERS, MAIN, SALES, STRANGER, WITHHELD, ZHANG
from tests.acceptance.desktop import Desktop, Refused
from tests.fakes.asterisk_channels import FakeCaller

pytestmark = pytest.mark.acceptance

LOGINS = {"lina": "1001w", "tom": "1002w", "mei": "1003"}
BUSY = ("RESERVED", "RINGING", "TALKING")

_who = st.sampled_from(sorted(LOGINS))
_nth = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(
        st.just("call"),
        st.sampled_from([SALES, SALES, HELP, MAIN]),
        st.sampled_from([ZHANG, KRUGERS, STRANGER, WITHHELD]),
    ),
    st.tuples(st.just("wait"), st.sampled_from([0.02, 0.3, 1.0, 4.0, 16.0])),
    st.tuples(st.just("caller leaves"), _nth),
    st.tuples(st.just("answer"), _who),
    st.tuples(st.just("answer"), _who),
    st.tuples(st.just("decline"), _who),
    st.tuples(st.just("phone hangs up"), _who),
    st.tuples(st.just("phone lost"), _who),
    st.tuples(st.just("phone back"), _who),
    st.tuples(st.just("do"), _who, st.sampled_from(["ready", "sign_out"])),
    st.tuples(st.just("break"), _who),
    st.tuples(st.just("button"), _who, st.sampled_from(["hold", "retrieve", "hang_up"])),
    st.tuples(st.just("kill"), st.sampled_from([0.5, 8.0])),
    st.tuples(st.just("link lost"), st.sampled_from([0.5, 3.0])),
)


class Day:
    """Does the steps; what a person can't do at the moment is left out."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.pages: dict[str, Desktop] = {}
        self.callers: list[FakeCaller] = []

    async def begin(self) -> None:
        for login, endpoint in LOGINS.items():
            phone = "browser" if endpoint.endswith("w") else "desk"
            self.pages[login] = await self.centre.agent(login, phone=phone)

    async def step(self, what: str, *args: Any) -> None:
        centre = self.centre
        match what:
            case "call":
                self.callers.append(centre.pbx.call(args[0], ani=args[1]))
            case "wait":
                await centre.wait(args[0])
            case "caller leaves":
                if args[0] < len(self.callers):
                    self.callers[args[0]].hang_up()
            case "kill":
                await centre.kill()
                await centre.wait(args[0])
                await centre.start()
                self.pages = {login: await centre.open_page(login) for login in LOGINS}
            case "link lost":
                centre.pbx.is_reachable = False
                centre.pbx.drop_links()
                await centre.wait(args[0])
                centre.pbx.is_reachable = True
            case "do":
                await self.press(args[0], f"agent.{args[1]}")
            case "break":
                await self.press(args[0], "agent.not_ready", reason="break")
            case "button":
                call = self.pages[args[0]].sections["call"]
                if call is not None:
                    await self.press(args[0], f"call.{args[1]}", call_id=call["call_id"])
            case _:
                self.phone(what, args[0])

    async def press(self, login: str, name: str, **values: Any) -> None:
        with contextlib.suppress(Refused):
            await self.pages[login].do(name, **values)

    def phone(self, what: str, login: str) -> None:
        phone = self.centre.pbx.phones[LOGINS[login]]
        match what:
            case "answer":
                phone.answer()
            case "decline":
                phone.decline()
            case "phone hangs up":
                phone.hang_up()
            case "phone lost":
                phone.lose()
            case "phone back":
                phone.register()

    async def end(self) -> None:
        """Everybody goes home; what takes its time gets it."""
        await self.centre.until(lambda: self.centre.service.switch.is_up)
        for caller in self.callers:
            caller.hang_up()
        await self.centre.wait(60)


def journalled(centre: Centre) -> list[ev.Event]:
    return [page.event for page in centre.pages]


def check(day: Day) -> None:
    """What must be so at the end of any day."""
    centre = day.centre
    for login, page in day.pages.items():
        assert page.sections["agent"]["state"] not in BUSY, f"{login} is stuck"
        assert page.call in ("", "ended")
    assert len(centre.service.calls) == 0
    assert centre.pbx.channels == {}
    assert centre.pbx.bridges == {}
    assert {view.waiting for view in centre.service.acd.queue_views()} == {0}
    events = journalled(centre)
    seen = {e.call_id for e in events if isinstance(e, ev.CallOffered | ev.CallRecovered)}
    for kind, at_least in ((ev.CallEnded, 1), (ev.CallAbandoned, 0), (ev.TicketOpened, 0)):
        counts = Counter(e.call_id for e in events if isinstance(e, kind))
        for call_id in seen:
            assert at_least <= counts[call_id] <= 1, f"{counts[call_id]} {kind.__name__}"
    check_reservations(events)


def check_reservations(events: list[ev.Event]) -> None:
    """A caller has one agent at a time, an agent one caller, and each reservation has an end."""
    reserved: dict[str, str] = {}  # call → agent
    for event in events:
        match event:
            case ev.AgentReserved():
                assert event.call_id not in reserved, "reserved twice"
                assert event.agent_id not in reserved.values(), "two callers for one agent"
                reserved[event.call_id] = event.agent_id
            case ev.ReservationReleased():
                assert reserved.pop(event.call_id, event.agent_id) == event.agent_id
            case ev.CallConnected() | ev.CallEnded():
                reserved.pop(event.call_id, None)
            case ev.SwitchLinkChanged():
                if not event.is_up:
                    reserved.clear()  # what the repair found is checked by the agents' states
    assert reserved == {}


async def live_through(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with running(Path(home)) as centre:
            day = Day(centre)
            await day.begin()
            for step in steps:
                await day.step(*step)
            await day.end()
            check(day)


@settings(
    max_examples=30,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(st.lists(STEPS, min_size=3, max_size=20))
def test_at_the_end_of_any_day_each_call_has_one_end_and_nobody_is_stuck(
    steps: list[tuple[Any, ...]],
) -> None:
    asyncio.run(live_through(steps))
