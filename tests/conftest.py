"""Rules for all tests: each module carries one category marker."""

from __future__ import annotations

from pathlib import Path

import pytest

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
