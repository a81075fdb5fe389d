"""``ringdesk pbx``: the private Asterisk's life."""

from __future__ import annotations

import json

import typer

from cti.cli import deployment
from cti.cli.app import AsJson, SettingsFile, app, say, settings_of, told_plainly

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
    process = deployment.pbx_process(settings_of(settings_file))
    print("Asterisk stopped" if process.stop() else "Asterisk was not running")


@pbx.command()
@told_plainly
def status(settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Tell whether it runs; exit status 1 when it doesn't."""
    current = deployment.pbx_process(settings_of(settings_file)).status()
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
