"""While a caller waits: what he hears, keys that lead out of the queue, and the message that he leaves.

The whole product, and a pjsua2 phone outside as the caller, who speaks 440 Hz and presses keys by RFC 4733.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
import soundfile

from asterisk_conf.installer import default_cache
from asterisk_conf.installer import find as find_asterisk
from asterisk_conf.render import reload_commands, render
from cti.company import Company, Flow, Node, Number, Person, Queue
from cti.company_base import Text
from cti.company_waiting import Voicemail, WayOut
from cti.domain import events as ev
from cti.domain.ids import CallId
from sip_sim.desktop import HeadlessDesktop, signed_in
from sip_sim.phone import Heard, SoftPhone, soft_phone
from sip_sim.tones import sine
from tests.asterisk.live import PASSWORD, Live, live
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]
E = TypeVar("E", bound=ev.CallEvent)
CALLER = 440.0
LINE, SPOKEN_TO = "4001", "4002"
LOUD = -25.0
MUSIC = 1500.0
AUDIBLE = 0.02
LIKE = 0.75
"""What is heard of a prompt is 0.9 to 1.0 alike; another sentence with some of the same words up to 0.8."""
_numbers = itertools.count(13700000101)


def company() -> Company:
    """A queue whose keys lead to its voicemail and to another queue; one more in which callers are spoken to."""
    voicemail = Voicemail(greeting={"en": "Speak."}, max_time=timedelta(seconds=30))
    label: Text = {"en": "Line"}
    none = timedelta(0)
    return Company(
        name="Waiting",
        people=(
            Person(login="ann", name="Ann", staff_number="1", extension="1001", queues=("line",)),
            Person(login="bob", name="Bob", staff_number="2", extension="1002", queues=("spoken_to",)),
        ),
        queues=(
            Queue(
                name="line", label=label, gap_time=none, announce_every=none, voicemail=voicemail,
                leave_keys={"1": WayOut(kind="voicemail"), "2": WayOut(kind="queue", to="other")},
            ),
            Queue(name="other", label=label, gap_time=none, announce_every=none),
            Queue(
                name="spoken_to", label=label, gap_time=none, announce_every=timedelta(seconds=4),
                offer={"en": "Press one to leave a message."}, offer_every=timedelta(seconds=4),
                leave_keys={"1": WayOut(kind="voicemail")}, voicemail=voicemail,
            ),
        ),
        flows=(
            Flow(name="to_be_told", start="wait", nodes=(Node(name="wait", kind="queue", queue="spoken_to"),)),
            Flow(name="straight", start="wait", nodes=(Node(name="wait", kind="queue", queue="line"),)),),
        numbers=(Number(dnis=LINE, flow="straight"), Number(dnis=SPOKEN_TO, flow="to_be_told")),
        default_flow="straight",
    )  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(company(), simulated=1) as running:
        yield running


@dataclass
class Stage:
    """The product, and the call in hand."""

    product: Live
    site: Path
    since: int = 0

    @contextlib.asynccontextmanager
    async def caller(self, number: str = LINE) -> AsyncIterator[SoftPhone]:
        """A caller from outside who waits in the queue."""
        self.since = await self.product.last()
        async with soft_phone(self.site, CALLER, ("PCMA",)) as phone:
            sip = self.product.place.sip
            await phone.do("outside", server=sip, number=str(next(_numbers)), name="Cal Ler")
            await phone.do("call", uri=f"sip:{number}@{sip}")
            await phone.wait_for("media", active=True)
            await self.fact(ev.CallEnqueued)
            yield phone

    @contextlib.asynccontextmanager
    async def agent(self, login: str) -> AsyncIterator[HeadlessDesktop]:
        """An agent at a desk phone that answers by itself, not ready yet."""
        agent, place = self.product.agent(login), self.product.place
        async with (
            soft_phone(self.site, 880.0, ("PCMA",)) as phone,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
            signed_in(client, place.web, login, PASSWORD) as desktop,
        ):
            await phone.register(place.sip, agent.endpoint, agent.secret)
            await phone.do("answering", status=200)
            await desktop.command("agent.sign_in", phone="desk")
            await desktop.until(lambda d: d.sections["phone"]["state"] == "idle")
            yield desktop
            await desktop.command("agent.sign_out")

    async def fact(self, kind: type[E], within: float = 20) -> E:
        """The first event of a kind since the call began."""
        return (await self.product.wait_for(kind, self.since, 1, within))[0]

    async def facts(self, kind: type[E]) -> list[E]:
        """All of them so far."""
        return await self.product.events(kind, self.since)

    async def ended(self) -> CallId:
        """Until the call is over."""
        return (await self.fact(ev.CallEnded)).call_id

    async def message(self, login: str) -> Heard:
        """The recording on the call's ticket, as this agent gets it; ``samples`` is caller, agent."""
        attached = await self.fact(ev.RecordingAttached, within=40)
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
            signed_in(client, self.product.place.web, login, PASSWORD) as desktop,
        ):
            url = f"{self.product.place.web}/api/v1/recordings/{attached.recording_id}/audio"
            async with desktop.client.get(url) as answer:
                assert answer.status == 200, await answer.text()
                body = await answer.read()
        samples, rate = await asyncio.to_thread(soundfile.read, io.BytesIO(body), dtype="float64")
        return Heard(np.asarray(samples), int(rate))


