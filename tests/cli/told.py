"""What a command told."""

from __future__ import annotations

from collections.abc import Callable

from typer.testing import Result

Ring = Callable[..., Result]


def refusal(result: Result) -> str:
    """The one line of a command that could not be done."""
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("ringdesk: ")
    return line.removeprefix("ringdesk: ")
