"""``ringdesk pbx``: the private Asterisk's life.

``stop`` and ``status`` speak of the demo's Asterisk while that one runs, else of the installation's.
"""

from __future__ import annotations

import json
from pathlib import Path

import typer

from asterisk_conf.process import AsteriskProcess
from cti.cli import deployment
from cti.cli.app import AsJson, SettingsFile, app, say, settings_of, told_plainly
from cti.cli.service import demo_settings

pbx = typer.Typer(help="Asterisk: install, start, stop, status.", no_args_is_help=True)
app.add_typer(pbx, name="pbx")


@pbx.command()
@told_plainly
def install(settings_file: SettingsFile = None) -> None:
    """Download and unpack the private Asterisk (no root needed)."""
    settings = settings_of(settings_file)
    found = deployment.find_or_install(settings, say)
    print(f"Asterisk {found.version} in {found.root}")


@pbx.command()
@told_plainly
def start(settings_file: SettingsFile = None) -> None:
    """Start it, or find it running and load what changed."""
    settings = settings_of(settings_file)
    deployment.start_pbx(deployment.prepare(settings, say), say)


@pbx.command()
@told_plainly
def stop(settings_file: SettingsFile = None) -> None:
    """Stop it; live calls end."""
    process = _process(settings_file)
    print("Asterisk stopped" if process.stop() else "Asterisk was not running")


@pbx.command()
@told_plainly
def status(settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Tell whether it runs; exit status 1 when it doesn't."""
    current = _process(settings_file).status()
    if as_json:
        answer: dict[str, object] = {"running": current is not None}
        if current is not None:
            answer |= {
                "pid": current.pid,
                "version": current.version,
                "uptime_s": current.uptime_time.total_seconds(),
                "channels": current.channels,
                "calls": current.calls,
            }
        print(json.dumps(answer))
    elif current is None:
        print("Asterisk is not running: start it with `ringdesk pbx start`")
    else:
        print(
            f"Asterisk {current.version} runs since {current.uptime_time} (process {current.pid}), "
            f"{current.channels} channels, {current.calls} calls"
        )
    if current is None:
        raise typer.Exit(1)


def _process(file: Path | None) -> AsteriskProcess:
    trial = deployment.pbx_process(demo_settings(file))
    return trial if trial.is_running() else deployment.pbx_process(settings_of(file))
