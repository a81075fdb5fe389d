"""The whole product for tests: a real Asterisk and the real service, each in its own process.

``live()`` starts both on free ports with the sample company; the service is a child process, so that a test can
kill (SIGKILL), freeze (SIGSTOP) and restart it as it likes. What happened is read from its journal, which
is a file, by a connection of the test's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import aiohttp
import soundfile

from cti.applying import keep_people
from cti.builtin import with_simulators
from cti.cli.check import JournalFile
from cti.cli.deployment import sample_company
from cti.company import Company, parse_company
from cti.config import BusSettings, DatabaseSettings, Settings, WebSettings
from cti.domain.events import Event
from cti.domain.ids import CallId
from cti.servers import open_database
from cti.storage.database import Database
from cti.storage.people import SqlAccounts
from cti.web.passwords import Passwords
from ivr.adapters.prompts import PromptFolder
from sip_sim import tones
from sip_sim.farm import Place, SimAgent
from tests.asterisk.ami_proxy import AmiProxy
from tests.asterisk.pbx import Pbx, free_port
from tests.until import until

E = TypeVar("E", bound=Event)
PASSWORD = "a password for tests only"


@dataclass
class Live:
    """A running Asterisk and, mostly, a running service."""

    pbx: Pbx
    settings: Settings
    company: Company
    database: Database
    process: asyncio.subprocess.Process | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Where simulators find it."""
        return Place(
            sip=f"127.0.0.1:{self.settings.pbx.sip_port}",
            web=f"http://127.0.0.1:{self.settings.web.port}",
        )

    def agent(self, login: str) -> SimAgent:
        """The keys of one person, to simulate him."""
        person = next(p for p in self.company.people if p.login == login)
        return SimAgent(
            login, PASSWORD, person.extension, self.pbx.secrets.endpoint(person.extension)
        )

    async def start(self) -> None:
        """Start the service; returns when it answers and has its link to Asterisk."""
        log = (self.settings.home / "service.log").open("ab")
        with contextlib.closing(log):
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "cti", "up", "--settings", str(self.settings.home / "ringdesk.toml"),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environment},
            )  # fmt: skip
        await until(self.is_well, within=90)

    async def is_well(self) -> bool:
        """Whether its health check says so."""
        assert self.process is not None
        assert self.process.returncode is None, self.log_text()
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            timeout = aiohttp.ClientTimeout(total=2)
            async with (
                aiohttp.ClientSession(timeout=timeout) as client,
                client.get(f"{self.place.web}/api/v1/health") as answer,
            ):
                return answer.status == 200
        return False

    def log_text(self) -> str:
        """What the service said, for failed assertions."""
        return (self.settings.home / "service.log").read_text(errors="replace")[-5000:]

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the service: SIGTERM politely, SIGKILL not."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            async with asyncio.timeout(20):
                await self.process.wait()
        (self.settings.home / "service.pid").unlink(missing_ok=True)

    def freeze(self) -> None:
        """SIGSTOP."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    async def last(self) -> int:
        """The newest event's number."""
        return await JournalFile(self.database).last()

    async def since(self, sequence: int = 0, call_id: CallId | None = None) -> list[Event]:
        """What happened after it."""
        return await JournalFile(self.database).since(sequence, call_id)

    async def events(self, kind: type[E], since: int = 0) -> list[E]:
        """The events of one kind after a number."""
        return [event for event in await self.since(since) if isinstance(event, kind)]

    async def wait_for(
        self, kind: type[E], since: int = 0, count: int = 1, within: float = 15
    ) -> list[E]:
        """The first ``count`` events of a kind, when so many have come."""

        async def enough() -> list[E]:
            found = await self.events(kind, since)
            return found if len(found) >= count else []

        found: list[E] = await until(enough, within)
        return found


def record_prompt(settings: Settings, name: str, frequency: float, seconds: float) -> None:
    """Record a tone in place of what would be spoken, in English, before the service starts."""
    file = settings.sounds_dir / "en" / "recorded" / f"{name}.wav"
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, tones.sine(frequency, seconds), tones.RATE, "PCM_16")


@contextlib.asynccontextmanager
async def live(
    company: Company | None = None,
    *,
    simulated: int = 12,
    through: AmiProxy | None = None,
    environment: Mapping[str, str] | None = None,
    prepare: Callable[[Settings], None] | None = None,
    database_url: str | None = None,
    bus_url: str | None = None,
    **pbx_settings: Any,
) -> AsyncIterator[Live]:
    """Start everything; afterwards end it and prove that no call and no process is left.

    ``through``: a listening proxy between the service and Asterisk's AMI. ``environment`` is added to the service's.
    ``prepare`` may change the state folder before the database is made. ``database_url``, ``bus_url``: servers that are
    used instead of what is embedded. ``pbx_settings`` are keys of ``PbxSettings``.
    """
    base = company or parse_company(sample_company())
    whole = with_simulators(base, simulated)
    with _pbx(whole, pbx_settings) as pbx:
        settings = pbx.settings.model_copy(
            update={
                "web": WebSettings(port=free_port()),
                "simulated_agents": simulated,
                "database": DatabaseSettings(url=database_url),
                "bus": BusSettings(url=bus_url),
            }
        )
        if prepare is not None:
            prepare(settings)
        _write_files(settings, base, company is None)
        await asyncio.to_thread(PromptFolder(settings.sounds_dir).make, whole)
        database = await open_database(settings)
        await _open_accounts(database, whole)
        product = Live(pbx, settings, whole, database, environment=dict(environment or {}))
        if through is not None:
            through.target = settings.pbx.ami_port
            product.environment["RINGDESK_PBX__AMI_THROUGH"] = str(through.port)
        try:
            await product.start()
            yield product
        finally:
            await product.stop()
            await database.close()


@contextlib.contextmanager
def _pbx(company: Company, settings: dict[str, Any]) -> Iterator[Pbx]:
    with Pbx.started(company, **settings) as pbx:
        yield pbx


def _write_files(settings: Settings, company: Company, is_sample: bool) -> None:
    # JSON is YAML too.
    text = sample_company() if is_sample else company.model_dump_json(exclude_defaults=True)
    (settings.home / "company.yaml").write_text(text, encoding="utf-8")
    pbx = settings.pbx
    rows = [
        f'home = "{settings.home}"',
        f'cache = "{settings.cache}"',
        f"simulated_agents = {settings.simulated_agents}",
        "[web]",
        f"port = {settings.web.port}",
        *(
            f'[{name}]\nurl = "{server.url}"'
            for name, server in (("database", settings.database), ("bus", settings.bus))
            if server.url is not None
        ),
        "[pbx]",
        *(f"{k} = {json.dumps(v)}" for k, v in pbx.model_dump().items() if v is not None),
    ]
    (settings.home / "ringdesk.toml").write_text("\n".join(rows), encoding="utf-8")


async def _open_accounts(database: Database, company: Company) -> None:
    accounts, hasher = SqlAccounts(database), Passwords()
    try:
        hashed = await hasher.hash(PASSWORD)
        for user in await keep_people(accounts, company):
            await accounts.save(replace(user, is_active=True), hashed)
    finally:
        hasher.close()
