"""The whole product on PostgreSQL and Redis: a call from dial tone to ticket, a kill, another call, and every command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from cti.builtin import SIM_NUMBER, sim_login
from cti.domain import events as ev
from sip_sim import selftest
from sip_sim.selftest import Check
from tests import servers
from tests.asterisk.live import Live, live
from tests.asterisk.scene import fault_company
from tests.asterisk.witness import no_difference

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def redis() -> Iterator[servers.Redis]:
    with servers.redis() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(postgres_server: servers.Postgres, redis: servers.Redis) -> AsyncIterator[Live]:
    url = postgres_server.new_database()
    async with live(fault_company(1), simulated=1, database_url=url, bus_url=redis.url) as running:
        yield running


async def ringdesk(product: Live, *arguments: str) -> str:
    """What a command that did well printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cti", *arguments),
        *("--settings", str(product.settings.home / "ringdesk.toml")),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if not k.startswith("RINGDESK_")},
    )
    out, err = await process.communicate()
    assert process.returncode == 0, f"{arguments}: {out.decode()} {err.decode()}"
    return out.decode()


async def calls_well(product: Live) -> None:
    """A call from dial tone to ticket."""
    checks: list[Check] = []
    report = await selftest.run(
        product.place, product.agent(sim_login(0)), SIM_NUMBER, product, checks.append
    )
    assert report.is_ok, f"{report.as_json()}\n{product.log_text()}"


async def test_from_dial_tone_to_ticket_through_a_kill_to_the_last_command(product: Live) -> None:
    await calls_well(product)
    await product.stop(signal.SIGKILL)
    await product.start()
    await calls_well(product)
    await no_difference(product)
    assert not product.settings.database_file.exists()

    offered = await product.events(ev.CallOffered)
    assert await ringdesk(product, "journal", "--verify") == "the hash chain holds\n"
    life = await ringdesk(product, "journal", offered[0].call_id)
    assert "TicketOpened" in life
    assert "answered;" in life
    assert await ringdesk(product, "journal", "--rebuild")
    compared = json.loads(await ringdesk(product, "reconcile", "--json"))
    assert compared["differences"] == []
    assert compared["compared"]["calls"] == len(offered)
    assert {row["ok"] for row in json.loads(await ringdesk(product, "doctor", "--json"))} == {True}

    number = offered[0].ani
    exported = json.loads(await ringdesk(product, "subject", "export", number))
    assert offered[0].call_id in {call["call_id"] for call in exported["calls"]}
    erased = json.loads(await ringdesk(product, "subject", "erase", number, "--yes", "--json"))
    assert erased["recordings"] >= 1
    assert await product.wait_for(ev.SubjectErased)
    assert await ringdesk(product, "journal", "--verify") == "the hash chain holds\n"
    assert json.loads(await ringdesk(product, "reconcile", "--json"))["differences"] == []
