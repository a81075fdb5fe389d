"""A centre for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.centre import Centre, running
from tests.acceptance.figures_check import check_figures


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    async with running(tmp_path) as opened:
        yield opened
        check_figures(page.event for page in opened.pages)