@pytest_asyncio.fixture(loop_scope="module")
async def at(product: Live, site: Path) -> AsyncIterator[Stage]:
    yield Stage(product, site)
    await until(lambda: asyncio.to_thread(lambda: not product.pbx.leftovers()), 15)


def likeness(heard: Heard, prompt: Path) -> float:
    """How much of a prompt is somewhere in what was heard: 1 is all of it.

    Half a second after the other is laid over what was heard at every place; so a packet that is lost or late costs one.
    """
    said, rate = soundfile.read(prompt, dtype="float64")
    ear = heard.samples[:: heard.rate // rate]
    until_here, size = np.concatenate([[0.0], np.cumsum(ear**2)]), rate // 2
    energy = np.maximum(until_here[size:] - until_here[:-size], 1e-6)
    spectrum, found = np.fft.rfft(ear, len(ear) + size), []
    for piece in said[: len(said) // size * size].reshape(-1, size):
        if np.sqrt(np.mean(piece**2)) > AUDIBLE:
            match = np.fft.irfft(spectrum * np.conj(np.fft.rfft(piece, len(ear) + size)))
            found.append(np.max(match[: len(energy)] / np.sqrt(energy * np.sum(piece**2))))
    return float(np.mean(found))


@contextlib.asynccontextmanager
async def signed_in_without_a_phone(product: Live, login: str) -> AsyncIterator[None]:
    """An agent who is there, so that waits can be estimated, and whom nobody can ring."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
        signed_in(client, product.place.web, login, PASSWORD) as desktop,
    ):
        await desktop.command("agent.sign_in", phone="desk")
        await desktop.command("agent.ready")
        yield


async def test_place_minutes_and_offer_are_heard_and_a_key_counts_in_them(at: Stage) -> None:
    sounds = at.product.settings.sounds_dir / "en"
    async with signed_in_without_a_phone(at.product, "bob"), at.caller(SPOKEN_TO) as phone:
        heard = await phone.hear(20.0)
        told = [e for e in await at.facts(ev.WaitEstimated) if e.is_told]
        # Three minutes a call, until calls of the day say more, and one agent who is there.
        assert {(e.position, e.estimate_time, e.basis) for e in told} == {
            (1, timedelta(minutes=3), "agents")
        }
        for name, other in (
            ("ivr-position-1", "ivr-position-2"),
            ("ivr-wait-3", "ivr-wait-5"),
            ("ivr-offer-spoken_to", "ivr-give-up"),
        ):
            right = await asyncio.to_thread(likeness, heard, sounds / f"{name}.wav")
            wrong = await asyncio.to_thread(likeness, heard, sounds / f"{other}.wav")
            assert right > LIKE, (name, right)
            assert right > wrong + 0.05, (name, right, wrong)
        # A key while he is spoken to: he is with the service, and the dialplan hears none.
        before = len(await at.facts(ev.WaitEstimated))
        await at.product.wait_for(ev.WaitEstimated, at.since, before + 1, 40)
        await phone.do("digits", digits="1")
        await at.fact(ev.VoicemailBegun)
        await phone.do("hang_up")
        await at.ended()
    assert len(await at.facts(ev.CallLeftByKey)) == 1


async def test_a_queue_has_music_of_its_own(at: Stage) -> None:
    pbx = at.product.pbx
    folder = pbx.settings.music_dir / "hall"
    folder.mkdir(parents=True)
    soundfile.write(folder / "a.wav", sine(MUSIC, 3.0, 0.3), 8000, "PCM_16")
    queues = tuple(
        q.model_copy(update={"music": "hall"}) if q.name == "line" else q
        for q in pbx.company.queues
    )
    company_ = pbx.company.model_copy(update={"queues": queues})
    install = find_asterisk(default_cache())
    assert install is not None
    changed = render(pbx.settings, company_, pbx.secrets, install)
    assert reload_commands(changed) == ("moh reload",)
    await pbx.rx("moh reload")
    async with at.caller() as phone:
        heard = await phone.hear(2.0)
        assert heard.share(MUSIC, LOUD) > 0.6
        await phone.do("hang_up")
        await at.ended()
    render(pbx.settings, pbx.company, pbx.secrets, install)
    await pbx.rx("moh reload")


async def test_a_key_leads_to_voicemail_and_the_message_hangs_on_a_ticket(at: Stage) -> None:
    async with at.caller() as phone:
        await phone.do("digits", digits="1")
        begun = await at.fact(ev.VoicemailBegun)
        assert begun.queue == "line"
        await phone.hear(3.0)
        await phone.do("digits", digits="#")
        taken = await at.fact(ev.VoicemailTaken)
        assert taken.length_time > timedelta(seconds=1.5)
        await phone.do("digits", digits="1")
        call_id = await at.ended()  # he is thanked, and we hang up
    left = await at.facts(ev.CallLeftByKey)
    assert [(e.queue, e.target_kind) for e in left] == [("line", "voicemail")]
    ticket = await at.fact(ev.TicketOpened)
    assert (ticket.call_id, ticket.reason) == (call_id, "voicemail")
    heard = await at.message("ann")
    assert abs(heard.seconds - taken.length_time.total_seconds()) < 0.3
    mouth, nobody = (Heard(heard.samples[:, side], heard.rate) for side in (0, 1))
    assert mouth.share(CALLER, LOUD) > 0.8
    assert nobody.sound < 0.05
    assert [e.reason for e in await at.facts(ev.RecordingFailed)] == []


async def test_who_hangs_up_in_his_message_has_left_what_he_said(at: Stage) -> None:
    async with at.caller() as phone:
        await phone.do("digits", digits="1")
        await at.fact(ev.VoicemailBegun)
        await phone.hear(3.0)
        await phone.do("hang_up")
        taken = await at.fact(ev.VoicemailTaken)
    assert taken.length_time > timedelta(seconds=1.5)
    heard = await at.message("ann")
    assert abs(heard.seconds - taken.length_time.total_seconds()) < 0.3
    assert [e.reason for e in await at.facts(ev.RecordingFailed)] == []


async def test_the_service_dies_in_the_middle_and_nothing_said_is_lost(at: Stage) -> None:
    async with at.caller() as phone:
        await phone.do("digits", digits="1")
        begun = await at.fact(ev.VoicemailBegun)
        await phone.hear(1.0)
        await at.product.stop(signal.SIGKILL)
        await phone.hear(3.0)
        await phone.do("digits", digits="#")
        await phone.wait_for("state", within=15, status=200, state="DISCONNECTED")
    await at.product.start()
    heard = await at.message("ann")
    assert heard.seconds > 2.0
    assert Heard(heard.samples[:, 0], heard.rate).share(CALLER, LOUD) > 0.8
    assert (await at.fact(ev.TicketOpened)).call_id == begun.call_id


async def test_a_key_leads_to_another_queue(at: Stage) -> None:
    async with at.caller() as phone:
        await phone.do("digits", digits="2")
        waits = await at.product.wait_for(ev.CallEnqueued, at.since, 2)
        assert [e.queue for e in waits] == ["line", "other"]
        left = await at.fact(ev.CallLeftByKey)
        assert (left.target_kind, left.target) == ("queue", "other")
        await phone.do("hang_up")
        await at.ended()


@pytest.mark.parametrize("first", ["ready", "key", "key is told"])
async def test_a_key_and_an_offer_in_the_same_moment_give_him_to_one_of_them(
    at: Stage, first: str
) -> None:
    async with at.agent("ann") as desktop, at.caller() as phone:

        async def press() -> None:
            await phone.do("digits", digits="2")

        async def be_ready() -> None:
            if first == "key is told":
                await at.fact(ev.WaitingKeyPressed)
            await desktop.command("agent.ready")

        await asyncio.gather(
            *([be_ready(), press()] if first == "ready" else [press(), be_ready()])
        )

        async def is_settled() -> bool:
            waits = [e.queue for e in await at.facts(ev.CallEnqueued)]
            return "other" in waits or bool(await at.facts(ev.CallAnswered))

        await until(is_settled, 20)
        left, answered = await at.facts(ev.CallLeftByKey), await at.facts(ev.CallAnswered)
        assert len(left) + len(answered) == 1
        assert await at.facts(ev.CallEnded) == []
        if left:  # and no phone rings for somebody who isn't there
            await desktop.until(lambda d: d.state == "READY")
        await phone.do("hang_up")
        await at.ended()
