"""What each side really hears: pjsua2 phones that speak a tone and listen, through the whole product.

The caller speaks 440 Hz and presses keys by RFC 4733; agents speak 880 Hz. Ears count as
shares of the time listened, so that a stutter on a loaded machine is no failure, and a mix-up of channels, rates or
directions is. One service for all tests; the phones stay registered, agents sign in for each test.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
import soundfile

from cti.company import Company, Flow, Node, Number, Person, Queue
from cti.domain import events as ev
from cti.domain.ids import RecordingId
from sip_sim.desktop import HeadlessDesktop, signed_in
from sip_sim.errors import PhoneFailed
from sip_sim.phone import Heard, SoftPhone, soft_phone
from tests.asterisk.live import PASSWORD, Live, live
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
E = TypeVar("E", bound=ev.CallEvent)
CALLER, AGENT = 440.0, 880.0
WRAP_UP = timedelta(seconds=1)
RING = timedelta(seconds=3)
MENU, LINE = "4000", "4001"
HEARD, NOT_HEARD = 0.75, 0.05  # shares of the time listened
RECORDED = 0.5  # the share of a recording: it begins with the answer, before the first sound
LOUD = -15.0  # dB: a phone's tone, and no music's
_numbers = itertools.count(13700000001)
_figures: list[str] = []


def company() -> Company:
    """Three agents, one queue, a menu that asks for a number."""
    nodes = (
        Node(
            name="ask", kind="menu", label="Main menu", keys={"1": "number", "2": "wait"},
            text={"en": "Welcome. For an order, press one. For anything else, press two."},
            input_timeout=timedelta(seconds=8), no_match="wait",
        ),
        Node(
            name="number", kind="collect", label="Order number", max_digits=10,
            text={"en": "Please enter your order number, followed by the hash key."},
            no_match="wait", next="wait",
        ),
        Node(name="wait", kind="queue", queue="line"),
    )  # fmt: skip
    return Company(
        name="Phones",
        people=tuple(
            Person(
                login=login, name=login.title(), staff_number=str(i), extension=str(1000 + i),
                queues=("line",),
            )
            for i, login in enumerate(("ann", "bob", "cai", "dee"), start=1)
        ),
        queues=(
            Queue(
                name="line", label={"en": "Line"}, ring_time=RING, wrap_up_time=WRAP_UP,
                gap_time=timedelta(0), announce_every=timedelta(0),
            ),
        ),
        flows=(
            Flow(name="asking", start="ask", nodes=nodes),
            Flow(name="straight", start="wait", nodes=nodes[2:]),
        ),
        numbers=(Number(dnis=MENU, flow="asking"), Number(dnis=LINE, flow="straight")),
        default_flow="straight",
    )  # fmt: skip


def note(what: str, heard: Heard) -> None:
    """Keep a figure for the table that is printed at the end."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split("::")[-1].rpartition(" ")[0]
    _figures.append(f"{test:70} {what:18} {heard}")


