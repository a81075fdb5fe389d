"""One Asterisk for all tests of this folder; each test finds it clean and must leave it clean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from asterisk_conf.pjsua2_cache import find_site
from tests.asterisk import fault_table
from tests.asterisk.live import Live
from tests.asterisk.pbx import Pbx
from tests.asterisk.scene import Scene, is_quiet, scene
from tests.asterisk.shapes import Centre, centre, swept
from tests.until import until


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the fault table, where faults were tested."""
    if text := fault_table.summary():
        terminalreporter.section("faults")
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def pbx_of_session() -> Iterator[Pbx]:
    """The Asterisk of this session; tests use ``pbx``."""
    with Pbx.started() as pbx:
        pbx.show_more()
        yield pbx


@pytest.fixture
def pbx(pbx_of_session: Pbx) -> Iterator[Pbx]:
    """A running Asterisk without calls; fails the test that leaves a call behind."""
    pbx_of_session.assert_clean(timeout=1.0)
    yield pbx_of_session
    try:
        pbx_of_session.assert_clean(timeout=6.0)
    finally:
        if pbx_of_session.leftovers():
            # The next test shall not suffer for it.
            pbx_of_session.process.rx("channel request hangup all")
        pbx_of_session.reset()


@pytest.fixture(scope="session")
def site() -> Path:
    """The pjsua2 of this Python."""
    found = find_site()
    assert found is not None, "pjsua2 is not built for this Python: run `make pjsua2`"
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def stage(product: Live) -> AsyncIterator[Scene]:
    """The people of a module's own ``product``; nobody may be left in Asterisk at the end."""
    async with scene(product) as running:
        yield running
        await until(lambda: is_quiet(product), 10)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live_centre() -> AsyncIterator[Centre]:
    """The people, phones and callers of a module of shapes; tests use ``at``."""
    async with centre() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def at(live_centre: Centre) -> AsyncIterator[Centre]:
    """The same, without calls; a test that fails leaves none to the next one."""
    async with swept(live_centre) as running:
        yield running
