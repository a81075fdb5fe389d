"""``ringdesk doctor``: what is wrong with this installation, in words, and how to mend it."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import typer

from cti.cli import deployment
from cti.cli.app import AsJson, SettingsFile, app, told_plainly
from cti.cli.service import current_settings, is_running, place_of
from cti.config import Settings
from cti.domain.diagnosis import Diagnosis
from cti.domain.errors import ConfigError, RingdeskError
from cti.servers import inspect_bus, inspect_database


@app.command()
@told_plainly
def doctor(settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Say in words what is wrong and how to mend it."""
    settings = current_settings(settings_file)
    found = list(_diagnoses(settings))
    if as_json:
        rows = [{"name": d.what, "ok": not d.problem, "remedy": d.problem} for d in found]
        print(json.dumps(rows, ensure_ascii=False))
    else:
        for d in found:
            print(f"FAIL {d.what}: {d.problem}" if d.problem else f"ok   {d.what}")
    if any(d.problem for d in found):
        raise typer.Exit(1)


def _diagnoses(settings: Settings) -> Iterator[Diagnosis]:
    for what, look in _looks(settings):
        yield Diagnosis(what, _problem(look))
    for what, inspect in (("PostgreSQL answers", inspect_database), ("Redis answers", inspect_bus)):
        try:
            yield from asyncio.run(inspect(settings))
        except RingdeskError as exc:
            yield Diagnosis(what, str(exc))


def _looks(settings: Settings) -> list[tuple[str, Callable[[], object]]]:
    """What the doctor looks at; each raises the word for what is wrong."""
    return [
        ("programs", deployment.check_programs),
        ("state folder", lambda: deployment.check_room(settings.home)),
        ("company file", lambda: deployment.company_of(settings)),
        ("Asterisk installed", lambda: deployment.find_install(settings)),
        ("Asterisk runs", lambda: _pbx_runs(settings)),
        ("service runs", lambda: _service_runs(settings)),
        ("service is well", lambda: _service_is_well(settings)),
        ("recordings wait to be encoded", lambda: _spool_is_small(settings)),
    ]


def _problem(look: Callable[[], object]) -> str:
    try:
        look()
    except RingdeskError as exc:
        return str(exc)
    return ""


def _pbx_runs(settings: Settings) -> None:
    if deployment.pbx_process(settings).status() is None:
        raise ConfigError("it is not running: `ringdesk pbx start`")


def _service_runs(settings: Settings) -> None:
    if is_running(settings) is None:
        raise ConfigError("it is not running: `ringdesk up`, or `ringdesk demo` to try it")


def _service_is_well(settings: Settings) -> None:
    address = f"{place_of(settings).web}/api/v1/health"
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own address
            return
    except urllib.error.HTTPError as exc:
        parts = json.loads(exc.read() or b"{}").get("parts", {})
        bad = ", ".join(name for name, is_well in parts.items() if not is_well)
        raise ConfigError(f"{bad or 'something'} is down; see the service's log") from exc
    except OSError as exc:
        raise ConfigError(f"{address} does not answer") from exc


def _spool_is_small(settings: Settings) -> None:
    if not settings.spool_dir.exists():
        return
    raw = list(settings.spool_dir.glob("*.raw"))
    size = sum(file.stat().st_size for file in raw)
    if size > shutil.disk_usage(settings.home).free / 2:
        raise ConfigError(f"{len(raw)} raw recordings take {size // 2**20} MB: is ffmpeg slow?")
