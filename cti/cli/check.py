"""``ringdesk selftest``, ``simulate``: prove and load the running system."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets as random_secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from asterisk_conf.secrets import load_or_make_secrets
from cti.builtin import SIM_NUMBER, SIM_QUEUE, sim_login
from cti.cli import deployment
from cti.cli.app import (
    AsJson,
    Picture,
    SettingsFile,
    app,
    say,
    see_that_it_can_be_drawn,
    told_plainly,
)
from cti.cli.service import current_settings, is_running, place_of
from cti.config import Settings
from cti.domain.errors import ConfigError
from cti.domain.events import Event
from cti.domain.ids import CallId
from cti.servers import open_database
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
from cti.storage.people import SqlAccounts
from cti.web.passwords import Passwords
from sip_sim import selftest as selftest_run
from sip_sim import simulate as simulate_run
from sip_sim import storm
from sip_sim.farm import SimAgent
from sip_sim.selftest import Check
from sip_sim.summary import picture, sparkline

_WORDS = 2000  # characters of SIPp's errors that are shown
Calls = Annotated[int, typer.Option("--callers", min=1, help="Calls in all.")]
AtOnce = Annotated[int, typer.Option("--concurrent", min=1, help="Calls at the same time.")]
Agents = Annotated[int, typer.Option("--agents", min=1, help="Simulated agents.")]


class JournalFile:
    """``sip_sim.ports.FactReader`` on the installation's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self) -> int:
        """The newest sequence number."""
        journal = SqlJournal(self._database)
        return await journal.newest()

    async def since(self, sequence: int, call_id: CallId | None = None) -> list[Event]:
        """What was recorded after it."""
        journal = SqlJournal(self._database)
        return [item.event async for item in journal.read(after=sequence, call_id=call_id)]


