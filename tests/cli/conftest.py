"""An empty installation of its own for each test, and the commands called as a person calls them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cti.cli import app
from tests.cli.told import Ring


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty installation; no setting of the machine or of the checkout gets in."""
    for name in [name for name in os.environ if name.startswith("RINGDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RINGDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RINGDESK_CACHE", str(tmp_path / "cache"))
    for name in ("WEB__PORT", "PBX__AGI_PORT"):
        with socket.create_server(("127.0.0.1", 0)) as free:
            monkeypatch.setenv(f"RINGDESK_{name}", str(free.getsockname()[1]))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def ringdesk(home: Path) -> Ring:
    """Call a command; whatever is not an exit status fails the test."""

    def ring(*arguments: str) -> Result:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return ring
