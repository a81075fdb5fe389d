"""Rules for all tests: each module carries one category marker. And the servers that a run starts once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import hypothesis_profiles as hypothesis_profiles  # the profile counts from here on
from tests import servers

if TYPE_CHECKING:
    from cti.storage.database import Database

TESTS = Path(__file__).parent
CATEGORIES = {
    "unit",
    "contract",
    "acceptance",
    "asterisk",
    "browser",
    "architecture",
    "install",
}
NO_UNITS = {"asterisk", "browser", "contracts", "acceptance", "install"}
"""Folders that ``make unit`` doesn't look into."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that no `make` verb would ever run."""
    for item in items:
        names = {mark.name for mark in item.iter_markers()} & CATEGORIES
        if len(names) != 1:
            raise pytest.UsageError(
                f"{item.nodeid}: give the module exactly one of these markers: "
                f"{', '.join(sorted(CATEGORIES))} (it has: {', '.join(sorted(names)) or 'none'})"
            )
        if "unit" in names and item.path.relative_to(TESTS).parts[0] in NO_UNITS:
            raise pytest.UsageError(f"{item.nodeid}: `make unit` doesn't look here for unit tests")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Postgres]:
    """A real PostgreSQL, started by the first test that asks for it."""
    with servers.postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind that an installation may have, with all tables, empty."""
    if request.param == "sqlite":
        return servers.sqlite_url(tmp_path)
    server: servers.Postgres = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, open."""
    from cti.storage.database import Database  # not for those who only test the core

    database = Database(database_url)
    yield database
    await database.close()
