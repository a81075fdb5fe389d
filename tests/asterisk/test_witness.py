"""Asterisk's own records of real calls against the journal: nothing differs; and what is broken on purpose is found."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from cti.cli import app
from cti.domain import events as ev
from cti.domain.ids import CallId
from cti.witness.files import WitnessFiles
from sip_sim.steps import LetRing, Ring
from tests.asterisk.live import Live, live
from tests.asterisk.scene import LINE, MENU, Scene, fault_company
from tests.asterisk.sipp import calling
from tests.asterisk.witness import look, no_difference
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]
AGENT, OTHER = "agent1", "agent2"
COMPANY = fault_company(2, ring_time=timedelta(seconds=2), wrap_up_time=timedelta(0))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(COMPANY, simulated=1) as running:
        yield running


@contextlib.asynccontextmanager
async def caller(stage: Scene, number: str = LINE) -> AsyncIterator[tuple[CallId, str, Any]]:
    ani = stage.number()
    async with calling(stage.product.pbx, number, ani=ani) as sipp:
        ids = await until(lambda: stage.call_ids(0, [ani]), 20)
        yield CallId(ids[ani]), ani, sipp


@pytest.mark.parametrize("number", [MENU, LINE], ids=["in the menu", "in the queue"])
async def test_who_hangs_up_before_anybody_answers(stage: Scene, number: str) -> None:
    began_at = datetime.now(UTC)
    kind = ev.MenuEntered if number == MENU else ev.CallEnqueued
    async with caller(stage, number) as (call_id, _, sipp):
        await stage.until_fact(kind, [call_id], 20)
        await sipp.hang_up()
    found = await no_difference(stage.product, began_at)
    assert (found.tally.calls, found.tally.legs) == (1, 1)


async def test_who_is_held_and_taken_back(stage: Scene) -> None:
    began_at = datetime.now(UTC)
    async with stage.phones(AGENT) as farm, caller(stage) as (_, _, sipp):
        desktop = farm.desktops[0]
        await desktop.until(lambda d: d.state == "TALKING" and d.call, 20)
        call_id = (desktop.call or {})["call_id"]
        await desktop.command("call.hold", call_id=call_id)
        await desktop.until(lambda d: d.call and d.call["state"] == "on_hold")
        await desktop.command("call.retrieve", call_id=call_id)
        await desktop.until(lambda d: d.call and d.call["state"] == "talking")
        await sipp.hang_up()
        await desktop.until(lambda d: d.state in ("READY", "WRAP_UP"), 15)
    found = await no_difference(stage.product, began_at)
    assert (found.tally.calls, found.tally.legs) == (1, 2)


async def test_whom_the_first_agent_lets_ring_and_the_second_takes(stage: Scene) -> None:
    began_at = datetime.now(UTC)
    async with contextlib.AsyncExitStack() as stack:
        odd = await stack.enter_async_context(stage.odd_phone(AGENT, Ring(), LetRing()))
        call_id, _, sipp = await stack.enter_async_context(caller(stage))
        await odd.until(lambda d: d.state == "NOT_READY", 20)
        farm = await stack.enter_async_context(stage.phones(OTHER))
        await farm.desktops[0].until(lambda d: d.state == "TALKING", 20)
        await stage.until_fact(ev.CallConnected, [call_id], 20)
        await sipp.hang_up()
        await farm.desktops[0].until(lambda d: d.state in ("READY", "WRAP_UP"), 15)
    found = await no_difference(stage.product, began_at)
    assert (found.tally.calls, found.tally.legs) == (1, 3)


async def test_a_call_that_goes_on_is_left_out_until_it_is_over(stage: Scene) -> None:
    began_at = datetime.now(UTC)
    async with caller(stage) as (call_id, _, sipp):
        await stage.until_fact(ev.CallEnqueued, [call_id], 20)
        found = await look(stage.product, began_at)
        assert (found.tally.live, found.tally.calls, found.differences) == (1, 0, [])
        await sipp.hang_up()
    await no_difference(stage.product, began_at)


async def test_files_are_put_aside_while_a_call_goes_on(stage: Scene) -> None:
    began_at = datetime.now(UTC)
    files = WitnessFiles(stage.product.settings.asterisk_dir / "log")
    async with caller(stage) as (call_id, _, sipp):
        await stage.until_fact(ev.CallEnqueued, [call_id], 20)
        before = files.current("cel").stat().st_ino
        files.put_aside(datetime.now(UTC))
        await sipp.hang_up()
    found = await no_difference(stage.product, began_at)
    assert (found.tally.calls, found.tally.before) == (1, 0)
    assert files.aside("cel")[-1][1].stat().st_ino == before
    assert files.current("cel").stat().st_ino != before


# ---- broken on purpose -------------------------------------------------------------------------


class Copy:
    """A copy of an installation's journal and of Asterisk's files, to be spoilt."""

    def __init__(self, product: Live, folder: Path) -> None:
        self.home = folder / "home"
        self.files = WitnessFiles(self.home / "asterisk/log")
        shutil.copytree(product.settings.asterisk_dir / "log", self.files.log_dir)
        shutil.copy(product.settings.home / "company.yaml", self.home)
        with (
            contextlib.closing(sqlite3.connect(product.settings.database_file)) as source,
            contextlib.closing(sqlite3.connect(self.home / "ringdesk.db")) as target,
        ):
            source.backup(target)
            for (name,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                target.execute(f"DROP TRIGGER {name}")
            target.commit()
        rows = f'home = "{self.home}"\ncache = "{product.settings.cache}"\n'
        (self.home / "ringdesk.toml").write_text(rows, encoding="utf-8")

    def rewrite(self, sql: str, *values: Any) -> None:
        """Spoil the journal."""
        with contextlib.closing(sqlite3.connect(self.home / "ringdesk.db")) as database:
            assert database.execute(sql, values).rowcount == 1
            database.commit()

    def newest(self, name: str) -> tuple[int, dict[str, Any]]:
        """The newest event of a kind: number and data."""
        with contextlib.closing(sqlite3.connect(self.home / "ringdesk.db")) as database:
            query = "SELECT sequence, data FROM journal WHERE name = ? ORDER BY sequence DESC"
            number, data = database.execute(query, (name,)).fetchone()
        return int(number), json.loads(data)

    async def reconcile(self) -> tuple[int, dict[str, Any]]:
        """What the command says of it: exit status and answer."""
        arguments = ["reconcile", "--json", "--settings", str(self.home / "ringdesk.toml")]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout or "{}")


async def test_what_is_broken_on_purpose_is_found(stage: Scene, tmp_path: Path) -> None:
    began_at = datetime.now(UTC)
    async with stage.phones(AGENT) as farm, caller(stage) as (call_id, _, sipp):
        await farm.desktops[0].until(lambda d: d.state == "TALKING", 20)
        await stage.until_fact(ev.CallConnected, [call_id], 20)
        await sipp.hang_up()
        await farm.desktops[0].until(lambda d: d.state in ("READY", "WRAP_UP"), 15)
    await no_difference(stage.product, began_at)
    until_settled = datetime.now(UTC) + timedelta(seconds=2)  # the command leaves out the newest
    await until(lambda: datetime.now(UTC) > until_settled)

    def copy(name: str) -> Copy:
        return Copy(stage.product, tmp_path / name)

    status, answer = await copy("whole").reconcile()
    assert (status, answer["differences"]) == (0, [])
    assert answer["compared"]["calls"] >= 1

    lost = copy("lost")
    lost.rewrite("DELETE FROM journal WHERE sequence = ?", lost.newest("CallConnected")[0])
    status, answer = await lost.reconcile()
    assert (status, [d["kind"] for d in answer["differences"]]) == (1, ["talk"])
    assert answer["differences"][0]["call_id"] == call_id

    wrong = copy("wrong")
    number, data = wrong.newest("LegEnded")
    data["at"] = (datetime.fromisoformat(data["at"]) - timedelta(seconds=5)).isoformat()
    wrong.rewrite("UPDATE journal SET data = ? WHERE sequence = ?", json.dumps(data), number)
    status, answer = await wrong.reconcile()
    ends = [d["leg_id"] for d in answer["differences"] if d["kind"] == "end"]
    assert (status, ends) == (1, [data["leg_id"]])

    phantom = copy("phantom")
    cel = phantom.files.current("cel")
    first = cel.read_text(encoding="utf-8").splitlines()[0].split('","')
    name, serial = "PJSIP/1199-0000ffff", f"{first[2].rpartition('.')[0]}.99999"
    row = f'"CHAN_START","{datetime.now(UTC).timestamp() - 9:.6f}","{serial}","{name}","rd-agents","",""\n'
    with cel.open("a", encoding="utf-8") as file:
        file.write(row)
    status, answer = await phantom.reconcile()
    assert (status, [d["kind"] for d in answer["differences"]]) == (1, ["unknown"])
    assert (answer["differences"][0]["name"], answer["differences"][0]["call_id"]) == (name, None)

    empty = copy("empty")
    shutil.rmtree(empty.files.log_dir)
    assert await empty.reconcile() == (2, {})
