"""``ringdesk subject``: what is known of one person outside the house, exported, erased, or held against erasing."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cti.cli import deployment
from cti.cli.app import AsJson, SettingsFile, app, say, told_plainly
from cti.cli.service import current_settings
from cti.config import Settings
from cti.domain.errors import CommandRefused, ConfigError, InvalidValue
from cti.domain.ids import CallId, parse_call_id
from cti.domain.numbers import DialPlan
from cti.servers import has_run, open_database
from cti.storage.holds import Hold
from cti.subjects import Places, Subject, Subjects, as_text
from recorder.adapters.folder import FolderStore
from recorder.adapters.spool import FolderSpool

T = TypeVar("T")

Who = Annotated[
    str, typer.Argument(metavar="NUMBER_OR_CUSTOMER", help="A telephone number, or #12: a file.")
]
Held = Annotated[
    str,
    typer.Argument(
        metavar="NUMBER_OR_CUSTOMER_OR_CALL", help="A telephone number, #12: a file, or a call id."
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the hold.")]
subject_app = typer.Typer(
    help="Everything that is known of one person outside: export it, erase it, hold it.",
    no_args_is_help=True,
)
app.add_typer(subject_app, name="subject")

_WORDS = {
    "customers": ("customer's file", "customers' files"),
    "tickets": ("ticket's note", "tickets' notes"),
    "calls": ("call", "calls"),
    "recordings": ("recording", "recordings"),
    "fields": ("personal field of the journal", "personal fields of the journal"),
    "elsewhere": ("mention in files of others", "mentions in files of others"),
    "lines": ("mention in logs", "mentions in logs"),
}


@subject_app.command("export")
@told_plainly
def export_subject(who: Who, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Print everything about a person as one JSON document."""
    settings = _existing(settings_file)

    async def work(subjects: Subjects) -> dict[str, Any]:
        subject = await subjects.find(who)
        document = await subjects.export(subject, datetime.now(UTC))
        if not subject.is_known and not document["files"]:
            raise CommandRefused("unknown", "nothing is known of this person")
        return document

    print(as_text(_run(settings, work), is_short=as_json))


@subject_app.command("erase")
@told_plainly
def erase_subject(
    who: Who,
    is_sure: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person: files, names, numbers, notes, recordings, lines in logs. There is no way back."""
    settings = _existing(settings_file)

    async def work(subjects: Subjects) -> dict[str, int]:
        subject = await subjects.find(who)
        if not is_sure and not await asyncio.to_thread(typer.confirm, _question(subject), err=True):
            raise CommandRefused("not_confirmed", "nothing was erased")
        return await subjects.erase(subject, _me(), datetime.now(UTC))

    erased = _run(settings, work)
    if as_json:
        print(as_text(dict(erased), is_short=True))
    else:
        print(f"erased: {_told(erased)}")


@subject_app.command("hold")
@told_plainly
def hold_subject(
    held: Held, reason: Reason, settings_file: SettingsFile = None, as_json: AsJson = False
) -> None:
    """Put a legal hold on a person or on one call: nothing of it is erased until it is released."""
    settings = _existing(settings_file)

    async def work(subjects: Subjects) -> Hold:
        call_id = _call_id(held)
        what = call_id if call_id is not None else await subjects.find(held)
        return await subjects.hold(what, reason, _me(), datetime.now(UTC))

    hold = _run(settings, work)
    print(as_text(_plain(hold), is_short=True) if as_json else f"{hold}")


@subject_app.command("release")
@told_plainly
def release_hold(
    hold_id: Annotated[int, typer.Argument(metavar="HOLD", help="Its number.")],
    reason: Reason,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Lift a legal hold."""
    settings = _existing(settings_file)

    async def work(subjects: Subjects) -> Hold:
        return await subjects.release(hold_id, reason, _me(), datetime.now(UTC))

    hold = _run(settings, work)
    print(as_text(_plain(hold), is_short=True) if as_json else f"hold {hold.hold_id} is lifted")


@subject_app.command("holds")
@told_plainly
def list_holds(
    with_released: Annotated[
        bool, typer.Option("--all", help="Those that were lifted, too.")
    ] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """List the legal holds."""
    settings = _existing(settings_file)

    async def work(subjects: Subjects) -> list[Hold]:
        return await subjects.holds(with_released=with_released)

    for hold in _run(settings, work):
        if as_json:
            print(as_text(_plain(hold), is_short=True))
            continue
        on = hold.call_id or (f"#{hold.customer_id}" if hold.customer_id else "a number")
        lifted = (
            f"; lifted by {hold.released_by}: {hold.release_reason}" if hold.released_at else ""
        )
        print(f"{hold}; on {on}{lifted}")


def _call_id(text: str) -> CallId | None:
    try:
        return parse_call_id(text)
    except InvalidValue:
        return None


def _me() -> str:
    return f"console:{getpass.getuser()}"


def _plain(hold: Hold) -> dict[str, Any]:
    return {
        "hold_id": hold.hold_id,
        "customer_id": hold.customer_id,
        "call_id": hold.call_id,
        "numbers": list(hold.numbers),
        "reason": hold.reason,
        "set_by": hold.set_by,
        "set_at": hold.set_at.isoformat(),
        "released_by": hold.released_by,
        "released_at": hold.released_at.isoformat() if hold.released_at else None,
        "release_reason": hold.release_reason,
    }


def _question(subject: Subject) -> str:
    them = {
        "customers": len(subject.customers),
        "calls": len(subject.call_ids),
        "fields": len(subject.fields),
    }
    return f"Erase {_told(them)}, with tickets' notes and recordings, for good?"


def _told(counts: dict[str, int]) -> str:
    parts = [f"{n} {_WORDS[kind][n != 1]}" for kind, n in counts.items() if n]
    return ", ".join(parts) if parts else "nothing was left of this person"


def _existing(settings_file: Path | None) -> Settings:
    settings = current_settings(settings_file)
    if not has_run(settings):
        raise ConfigError(f"there is nothing in {settings.home}: nothing has run there yet")
    return settings


def _run(settings: Settings, work: Callable[[Subjects], Awaitable[T]]) -> T:
    async def run() -> T:
        company_file = settings.company_file or settings.home / "company.yaml"
        extensions = frozenset[str]()
        if company_file.exists():
            company = deployment.company_of(settings)
            extensions = frozenset(person.extension for person in company.people)
        database = await open_database(settings)
        try:
            return await work(
                Subjects(
                    database,
                    DialPlan(settings.country, settings.area_code, extensions),
                    FolderStore(settings.recordings_dir),
                    FolderSpool(settings.spool_dir),
                    Places(_text_files(settings), company_file),
                )
            )
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except OSError as exc:
        say("ringdesk: this could not be finished, run it again")
        raise ConfigError(str(exc)) from exc


def _text_files(settings: Settings) -> tuple[Path, ...]:
    """Where Asterisk and our own service write text; and companies that were in use, whose lists may name customers."""
    logs = sorted(settings.home.glob("*.log*")) if settings.home.is_dir() else []
    return (settings.asterisk_dir / "log", settings.versions_dir, *logs)
