"""The console script: options common to all commands, and how an error is told.

Whatever a person can mend comes as one line on standard error and exit status 1; only our own
mistakes show a traceback.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from cti.config import Settings, load_settings
from cti.domain.errors import ConfigError, RingdeskError

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    name="ringdesk",
    help="A telephone call centre on Asterisk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file (default: ./ringdesk.toml)")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

Picture = Annotated[Path | None, typer.Option("--plot", help="Write the picture (SVG) here.")]


def see_that_it_can_be_drawn(picture: Path | None) -> None:
    """Told before anything is simulated.

    Raises:
        ConfigError: there is no folder to write it into.
    """
    if picture is not None and not picture.parent.is_dir():
        raise ConfigError(f"plot: there is no folder {picture.parent}; make it, or write elsewhere")


def say(text: str) -> None:
    """Tell the person at the terminal; standard error, so that ``--json`` stays clean."""
    print(text, file=sys.stderr, flush=True)


def told_plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an error that a person can mend into one line and exit status 1."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except RingdeskError as exc:
            say(f"ringdesk: {exc}")
            raise typer.Exit(1) from exc

    return wrapper


def settings_of(file: Path | None) -> Settings:
    """The settings of this call."""
    return load_settings(file)


def _tell_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"ringdesk {metadata.version('ringdesk')}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """A telephone call centre on Asterisk."""
