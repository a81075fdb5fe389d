"""The whole service on PostgreSQL and Redis: calls, a new start, the commands; either server away, and back."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cti.bus.redis import RedisBus
from cti.cli import app
from cti.config import BusSettings, DatabaseSettings, Settings, load_settings
from cti.domain import events as ev
from cti.servers import open_database
from tests import servers
from tests.acceptance.company import ZHANG
from tests.acceptance.desktop import Refused
from tests.asterisk.pbx import free_sip_port
from tests.contracts.served_centre import ServedCentre, running
from tests.until import until

POSTGRES_AWAY = {
    "alarm",
    "journal: cannot write, will try again",
    "projections: cannot write, will try again",
    "recorder: storage failed, will try again",
    "screenpop: a command could not be journalled",
    "screenpop: a look-up failed",
    "tickets: calls' files can't be written, will try again",
    "tickets: the store failed",
}
"""What may stand in the log while PostgreSQL is away."""

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[servers.Postgres]:
    """One that may be ended and begun again."""
    with servers.postgres() as server:
        yield server


@pytest.fixture
def redis() -> Iterator[servers.Redis]:
    with servers.redis() as server:
        yield server


@pytest.fixture
def settings(
    tmp_path: Path,
    own_postgres: servers.Postgres,
    redis: servers.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """As ``ringdesk.toml`` and the environment say, for the service and for the commands."""
    for name in [name for name in os.environ if name.startswith("RINGDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ringdesk.toml").write_text(
        f'home = "{tmp_path}"\ncache = "{tmp_path}/cache"\narea_code = "10"\n'
        f'[database]\nurl = "{own_postgres.new_database()}"\n[bus]\nurl = "{redis.url}"\n',
        encoding="utf-8",
    )
    return load_settings()


@pytest.fixture
async def centre(tmp_path: Path, settings: Settings) -> AsyncIterator[ServedCentre]:
    async with running(tmp_path, settings) as opened:
        yield opened


async def ringdesk(*arguments: str) -> Result:
    """Call a command, as another process would."""
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


async def answer(*arguments: str) -> str:
    """What a command that did well printed."""
    result = await ringdesk(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


async def calls_table(settings: Settings) -> list[tuple[object, ...]]:
    """The rows that are derived from the journal."""
    database = await open_database(settings)
    try:
        query = "SELECT * FROM calls ORDER BY call_id"
        return await database.look(lambda c: [tuple(row) for row in c.exec_driver_sql(query).all()])
    finally:
        await database.close()


async def listening(redis: servers.Redis) -> tuple[RedisBus, list[ev.Event]]:
    """Another process on the same bus, and what it hears."""
    bus = RedisBus(redis.url, "another")
    heard: list[ev.Event] = []
    bus.subscribe(heard.append)
    await bus.start()
    await until(lambda: bus.is_joined, 30)
    return bus, heard


async def test_calls_a_new_start_and_every_command(
    centre: ServedCentre, settings: Settings, redis: servers.Redis
) -> None:
    another, heard = await listening(redis)
    since = len(centre.told)

    lina = await centre.agent("lina")
    tom = await centre.agent("tom")
    zhang = await centre.talking(lina, ani=ZHANG)
    await lina.on_call("hold")
    await lina.on_call("retrieve")
    await lina.on_call("transfer", target={"kind": "agent", "value": "1002"})
    await centre.until(lambda: tom.call == "ringing")
    centre.answer(tom)
    await centre.until(lambda: tom.call == "talking")
    await lina.do("agent.not_ready", reason="break")
    waits = await centre.waiting()
    gone = await centre.waiting(ani="13900002222")
    gone.hang_up()
    await centre.until(lambda: centre.of(gone, ev.CallAbandoned))

    await centre.stop()
    await centre.start()
    lina, tom = await centre.open_page("lina"), await centre.open_page("tom")
    assert (lina.state, tom.state) == ("NOT_READY break", "TALKING")
    assert (tom.call, tom.call_id) == ("talking", zhang.call_id)
    await centre.until(lambda: tom.sections["customer"]["customer"])
    assert tom.sections["customer"]["customer"]["name"] == "张伟"
    await tom.on_call("hang_up")
    await centre.until(lambda: centre.is_over(zhang))
    await centre.until(lambda: centre.of(zhang, ev.RecordingAttached))
    await lina.do("agent.ready")
    await centre.until(lambda: lina.call == "ringing")
    assert lina.call_id == waits.call_id
    centre.answer(lina)
    await centre.until(lambda: lina.call == "talking")
    await centre.wait(1)  # else there is nothing to record
    waits.hang_up()
    await centre.until(lambda: centre.of(waits, ev.RecordingAttached))
    await centre.over(zhang, waits, gone)
    assert len(centre.of(zhang, ev.TicketOpened)) == 1

    await centre.until(centre.is_all_journalled)
    await centre.until(lambda: heard[-1] == centre.told[-1])
    assert heard[since - len(centre.told) :] == centre.told[since:]
    await another.stop()
    assert another.missed == 0

    assert await answer("journal", "--verify") == "the hash chain holds\n"
    life = await answer("journal", zhang.call_id)
    assert "CallTransferred" in life
    assert life.splitlines()[-1].startswith("answered")
    assert centre.service.keeping.projections is not None
    await centre.service.keeping.projections.catch_up()
    before = await calls_table(settings)
    assert len(before) == 3
    await answer("journal", "--rebuild")
    assert await calls_table(settings) == before
    assert (await ringdesk("reconcile")).exit_code == 2  # no Asterisk has written anything
    findings = {
        row["name"]: row["ok"] for row in json.loads((await ringdesk("doctor", "--json")).stdout)
    }
    assert findings["PostgreSQL's rights"]
    assert findings["Redis's rights"]
    await a_person_is_exported_and_erased(centre)


async def a_person_is_exported_and_erased(centre: ServedCentre) -> None:
    """Beside the running service, through the commands."""
    number = "13900002222"
    exported = json.loads(await answer("subject", "export", number))
    assert [call["call_id"] for call in exported["calls"]]
    erased = json.loads(await answer("subject", "erase", number, "--yes", "--json"))
    assert erased["calls"] == 1
    await centre.until(lambda: centre.all(ev.SubjectErased))
    result = await ringdesk("subject", "export", number)
    assert (result.exit_code, result.stderr) == (1, "ringdesk: nothing is known of this person\n")
    assert await answer("journal", "--verify") == "the hash chain holds\n"


async def is_journal_locked(settings: Settings) -> bool:
    """Whether somebody, which can only be the service, holds the right to write the journal."""
    database = await open_database(settings)
    query = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND (classid::bigint << 32 | objid::bigint) = 7205759404"
    )
    try:
        return bool(await database.look(lambda c: c.exec_driver_sql(query).scalar()))
    finally:
        await database.close()


async def test_postgres_goes_away_in_the_middle_and_comes_back(
    centre: ServedCentre, own_postgres: servers.Postgres, settings: Settings
) -> None:
    centre.expected_errors |= POSTGRES_AWAY
    lina = await centre.agent("lina")
    tom = await centre.agent("tom")
    zhang = await centre.talking(lina, ani=ZHANG)
    own_postgres.stop()
    other = centre.pbx.call("4000", ani="13900002222")
    await centre.until(lambda: centre.of(other, ev.MenuEntered))
    other.press("1")
    await centre.until(lambda: "journal" in centre.service.alarms.active)
    await centre.until(lambda: tom.call == "ringing")
    centre.answer(tom)
    await centre.until(lambda: tom.call == "talking")
    zhang.hang_up()
    await centre.until(lambda: centre.of(zhang, ev.CallEnded))
    with pytest.raises(Refused, match="not_journalled"):
        await lina.do("agent.not_ready", reason="break")
    assert lina.closed_with is None
    with pytest.raises(OSError, match="accounts and sessions"):
        await centre.service.accounts.all()
    own_postgres.again()
    await centre.until(lambda: "journal" not in centre.service.alarms.active)
    await centre.until(lambda: is_journal_locked(settings))
    other.hang_up()
    await centre.until(lambda: lina.state == tom.state == "WRAP_UP")
    await lina.do("agent.ready")
    await tom.do("agent.not_ready", reason="break")
    assert (lina.state, tom.state) == ("READY", "NOT_READY break")
    third = await centre.talking(lina)
    await centre.wait(2)  # said, and recorded
    third.hang_up()
    await centre.over(zhang, other, third)
    for caller in (zhang, other, third):
        await centre.until(lambda c=caller: centre.of(c, ev.RecordingAttached))  # type: ignore[misc]
        assert len(centre.of(caller, ev.TicketOpened)) == 1
    await centre.until(centre.is_all_journalled)
    assert await answer("journal", "--verify") == "the hash chain holds\n"
    assert centre.service.keeping.projections is not None
    await centre.service.keeping.projections.catch_up()
    before = await calls_table(settings)
    await answer("journal", "--rebuild")
    assert await calls_table(settings) == before
    assert len(before) == 3


async def test_redis_goes_away_in_the_middle_and_comes_back(
    centre: ServedCentre, redis: servers.Redis
) -> None:
    another, heard = await listening(redis)
    since = len(centre.told)
    centre.expected_errors |= {"alarm"}
    lina = await centre.agent("lina")
    redis.stop()
    zhang = await centre.talking(lina, ani=ZHANG)
    await centre.until(lambda: "bus" in centre.service.alarms.active)
    assert centre.service.alarms.active["bus"].startswith("Redis does not answer")
    zhang.hang_up()
    await centre.over(zhang)
    await lina.do("agent.not_ready", reason="break")
    redis.begin()
    await centre.until(lambda: "bus" not in centre.service.alarms.active)
    await centre.until(lambda: heard[-1] == centre.told[-1])
    assert heard[since - len(centre.told) :] == centre.told[since:]
    await another.stop()
    changes = [(e.name, e.is_on) for e in centre.all(ev.AlarmChanged)]
    assert changes == [("bus", True), ("bus", False)]


@pytest.mark.parametrize("server", ["postgres", "redis"])
async def test_a_start_without_its_servers_is_refused_in_one_line(
    tmp_path: Path, server: str, redis: servers.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("RINGDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGDESK_HOME", str(tmp_path))
    for door in ("WEB__PORT", "PBX__SIP_PORT", "PBX__WS_PORT", "PBX__AMI_PORT", "PBX__AGI_PORT"):
        monkeypatch.setenv(f"RINGDESK_{door}", str(free_sip_port()))  # others may run here
    if server == "postgres":
        monkeypatch.setenv("RINGDESK_DATABASE__URL", f"postgresql://desk@/calls?host={tmp_path}")
        monkeypatch.setenv("RINGDESK_DATABASE__PASSWORD", "s3cret")
    else:
        redis.stop()
        monkeypatch.setenv("RINGDESK_BUS__URL", redis.url)
        monkeypatch.setenv("RINGDESK_BUS__PASSWORD", "s3cret")
    result = await ringdesk("up")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "does not answer" in line
    assert "s3cret" not in line
    assert line.endswith({"postgres": "(database.url)", "redis": "(bus.url)"}[server])
    if server == "postgres":
        for command in ("journal", "subject"):
            arguments = (command, "export", "1380013") if command == "subject" else (command,)
            result = await ringdesk(*arguments)
            assert (result.exit_code, result.stdout) == (1, "")
            assert "does not answer" in result.stderr


def test_the_demo_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from cti.cli.service import demo_settings

    monkeypatch.setenv("RINGDESK_DATABASE__URL", "postgresql://db/real")
    monkeypatch.setenv("RINGDESK_BUS__URL", "redis://cache/0")
    own = demo_settings(None)
    assert (own.database, own.bus) == (DatabaseSettings(), BusSettings())
