"""A company as text: one canonical form, its hash, what differs between two, and the versions that were in use.

The canonical form is YAML without what is a default, so two files that describe the same company have the same hash, and
applying one twice changes nothing. Versions lie in ``<home>/company-versions``, one file each, named by time and hash; a
folder that only its owner reads, since people's names stand in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from cti.company import Company
from cti.domain.errors import CommandRefused
from cti.private_file import write_private

DIGITS = 12
"""Of a hash, in a version's name."""
_NAMED_BY = ("login", "dnis", "number", "name")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two companies differ; None: it isn't there."""

    key: str
    old: Any
    new: Any


def document_of(company: Company) -> dict[str, Any]:
    """The company as plain values, without what is a default; each part begins with its name."""
    document: dict[str, Any] = _named_first(company.model_dump(mode="json", exclude_defaults=True))
    return document


def _named_first(value: Any) -> Any:
    if isinstance(value, list):
        return [_named_first(item) for item in value]
    if not isinstance(value, dict):
        return value
    name = next((key for key in _NAMED_BY if key in value), None)
    keys = [name, *(key for key in value if key != name)] if name is not None else value
    return {key: _named_first(value[key]) for key in keys}


def text_of(company: Company) -> str:
    """The company in canonical form."""
    return yaml.safe_dump(document_of(company), sort_keys=False, allow_unicode=True, width=100)


def digest_of(company: Company) -> str:
    """The hash of the canonical form."""
    return hashlib.sha256(text_of(company).encode()).hexdigest()


def differences(old: Company, new: Company) -> list[Difference]:
    """Where two companies differ; people, queues and the like are found by their names, not by their places."""
    return list(_differences("", document_of(old), document_of(new)))


def _differences(key: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, list) and isinstance(new, list):
        named_old, named_new = _by_name(old), _by_name(new)
        if named_old is not None and named_new is not None:
            yield from _differences(key, named_old, named_new)
            if list(named_old) != list(named_new) and set(named_old) == set(named_new):
                yield Difference(key, list(named_old), list(named_new))
            return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(n for n in new if n not in old)]:
            place = f"{key}.{name}" if key else str(name)
            if old.get(name) != new.get(name) or (name in old) != (name in new):
                yield from _differences(place, old.get(name), new.get(name))
        # Of things that have names the order may count: whoever is first is asked first.
        return
    if old != new:
        yield Difference(key, old, new)


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    named = {}
    for item in items:
        name = (
            next((item[k] for k in _NAMED_BY if k in item), None)
            if isinstance(item, dict)
            else None
        )
        if name is None or str(name) in named:
            return None
        named[str(name)] = item
    return named


@dataclass(frozen=True, slots=True)
class Version:
    """A document that was in use from an instant on."""

    at: datetime
    digest: str  # its first digits
    path: Path


class Versions:
    """The documents that were in use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[Version]:
        """All of them, the newest first."""
        found = []
        for path in self._folder.glob("*.yaml") if self._folder.is_dir() else ():
            stamp, _, digest = path.stem.partition("-")
            try:
                at = datetime.strptime(stamp, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
            except ValueError:
                continue  # somebody's own file
            found.append(Version(at, digest, path))
        return sorted(found, key=lambda version: version.at, reverse=True)

    def keep(self, company: Company, at: datetime) -> None:
        """Keep a document, unless it is the newest already; it is the newest then, whatever the clock says.

        Raises:
            OSError: the folder can't be written.
        """
        digest = digest_of(company)[:DIGITS]
        newest = next(iter(self.all()), None)
        if newest is not None and newest.digest == digest:
            return
        if newest is not None:
            at = max(at, newest.at + timedelta(microseconds=1))
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._folder / f"{at:%Y%m%dT%H%M%S%f}Z-{digest}.yaml", text_of(company))

    def text(self, digest: str) -> str:
        """The newest document whose hash begins so.

        Raises:
            CommandRefused: there is none (``no_such_version``).
        """
        for version in self.all():
            if len(digest) >= 4 and version.digest.startswith(digest[:DIGITS]):
                return version.path.read_text(encoding="utf-8")
        raise CommandRefused(
            "no_such_version", "There is no version of this hash; list them first."
        )
