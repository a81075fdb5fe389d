"""``ringdesk apply``, ``export``: the whole company from and to YAML.

A running service takes the document itself, without a restart; where none runs it is checked and put in place for the next
start. The commands speak with the service of their own installation, on this machine, by a token of its secrets.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from acd.wiring import configure as acd_configuration
from asterisk_conf.secrets import load_or_make_secrets
from cti.applying import Applied, staff_of
from cti.builtin import with_simulators
from cti.cli.app import AsJson, SettingsFile, app, say, told_plainly
from cti.cli.service import current_settings, is_running, place_of
from cti.company import Company, parse_company
from cti.company_site import answer_of
from cti.company_text import Versions, differences, digest_of, text_of
from cti.config import Settings
from cti.domain.errors import CommandRefused, ConfigError
from cti.private_file import write_private
from ivr.check import check_company

_TIMEOUT_S = 180.0  # prompts may have to be spoken

Version = Annotated[
    str, typer.Option("--version", help="An older one, by the first digits of its hash.")
]


@app.command()
@told_plainly
def export(
    settings_file: SettingsFile = None,
    version: Version = "",
    versions: Annotated[
        bool, typer.Option("--versions", help="List those that were in use.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the whole company as YAML."""
    settings = current_settings(settings_file)
    kept = Versions(settings.versions_dir)
    if versions:
        found = [{"at": v.at.isoformat(), "digest": v.digest} for v in kept.all()]
        print(
            json.dumps(found) if as_json else "\n".join(f"{v['at']}  {v['digest']}" for v in found)
        )
        return
    company = parse_company(kept.text(version), "version") if version else present(settings)
    if as_json:
        print(
            json.dumps(company.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)
        )
    else:
        print(text_of(company), end="")


@app.command()
@told_plainly
def apply(
    file: Annotated[Path, typer.Argument(help="The company document; - for standard input.")],
    settings_file: SettingsFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take another company, without a restart; applying the same one again changes nothing."""
    settings = current_settings(settings_file)
    text = read_document(file)
    company = parse_company(text, str(file))  # errors name the file
    if is_running(settings):
        answer = _send(settings, text, dry_run=dry_run)
    else:
        answer = answer_of(_put(settings, company, dry_run=dry_run)).model_dump()
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
        return
    for change in answer["changes"]:
        print(f"{change['key']}: {_shown(change['old'])} -> {_shown(change['new'])}")
    for note in answer["notes"]:
        say(note)
    if not answer["changes"]:
        say("nothing to change")
    elif dry_run:
        say(f"{len(answer['changes'])} changes; nothing was done")
    else:
        say(f"{len(answer['changes'])} changes; the company is now {answer['digest'][:12]}")


def read_document(file: Path) -> str:
    """The document's text.

    Raises:
        ConfigError: it can't be read.
    """
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise ConfigError(f"company file {file}: it is not UTF-8 text") from exc
    except OSError as exc:
        raise ConfigError(f"company file {file}: {exc.strerror}") from exc


def company_file(settings: Settings) -> Path:
    """Where the installation's company lies."""
    return settings.company_file or settings.home / "company.yaml"


def present(settings: Settings) -> Company:
    """The company as it is on disk, which is the one in use.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    return parse_company(read_document(company_file(settings)), str(company_file(settings)))


def _put(settings: Settings, company: Company, *, dry_run: bool) -> Applied:
    """Put a document in place for the next start."""
    whole = with_simulators(company, settings.simulated_agents)
    check_company(whole)
    acd_configuration(whole, staff_of([], whole).people)
    file, versions = company_file(settings), Versions(settings.versions_dir)
    old = present(settings) if file.is_file() else None
    changes = differences(old, company) if old is not None else []
    is_new = old is None or bool(changes)
    done = Applied(
        digest_of(company), changes, ["the service doesn't run: this counts from its start"]
    )
    if is_new and not dry_run:
        try:
            if old is not None:
                versions.keep(old, datetime.fromtimestamp(file.stat().st_mtime, UTC))
            write_private(file, text_of(company))
        except OSError as exc:
            raise ConfigError(f"{file} can't be written: {exc.strerror}") from exc
    return done


def _send(settings: Settings, text: str, *, dry_run: bool) -> dict[str, Any]:
    secrets = load_or_make_secrets(settings.secrets_file, present(settings))
    query = "?dry_run=true" if dry_run else ""
    request = urllib.request.Request(  # noqa: S310 - our own service
        f"{place_of(settings).web}/api/v1/company{query}",
        data=text.encode(),
        method="PUT",
        headers={
            "Content-Type": "application/yaml",
            "If-Match": "*",
            "Authorization": f"Bearer {secrets.command_token}",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            known: dict[str, Any] = json.load(answer)
            return known
    except urllib.error.HTTPError as exc:
        try:
            error = json.load(exc)["error"]
        except (ValueError, KeyError, TypeError):
            raise ConfigError(f"the service answers {exc.code}") from exc
        raise CommandRefused(error["id"], error["message"]) from exc
    except OSError as exc:
        raise ConfigError(f"the service does not answer: {exc}; try `ringdesk doctor`") from exc


def _shown(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)
