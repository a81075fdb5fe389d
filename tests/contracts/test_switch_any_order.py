"""Any command at any time, any phone's key at any time: one call stays one call, and nothing is left behind.

On the fake Asterisk, in virtual time, by chance with a seed. After each story the link is dropped: what is read back must
be what was believed, and after the last hang-up nothing may be left anywhere.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from cti.domain import events as ev
from cti.domain.call import CallState
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.ids import CallId, Endpoint
from cti.domain.segments import concerns, is_gapless, life_of
from cti.domain.targets import Target
from tests.contracts.switch_rig import FakeRig, running
from tests.fakes.asterisk_channels import FakeCaller

pytestmark = pytest.mark.contract

PHONES = ("1001", "1002", "1003w", "1004")
STORIES = int(os.environ.get("RINGDESK_STORIES", "80"))
STEPS = 14


class Story:
    """Two callers, four phones, and whatever happens to them."""

    def __init__(self, rig: FakeRig, seed: int) -> None:
        self.rig = rig
        self.chance = random.Random(seed)
        self.callers: list[FakeCaller] = []
        self.told: list[str] = []

    async def rest(self) -> None:
        """Let the world come to rest for a while."""
        await self.rig.virtual.advance(
            timedelta(milliseconds=self.chance.choice((5, 60, 700, 3000)))
        )

    def a_call(self) -> CallId:
        live = [call.call_id for call in self.rig.calls.live()]
        return self.chance.choice(live) if live else CallId("pbx1-1.1-1")

    def a_phone(self) -> Endpoint:
        return Endpoint(self.chance.choice(PHONES))

    def a_target(self) -> Target:
        return self.chance.choice(
            [
                Target("agent", self.chance.choice(PHONES).removesuffix("w")),
                Target("queue", "help"),
                Target("outside", "13800138000"),
                Target("parking", "3"),
            ]
        )

    async def command(self) -> None:
        """One of all commands, sensible or not."""
        control, call_id, phone = self.rig.switch.control, self.a_call(), self.a_phone()
        call = self.rig.calls.get(call_id)
        agent = call.endpoint if call is not None and call.endpoint else phone
        choices: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
            ("offer", lambda: control.offer(call_id, phone, timedelta(seconds=4))),
            ("offer", lambda: control.offer(call_id, phone, timedelta(seconds=4))),
            ("hold", lambda: control.hold(call_id, agent)),
            ("retrieve", lambda: control.retrieve(call_id)),
            ("transfer", lambda: control.transfer(call_id, self.a_target(), agent)),
            ("consult", lambda: control.consult(call_id, agent, self.a_target())),
            ("consult", lambda: control.consult(call_id, agent, Target("agent", "1002"))),
            ("complete", lambda: control.complete_consult(call_id)),
            ("cancel", lambda: control.cancel_consult(call_id)),
            ("join", lambda: control.join_consult(call_id)),
            ("add", lambda: control.add_party(call_id, Target("agent", "1004"))),
            ("drop", lambda: control.drop_party(call_id, phone)),
            ("leave", lambda: control.leave(call_id, phone)),
            ("park", lambda: control.park(call_id, "5", agent)),
            ("fetch", lambda: control.fetch(call_id, phone)),
            ("originate", lambda: control.originate(phone, self.a_target(), "c")),
            ("hang_up", lambda: control.hang_up(call_id)),
        ]
        name, command = self.chance.choice(choices)
        self.told.append(f"{name} {call_id[-6:]} {agent}/{phone}")
        try:
            await self.rig.do(command())
        except (CommandRefused, InvalidValue) as refusal:
            self.told[-1] += f" refused: {refusal}"

    async def person(self) -> None:
        """Somebody does something with his hands."""
        phone = self.rig.pbx.phones[self.a_phone()]
        what = self.chance.choice(
            ["answer", "decline", "hang_up", "hold", "unhold", "caller", "new"]
        )
        self.told.append(f"{what} {phone.endpoint}")
        if what == "caller" and self.callers:
            self.chance.choice(self.callers).hang_up()
        elif what == "new" and len(self.callers) < 2:
            self.callers.append(self.rig.pbx.call("4000"))
        elif what not in ("caller", "new"):
            getattr(phone, what)()

    async def end(self) -> None:
        """Everybody hangs up, as long as there is anybody."""
        for _ in range(60):
            for channel in list(self.rig.pbx.channels.values()):
                channel.hang_up()
            await self.rig.virtual.advance(timedelta(seconds=1))
            if not self.rig.pbx.channels:
                return


@pytest.mark.parametrize("seed", range(STORIES))
async def test_any_order(seed: int) -> None:
    rig = FakeRig()
    story = Story(rig, seed)
    rig.pbx.outside = {"13800138000": "ANSWER"}
    try:
        async with running(rig):
            for phone in PHONES:
                rig.pbx.phone(
                    phone, answers_after=story.chance.choice((None, timedelta(seconds=1)))
                )
            story.callers.append(rig.pbx.call("4000"))
            await story.rest()
            for _ in range(STEPS):
                await story.chance.choice((story.command, story.command, story.person))()
                await story.rest()
            await rig.virtual.advance(timedelta(seconds=3))
            await the_world_is_as_believed(rig, story)
            await story.end()
            assert not rig.pbx.channels, story.told
            await rig.until(lambda: len(rig.switch.registry) == 0)
            assert rig.bus.illegal == [], (rig.bus.illegal, story.told)
            assert not list(rig.calls.live()), story.told
            each_life_is_whole(rig, story)
    finally:
        await rig.pbx.close()


async def the_world_is_as_believed(rig: FakeRig, story: Story) -> None:
    """A snapshot at rest repairs nothing."""
    start = len(rig.bus.seen)
    rig.switch.link.drop("a test")
    await rig.until(lambda: not rig.switch.is_up)
    await rig.until(lambda: rig.switch.is_up)
    repairs = [e for e in rig.bus.seen[start:] if isinstance(e, ev.CallEvent)]
    if repairs:
        pytest.fail(
            "\n".join([*story.told, *map(str, repairs), "after:", *map(str, rig.bus.seen[:start])])
        )


def each_life_is_whole(rig: FakeRig, story: Story) -> None:
    """Every call's segments are gapless, and all its events were possible."""
    by_call: dict[CallId, list[ev.Event]] = {}
    for event in rig.bus.seen:
        if (call_id := concerns(event)) is not None:
            by_call.setdefault(call_id, []).append(event)
    for events in by_call.values():
        life = life_of(events)
        assert life.refused == 0, story.told
        assert is_gapless(life.segments)
        assert life.call is not None
        assert life.call.state is CallState.ENDED
        if any(s.ended_at is None for s in life.segments):
            pytest.fail("\n".join([*story.told, *map(str, events), *map(str, life.segments)]))