@pytest.fixture(scope="module", autouse=True)
def _printed_figures(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        sys.stdout.write("\n" + "\n".join(_figures) + "\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(company(), simulated=1, rtp_timeout=5) as running:
        yield running


@dataclass
class Desk:
    """An agent's desk: the phone and the desktop."""

    login: str
    endpoint: str
    phone: SoftPhone
    desktop: HeadlessDesktop

    async def command(self, name: str, **arguments: object) -> None:
        """A command for the call in hand."""
        assert self.desktop.call is not None
        await self.desktop.command(
            f"call.{name}", call_id=self.desktop.call["call_id"], **arguments
        )

    async def until(self, state: str, within: float = 15) -> None:
        """Until the agent's state is this."""
        await self.desktop.until(lambda d: d.state == state, within)

    async def until_call(self, **fields: object) -> None:
        """Until the call section shows this."""
        await self.desktop.until(
            lambda d: d.call is not None and fields.items() <= d.call.items(), 10
        )


@dataclass
class Stage:
    """The live product and the phones' library."""

    product: Live
    site: Path
    lines: dict[str, SoftPhone]
    since: int = 0

    @contextlib.asynccontextmanager
    async def line(self, login: str, codecs: Sequence[str] = ("PCMA",)) -> AsyncIterator[SoftPhone]:
        """A registered desk phone of one's own."""
        agent = self.product.agent(login)
        async with soft_phone(self.site, AGENT, codecs) as phone:
            await phone.register(self.product.place.sip, agent.endpoint, agent.secret)
            yield phone

    @contextlib.asynccontextmanager
    async def desk(
        self, login: str, phone: SoftPhone, *, answer_with: int = 200, is_ready: bool = True
    ) -> AsyncIterator[Desk]:
        """An agent who is signed in; the phone answers by itself with this status."""
        phone.events.clear()
        await phone.do("answering", status=answer_with)
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
            signed_in(client, self.product.place.web, login, PASSWORD) as desktop,
        ):
            await desktop.command("agent.sign_in", phone="desk")
            await desktop.until(lambda d: d.sections["phone"]["state"] == "idle")
            if is_ready:
                await desktop.command("agent.ready")
            try:
                yield Desk(login, self.product.agent(login).endpoint, phone, desktop)
            finally:
                await desktop.command("agent.sign_out")

    @contextlib.asynccontextmanager
    async def caller(
        self, number: str = LINE, codecs: Sequence[str] = ("PCMA",)
    ) -> AsyncIterator[SoftPhone]:
        """A caller from outside, connected to whatever answers this number."""
        self.since = await self.product.last()
        async with soft_phone(self.site, CALLER, codecs) as phone:
            sip = self.product.place.sip
            await phone.do("outside", server=sip, number=str(next(_numbers)), name="Cal Ler")
            await phone.do("call", uri=f"sip:{number}@{sip}")
            await phone.wait_for("media", active=True)
            yield phone

    async def fact(self, kind: type[E], count: int = 1, within: float = 15) -> E:
        """The newest of so many events of a kind of the call in hand."""
        return (await self.product.wait_for(kind, self.since, count, within))[count - 1]

    async def facts(self, kind: type[E]) -> list[E]:
        """All events of a kind so far of the call in hand."""
        return await self.product.events(kind, self.since)

    async def enqueued(self) -> set[datetime]:
        """All places in the queue that the call ever had; one, if nobody lost his."""
        return {event.enqueued_at for event in await self.facts(ev.CallEnqueued)}

    async def recording(self, desktop: HeadlessDesktop) -> Heard:
        """The call's recording as the ticket has it; ``samples`` is caller, agent."""
        attached = await self.fact(ev.RecordingAttached, within=30)
        return await self.download(desktop, attached.recording_id)

    async def download(self, desktop: HeadlessDesktop, recording_id: RecordingId) -> Heard:
        """Fetch it as an agent does."""
        url = f"{self.product.place.web}/api/v1/recordings/{recording_id}/audio"
        async with desktop.client.get(url) as answer:
            assert answer.status == 200
            body = await answer.read()
        samples, rate = await asyncio.to_thread(soundfile.read, io.BytesIO(body), dtype="float64")
        return Heard(np.asarray(samples), int(rate))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lines(product: Live, site: Path) -> AsyncIterator[dict[str, SoftPhone]]:
    """The desk phones of ann and bob."""
    stage = Stage(product, site, {})
    async with stage.line("ann") as ann, stage.line("bob") as bob:
        yield {"ann": ann, "bob": bob}


@pytest_asyncio.fixture(loop_scope="module")
async def stage(product: Live, site: Path, lines: dict[str, SoftPhone]) -> AsyncIterator[Stage]:
    """Everything, clean before and after."""
    yield Stage(product, site, lines)
    await until(lambda: asyncio.to_thread(lambda: not product.pbx.leftovers()), 10)


@pytest_asyncio.fixture(loop_scope="module")
async def ann(stage: Stage) -> AsyncIterator[Desk]:
    """Ann at her desk; her phone answers by itself."""
    async with stage.desk("ann", stage.lines["ann"]) as desk:
        yield desk


Judge = Callable[[Heard, Heard], bool]


async def hear_until(caller: SoftPhone, agent: SoftPhone, is_so: Judge) -> None:
    """Both listen, a second at a time, until what caller and agent hear is so.

    A switch takes a moment to be heard (jitter buffers), and the music has its own silences.
    """
    heard: list[Heard] = []

    async def listen() -> bool:
        heard[:] = await asyncio.gather(caller.hear(), agent.hear())
        return is_so(*heard)

    try:
        await until(listen, 12)
    except TimeoutError:
        raise AssertionError(f"caller hears {heard[0]}; agent hears {heard[1]}") from None
    note("caller hears", heard[0])
    note("agent hears", heard[1])


async def assert_talking(caller: SoftPhone, agent: SoftPhone) -> None:
    """Both hear each other and nobody hears himself."""
    await hear_until(
        caller,
        agent,
        lambda at_caller, at_agent: (
            at_caller.share(AGENT) > HEARD > NOT_HEARD > at_caller.share(CALLER)
            and at_agent.share(CALLER) > HEARD > NOT_HEARD > at_agent.share(AGENT)
        ),
    )


async def assert_on_hold(caller: SoftPhone, agent: SoftPhone) -> None:
    """The caller has music, and neither hears the other."""
    await hear_until(
        caller,
        agent,
        lambda at_caller, at_agent: (
            at_caller.sound > HEARD > NOT_HEARD > at_caller.share(AGENT, LOUD)
            and at_agent.sound < NOT_HEARD
        ),
    )


async def assert_music(caller: SoftPhone) -> None:
    """A caller who waits has music and no agent."""
    heard: list[Heard] = []

    async def listen() -> bool:
        heard[:] = [await caller.hear()]
        return heard[0].sound > HEARD > NOT_HEARD > heard[0].share(AGENT, LOUD)

    try:
        await until(listen, 12)
    except TimeoutError:
        raise AssertionError(f"waiting caller hears {heard[0]}") from None
    note("waiting caller", heard[0])


def channels(recording: Heard, start: float = 0, end: float | None = None) -> tuple[Heard, Heard]:
    """Caller's and agent's channel of a recording, from one second to another."""
    rate = recording.rate
    span = recording.samples[int(start * rate) : None if end is None else int(end * rate)]
    return Heard(span[:, 0], rate), Heard(span[:, 1], rate)


def assert_both_recorded(recording: Heard, least: float = RECORDED) -> None:
    """Each voice at its pitch in its own channel."""
    left, right = channels(recording)
    note("caller's channel", left)
    note("agent's channel", right)
    assert left.share(CALLER) > least > NOT_HEARD > left.share(AGENT), str(left)
    assert right.share(AGENT) > least > NOT_HEARD > right.share(CALLER), str(right)


async def test_what_both_hear_from_the_menu_to_the_ticket(stage: Stage) -> None:
    async with (
        stage.desk("ann", stage.lines["ann"], is_ready=False) as ann,
        stage.caller(MENU) as caller,
    ):
        prompt = await caller.hear(1.5)
        note("menu prompt", prompt)
        assert prompt.sound > 0.4, f"menu prompt: {prompt}"
        await caller.do("digits", digits="2")
        await stage.fact(ev.CallEnqueued)
        await assert_music(caller)
        await ann.desktop.command("agent.ready")
        await ann.until("TALKING")
        await assert_talking(caller, ann.phone)

        await ann.command("hold")
        await ann.until_call(state="on_hold")
        assert (await stage.fact(ev.CallHeld)).by == "agent"
        await assert_on_hold(caller, ann.phone)
        await ann.command("retrieve")
        await ann.until_call(state="talking")
        await assert_talking(caller, ann.phone)

        await ann.command("mute", muted=True)
        await ann.until_call(muted=True)
        await hear_until(
            caller,
            ann.phone,
            lambda at_caller, at_agent: (
                at_caller.sound < NOT_HEARD and at_agent.share(CALLER) > HEARD
            ),
        )
        await ann.command("mute", muted=False)
        await ann.until_call(muted=False)
        await assert_talking(caller, ann.phone)

        await ann.phone.do("hang_up")
        await ann.until("WRAP_UP")
        await caller.wait_for("ended")
        assert (await stage.fact(ev.CallEnded)).ended_by == "agent"
        assert (await stage.fact(ev.TicketOpened)).reason == "connected"
        recording = await stage.recording(ann.desktop)
        left, right = channels(recording)
        note("caller's channel", left)
        note("agent's channel", right)
        # Three conversations of a second and more, hold with music and a muted second between them.
        assert left.share(CALLER) * left.seconds > 3, str(left)
        assert right.share(AGENT) * right.seconds > 2.5, str(right)
        assert left.share(AGENT) < NOT_HEARD, str(left)
        assert right.share(CALLER, LOUD) < NOT_HEARD, str(right)  # music is in this channel


@pytest.mark.parametrize("codec", ["G722", "opus"])
async def test_a_wideband_phone_and_a_narrowband_caller(stage: Stage, codec: str) -> None:
    async with (
        stage.line("cai", [codec]) as phone,
        stage.desk("cai", phone) as cai,
        stage.caller() as caller,
    ):
        await cai.until("TALKING")
        media = await phone.wait_for("media", active=True)
        assert media["codec"].lower() == codec.lower()
        await assert_talking(caller, phone)
        await caller.do("hang_up")
        await cai.until("WRAP_UP")
        assert_both_recorded(await stage.recording(cai.desktop))


@pytest.mark.parametrize("by", ["page", "first line", "second line"])
async def test_a_wideband_colleague_hears_the_caller_who_is_handed_over(
    stage: Stage, by: str
) -> None:
    """His sound was transcoded from the agent's before, and is from the caller's now.

    By command, or by REFER with Replaces on either of the phone's two lines.
    """
    async with (
        stage.line("cai", ["PCMA"]) as phone,
        stage.desk("cai", phone) as cai,
        stage.line("dee", ["opus"]) as wideband,
        stage.desk("dee", wideband, is_ready=False) as dee,
        stage.caller() as caller,
    ):
        await cai.until("TALKING")
        await assert_talking(caller, phone)
        number = stage.product.agent("dee").endpoint
        if by == "page":
            await cai.command("consult", target={"kind": "agent", "value": number})
        else:
            first = (await phone.wait_for("incoming"))["call"]
            await phone.do("hold", call=first)
            await cai.until_call(state="on_hold")
            second = await phone.do("call", uri=f"sip:{number}@{stage.product.place.sip}")
        await dee.until("TALKING")
        await stage.fact(ev.ConsultConnected)
        assert (await wideband.wait_for("media", active=True))["codec"].lower() == "opus"
        assert (await wideband.hear(2)).share(AGENT) > HEARD
        if by == "page":
            await cai.command("complete")
        elif by == "first line":
            await phone.do("hand_over", call=first, to=second)
        else:
            await phone.do("hand_over", call=second, to=first)
        await assert_talking(caller, wideband)
        await caller.do("hang_up")


async def test_hold_and_retrieve_by_the_phones_own_key(stage: Stage, ann: Desk) -> None:
    async with stage.caller() as caller:
        await ann.until("TALKING")
        await ann.phone.do("hold")
        await ann.until_call(state="on_hold")
        assert (await stage.fact(ev.CallHeld)).by == "phone"
        await assert_on_hold(caller, ann.phone)
        await ann.phone.do("retrieve")
        await ann.until_call(state="talking", held_at=None)
        assert (await stage.fact(ev.CallRetrieved)).by == "phone"
        await assert_talking(caller, ann.phone)
        assert len(await stage.facts(ev.CallHeld)) == 1


async def test_an_agent_who_hangs_up_on_hold_leaves_no_caller_behind(
    stage: Stage, ann: Desk
) -> None:
    async with stage.caller() as caller:
        await ann.until("TALKING")
        for _ in range(3):  # as fast as a desktop can
            await ann.command("hold")
            await ann.until_call(state="on_hold")
            await ann.command("retrieve")
            await ann.until_call(state="talking")
        await ann.command("hold")
        await ann.until_call(state="on_hold")
        await assert_on_hold(caller, ann.phone)
        await ann.phone.do("hang_up")
        await ann.until("WRAP_UP")
        await caller.wait_for("ended", within=5)
        assert (await stage.fact(ev.CallEnded)).ended_by == "agent"


async def test_who_is_declined_goes_to_another_agent_with_his_place(stage: Stage) -> None:
    async with (
        stage.desk("bob", stage.lines["bob"], answer_with=486),
        stage.caller() as caller,
        stage.desk("ann", stage.lines["ann"]) as ann,
    ):
        refused = await stage.fact(ev.CallNotAnswered)
        assert (refused.endpoint, refused.result) == ("1002", "declined")
        await ann.until("TALKING")
        assert len(await stage.enqueued()) == 1
        await assert_talking(caller, ann.phone)


async def test_who_is_not_answered_goes_to_another_agent_with_his_place(stage: Stage) -> None:
    async with (
        stage.desk("bob", stage.lines["bob"], answer_with=180) as bob,
        stage.caller() as caller,
        stage.desk("ann", stage.lines["ann"]) as ann,
    ):
        await bob.phone.wait_for("incoming")
        missed = await stage.fact(ev.CallNotAnswered)
        assert (missed.endpoint, missed.result) == ("1002", "no_answer")
        await bob.phone.wait_for("ended")
        await bob.until("NOT_READY")
        await ann.until("TALKING")
        assert len(await stage.enqueued()) == 1
        await assert_talking(caller, ann.phone)


async def test_a_paused_recording_is_silent_in_place(stage: Stage, ann: Desk) -> None:
    async with stage.caller() as caller:
        await ann.until("TALKING")
        await assert_talking(caller, ann.phone)
        await ann.command("pause_recording", paused=True)
        paused = await stage.fact(ev.RecordingPaused)
        await assert_talking(caller, ann.phone)  # a pause is nobody's to hear
        await ann.command("pause_recording", paused=False)
        resumed = await stage.fact(ev.RecordingResumed)
        await assert_talking(caller, ann.phone)
        await caller.do("hang_up")
        await ann.until("WRAP_UP")
    recording = await stage.recording(ann.desktop)
    connected, ended = await stage.fact(ev.CallConnected), await stage.fact(ev.CallEnded)
    assert recording.seconds == pytest.approx((ended.at - connected.at).total_seconds(), abs=0.6)
    first = (paused.at - connected.at).total_seconds()
    last = (resumed.at - connected.at).total_seconds()
    before = channels(recording, 0.2, first - 0.2)
    between = channels(recording, first + 0.3, last - 0.3)
    after = channels(recording, last + 0.3)
    for channel, tone in enumerate((CALLER, AGENT)):
        for name, span in (("before", before), ("paused", between), ("after", after)):
            note(f"{name}, channel {channel}", span[channel])
        assert before[channel].share(tone) > RECORDED, str(before[channel])
        assert between[channel].sound < NOT_HEARD, str(between[channel])
        assert after[channel].share(tone) > RECORDED, str(after[channel])


@pytest.mark.parametrize("is_ahead", [False, True], ids=["step by step", "all at once"])
async def test_keys_pressed_early_and_fast(stage: Stage, ann: Desk, is_ahead: bool) -> None:
    async with stage.caller(MENU) as caller:
        await caller.do("digits", digits="1")  # at once: before the prompt is over
        if not is_ahead:
            await until(lambda: _entered(stage, "number"), 10)
        await caller.do("digits", digits="1122334#")  # without a pause, twins included
        await ann.until("TALKING")
        await stage.fact(ev.MenuInput, count=2)
        inputs = {e.node: (e.result, e.digits) for e in await stage.facts(ev.MenuInput)}
        assert inputs == {"ask": ("match", "1"), "number": ("match", "1122334")}
        assert ann.desktop.call is not None
        assert ann.desktop.call["digits"].endswith("1122334")
        # A digit before the first sound once left callers mute for the rest of the call.
        await assert_talking(caller, ann.phone)


async def _entered(stage: Stage, node: str) -> bool:
    return any(event.node == node for event in await stage.facts(ev.MenuEntered))


async def test_a_phone_that_dies_loses_no_caller(stage: Stage) -> None:
    async with (
        stage.line("cai") as phone,
        stage.desk("cai", phone) as cai,
        stage.caller() as caller,
    ):
        await cai.until("TALKING")
        await assert_talking(caller, phone)
        async with stage.desk("ann", stage.lines["ann"]) as ann:
            await phone.kill()
            with pytest.raises(PhoneFailed):
                await phone.hear()
            ended = await stage.fact(ev.LegEnded, within=20)
            assert (ended.endpoint, ended.cause) == ("1003", 44)  # no RTP
            await ann.until("TALKING", within=20)
            assert len(await stage.enqueued()) == 1
            await assert_talking(caller, ann.phone)
            await caller.do("hang_up")
            await ann.until("WRAP_UP")
            assert_both_recorded(await stage.recording(ann.desktop), least=0.1)