@app.command()
@told_plainly
def selftest(settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Place a real call through the running system and check every step of it."""
    settings = _running(settings_file)

    def tell(check: Check) -> None:
        if not as_json:
            mark = "ok  " if check.is_ok else "FAIL"
            print(f"{mark} {check.name:38} {check.figure}  {check.detail}".rstrip(), flush=True)

    report = asyncio.run(_selftest(settings, tell))
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False))
    elif report.is_ok:
        print("all well")
    if not report.is_ok:
        raise typer.Exit(1)


@app.command()
@told_plainly
def simulate(
    total: Calls = 20,
    concurrent: AtOnce = 5,
    agents: Agents = 4,
    rate: Annotated[float, typer.Option(help="New calls a second.")] = 5.0,
    talk: Annotated[float, typer.Option(help="Seconds of talk.")] = 3.0,
    transfers: Annotated[
        bool, typer.Option("--transfers", help="Agents also transfer, consult, confer, hold, park.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the choice of transfers.")] = 1,
    times: Annotated[
        float | None,
        typer.Option("--storm", min=0.1, help="Arrivals: so many times what the agents can take."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long a storm lasts.")] = 10.0,
    patience: Annotated[
        float, typer.Option(min=1, help="Mean seconds until a caller in a storm gives up.")
    ] = 60.0,
    plot: Picture = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Load: many simulated calls through the running system; prints and plots what happened."""
    see_that_it_can_be_drawn(plot)
    settings = _running(settings_file)
    plan = simulate_run.Plan(
        total, concurrent, rate, timedelta(seconds=talk),
        transfers_to=SIM_QUEUE if transfers else "", seed=seed,
    )  # fmt: skip
    if times is not None:
        span, limit = timedelta(minutes=minutes), timedelta(seconds=patience)
        plan = simulate_run.Plan.of_storm(agents, times, span, timedelta(seconds=talk), limit)
    result = asyncio.run(_simulate(settings, plan, agents))
    answer = {
        **result.summary.as_json(),
        "sipp": {"succeeded": result.callers.succeeded, "failed": result.callers.failed},
    }
    if result.storm is not None:
        answer = {**result.storm.as_json(), "sipp": answer["sipp"]}
    if result.deeds is not None:
        counts = result.deeds.as_json()
        answer["transfers"] = {k: n["done"] for k, n in counts.items()}
        answer["transfers_refused"] = {k: n["refused"] for k, n in counts.items()}
    if plot is not None:
        plot.write_text(_drawn(result, agents), encoding="utf-8")
    if as_json:
        print(json.dumps(answer))
    else:
        _print_summary(answer)
        for name in ("waiting", "talking"):
            values = [getattr(m, name) for m in result.summary.moments]
            print(f"{name:8} {sparkline(values)}  at most {max(values, default=0)}")
    if result.callers.failed:
        say("SIPp's last words: " + "; ".join(result.callers.errors)[-_WORDS:])
    if result.callers.failed or result.summary.unfinished:
        raise typer.Exit(1)
    if result.storm is not None and not result.storm.is_well:
        raise typer.Exit(1)


def _drawn(result: simulate_run.Result, agents: int) -> str:
    if result.storm is None:
        return picture(result.summary)
    title = f"{result.storm.load:g} times the capacity of {agents} agents: {result.storm.offered} callers"
    return storm.picture(result.storm, title)


def _running(file: Path | None) -> Settings:
    settings = current_settings(file)
    if not is_running(settings):
        raise ConfigError(
            "the service is not running: start it with `ringdesk up` or `ringdesk demo`"
        )
    return settings


@contextlib.asynccontextmanager
async def simulated(
    settings: Settings, count: int
) -> AsyncIterator[tuple[list[SimAgent], Database]]:
    """Open ``count`` simulators' accounts with new passwords; they are closed with the block.

    Raises:
        ConfigError: the installation has fewer.
    """
    if count > settings.simulated_agents:
        raise ConfigError(
            f"this installation has {settings.simulated_agents} simulated agents: "
            "raise the setting simulated_agents and start it again"
        )
    secrets = load_or_make_secrets(settings.secrets_file, deployment.company_of(settings))
    database = await open_database(settings)
    accounts, hasher = SqlAccounts(database), Passwords()
    opened = []
    people = []
    try:
        for index in range(count):
            user = await accounts.by_login(sim_login(index))
            if user is None:
                raise ConfigError("the simulators' accounts are missing: restart the service")
            password = random_secrets.token_urlsafe(12)
            await accounts.save(replace(user, is_active=True), await hasher.hash(password))
            opened.append(user)
            secret = secrets.endpoint(user.extension)
            people.append(SimAgent(user.login, password, user.extension, secret))
        yield people, database
    finally:
        for user in opened:
            unknown = await hasher.hash(random_secrets.token_urlsafe(24))
            await accounts.save(replace(user, is_active=False), unknown)
        hasher.close()
        await database.close()


async def _selftest(settings: Settings, tell: Callable[[Check], None]) -> selftest_run.Report:
    async with simulated(settings, 1) as (people, database):
        report = await selftest_run.run(
            place_of(settings), people[0], SIM_NUMBER, JournalFile(database), tell
        )
    status = await asyncio.to_thread(deployment.pbx_process(settings).status)
    report.add("Asterisk answers", status is not None, f"{status.version}" if status else "")
    return report


async def _simulate(
    settings: Settings, plan: simulate_run.Plan, agents: int
) -> simulate_run.Result:
    async with simulated(settings, agents) as (people, database):
        return await simulate_run.run(
            place_of(settings), people, SIM_NUMBER, plan, JournalFile(database), say
        )


def _print_summary(answer: dict[str, Any]) -> None:
    for key, value in answer.items():
        if key == "timeline":
            continue
        if isinstance(value, dict):
            value = ", ".join(
                f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items()
            )
        elif isinstance(value, list):
            value = " of ".join(str(each) for each in value)
        elif key == "service_level" and value is not None:
            value = f"{value:.0%} answered within 20 s"
        elif value is None:
            value = "–"
        elif isinstance(value, float):
            value = f"{value:.3g}"
        print(f"{key.replace('_', ' '):22} {value}")
