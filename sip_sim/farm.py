"""Simulated agents and callers, many at once, through the real system.

An agent is two halves, as at a real desk: a desk phone (registered and answered by one SIPp process for
all of them) and a headless desktop (signed in over HTTP, follows the WebSocket). A caller is a SIPp call
from the trunk's address.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp

from sip_sim.desktop import DesktopRefused, HeadlessDesktop, signed_in
from sip_sim.errors import SippFailed
from sip_sim.sipp import Load, Party, free_port, party
from sip_sim.steps import (
    Answer,
    HangUp,
    Invite,
    Register,
    Ring,
    SendDigits,
    Speak,
    Step,
    Wait,
    WaitForHangup,
    WaitForWord,
    registration,
)

AGENT_TONE = 880.0
CALLER_TONE = 440.0
_REGISTER_EVERY = timedelta(minutes=4)  # the registrar grants ten
_AGAIN_S = 1.0  # until an agent whom a command did not make ready tries it again
_OPEN_END = timedelta(
    days=7
)  # who is called takes calls as long as its block lasts; SIPp wants a number


@dataclass(frozen=True, slots=True)
class SimAgent:
    """One simulated agent's keys."""

    login: str
    password: str = field(repr=False)
    endpoint: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the system under test is."""

    sip: str  # host:port
    web: str  # http://host:port


@dataclass(slots=True)
class AgentFarm:
    """Signed-in agents and the process that plays their phones."""

    desktops: list[HeadlessDesktop]
    phones: Party


@contextlib.asynccontextmanager
async def agents(
    place: Place,
    people: Sequence[SimAgent],
    *,
    answer_after: timedelta,
    talk: timedelta,
    talk_most: timedelta | None = None,
    tone: Path | None,
    keeps_ready: bool = True,
    helpers: int = 0,
    trace: bool = False,
) -> AsyncIterator[AgentFarm]:
    """Register the phones, sign the agents in and make them ready; all ends with the block.

    Each phone answers after ``answer_after``, speaks ``tone`` (a µ-law file) and hangs up after ``talk`` unless the
    caller did before; with ``talk_most`` after a time drawn evenly between the two, whatever the caller does.
    ``keeps_ready``: whoever became not ready or wraps up is ready again at once. The last ``helpers`` of them take no
    calls from queues: they are signed in and not ready, for others to ask.
    ``trace`` keeps the SIP messages of the phones (``AgentFarm.phones``).

    Raises:
        SippFailed: a phone could not register.
        DesktopRefused: a desktop could not sign in.
    """
    async with (
        phones(
            place,
            people,
            answer_after=answer_after,
            talk=talk,
            talk_most=talk_most,
            tone=tone,
            trace=trace,
        ) as running,
        contextlib.AsyncExitStack() as stack,
    ):
        desktops = []
        serving = len(people) - helpers
        for index, person in enumerate(people):
            client = await stack.enter_async_context(
                aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
            )
            desktop = await stack.enter_async_context(
                signed_in(client, place.web, person.login, person.password)
            )
            desktops.append(desktop)
            await _sign_in(desktop)
            if index < serving:
                await _make_ready(desktop)
        kept = desktops[:serving] if keeps_ready else []
        keepers = [asyncio.create_task(_keep_ready(d)) for d in kept]
        try:
            yield AgentFarm(desktops, running)
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            for desktop in desktops:
                with contextlib.suppress(Exception):  # the service may be gone by now
                    await desktop.command("agent.sign_out")


@contextlib.asynccontextmanager
async def phones(
    place: Place,
    people: Sequence[SimAgent],
    *,
    answer_after: timedelta,
    talk: timedelta,
    talk_most: timedelta | None = None,
    tone: Path | None,
    trace: bool = False,
) -> AsyncIterator[Party]:
    """Only the desk phones of these people, registered while the block runs; see ``agents``.

    Raises:
        SippFailed: a phone could not register.
    """
    steps: list[Step] = [Ring(answer_after), Answer()]
    if tone is not None:
        steps.append(Speak(str(tone)))
    steps += [WaitForHangup(talk)] if talk_most is None else [Wait(talk, talk_most), HangUp()]
    port = free_port()
    size = Load(concurrent=max(4, len(people)))
    async with party(
        "agents' phones", steps, place.sip, port=port, called=size, trace=trace, limit=_OPEN_END
    ) as running:
        await _register(place, people, port)
        keeper = asyncio.create_task(_stay_registered(place, people, port))
        try:
            yield running
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await _register(place, people, port, expires=timedelta(0))


@contextlib.asynccontextmanager
async def carrier(
    place: Place,
    port: int,
    *,
    answer_after: timedelta = timedelta(seconds=3),
    talk: timedelta = timedelta(minutes=10),
    tone: Path | None = None,
    concurrent: int = 8,
) -> AsyncIterator[Party]:
    """The other end of the outbound trunk on this machine: whatever number is dialled answers at ``port``.

    It speaks ``tone`` and hangs up after ``talk`` unless our side did before.
    """
    steps: list[Step] = [Ring(answer_after), Answer()]
    if tone is not None:
        steps.append(Speak(str(tone)))
    steps.append(WaitForHangup(talk))
    size = Load(concurrent=concurrent)
    async with party(
        "carrier", steps, place.sip, port=port, called=size, limit=_OPEN_END
    ) as running:
        yield running


@contextlib.asynccontextmanager
async def callers(
    place: Place,
    number: str,
    load: Load,
    *,
    digits: str = "",
    tone: Path | None = None,
    menu_time: timedelta = timedelta(seconds=1),
    patience: timedelta = timedelta(minutes=3),
    talk: timedelta | None = None,
    hears_words: bool = False,
    fields: Sequence[Sequence[str]] = (("8613800138000", "Simulated caller"),),
    trace: bool = False,
    limit: timedelta = timedelta(minutes=10),
) -> AsyncIterator[Party]:
    """Call a number: speak ``tone``, press ``digits`` after ``menu_time``, then wait to be hung up.

    After ``patience`` a caller hangs up, whoever he speaks with by then; with ``hears_words`` also when he is told to
    (``Party.tell``). ``talk``: hang up oneself that long after the last key instead. ``fields``: calling number and name,
    one after the other. ``limit``: when all must be over.
    """
    steps: list[Step] = [Invite(number)]
    if tone is not None:
        steps.append(Speak(str(tone)))
    steps.append(Wait(menu_time))
    if digits:
        steps.append(SendDigits(digits))
    if talk is not None:
        steps += [Wait(talk), HangUp()]
    else:
        steps.append(WaitForWord(patience) if hears_words else WaitForHangup(patience))
    async with party(
        "callers", steps, place.sip, load=load, fields=fields, trace=trace, limit=limit
    ) as running:
        yield running


async def _sign_in(desktop: HeadlessDesktop) -> None:
    await desktop.until(lambda d: d.sections.get("link", {}).get("switch") == "up")
    await desktop.command("agent.sign_in", phone="desk")
    # Asterisk tells the phone's state a moment after it registered.
    await desktop.until(lambda d: d.sections["phone"]["state"] == "idle")


async def _make_ready(desktop: HeadlessDesktop) -> None:
    await desktop.command("agent.ready")
    # A waiting caller may take a new agent before he was seen READY.
    await desktop.until(lambda d: d.state not in {"NOT_READY", "LOGGED_OUT"})


async def _keep_ready(desktop: HeadlessDesktop) -> None:
    """Ready again, whatever made him not ready; a person who is refused tries again, too."""
    while True:
        await desktop.until(_is_away, within=86_400)
        with contextlib.suppress(DesktopRefused, TimeoutError):  # the state changed meanwhile
            await desktop.command("agent.ready")
        with contextlib.suppress(TimeoutError):
            await desktop.until(lambda d: not _is_away(d), within=_AGAIN_S)


def _is_away(desktop: HeadlessDesktop) -> bool:
    return desktop.state in {"NOT_READY", "WRAP_UP"}


async def _stay_registered(place: Place, people: Sequence[SimAgent], port: int) -> None:
    while True:
        await asyncio.sleep(_REGISTER_EVERY.total_seconds())
        await _register(place, people, port)


async def _register(
    place: Place,
    people: Sequence[SimAgent],
    port: int,
    expires: timedelta = timedelta(hours=1),
) -> None:
    rows = [registration(p.endpoint, p.secret, port) for p in people]
    load = Load(calls=len(rows), concurrent=len(rows), per_second=50)
    async with party("register", [Register(expires)], place.sip, load=load, fields=rows) as running:
        outcome = await running.finish(timedelta(seconds=30))
    if outcome.failed or outcome.succeeded < len(rows):
        words = "; ".join(outcome.errors)[-300:]
        raise SippFailed(f"{len(rows) - outcome.succeeded} phones could not register: {words}")
