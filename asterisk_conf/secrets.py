"""The secrets that Asterisk, the service and the phones share: made once, kept in one file.

``secrets.json`` (mode 0600) maps a name to a secret: ``ami:ringdesk`` for the service's AMI account,
``endpoint:<name>`` for each phone, ``token:command`` for our own commands to the running service,
``token:metrics`` for Prometheus. Missing ones are made, existing ones never change, so a rendering
may be repeated at any time. Nothing here is ever logged; `Secrets` hides its values in ``repr`` too.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from cti.company import Company
from cti.domain.errors import ConfigError
from cti.domain.ids import own_phone
from cti.private_file import write_private

AMI_USER = "ringdesk"
"""The service's account in ``manager.conf``."""

_AMI = f"ami:{AMI_USER}"
_COMMAND, _METRICS = "token:command", "token:metrics"
_BYTES = 24  # 32 characters of url-safe base64, 192 bits


class Secrets:
    """What ``secrets.json`` holds."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    @property
    def ami(self) -> str:
        """The secret of the service's AMI account."""
        return self._values[_AMI]

    @property
    def command_token(self) -> str:
        """By which our own commands speak with the running service; empty: they can't."""
        return self._values.get(_COMMAND, "")

    @property
    def metrics_token(self) -> str:
        """By which Prometheus reads ``/metrics``; empty: nobody can by a token."""
        return self._values.get(_METRICS, "")

    def endpoint(self, name: str) -> str:
        """Return the SIP secret of a phone, such as ``1001`` or ``1001w``.

        Raises:
            ConfigError: the phone is not of this company.
        """
        try:
            return self._values[f"endpoint:{name}"]
        except KeyError:
            raise ConfigError(
                f"no secret for phone {name}: render the configuration again"
            ) from None

    def __repr__(self) -> str:
        return f"<Secrets: {len(self._values)} values>"


def endpoint_names(company: Company) -> tuple[str, ...]:
    """Return the name of every phone: per person the desk phone, then the browser phone; then the shared ones."""
    own = [own_phone(p.extension, kind) for p in company.people for kind in ("desk", "browser")]
    return (*own, *(phone.extension for phone in company.desk_phones))


def load_or_make_secrets(path: Path, company: Company) -> Secrets:
    """Read ``path``, make what is missing for ``company``, write it back if anything was.

    Secrets of people who left are kept: who returns finds the phone working.

    Raises:
        ConfigError: the file can't be read or written, or isn't what this module writes.
    """
    values = _read(path)
    phones = (f"endpoint:{name}" for name in endpoint_names(company))
    missing = _missing(values, [_AMI, _COMMAND, _METRICS, *phones])
    if missing:
        values |= {name: secrets.token_urlsafe(_BYTES) for name in missing}
        _write(path, values)
    return Secrets(values)


def _missing(values: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return [name for name in names if name not in values]


def _read(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} can't be read: give its owner the right, or remove it") from exc
    try:
        values = json.loads(text)
    except ValueError as exc:
        # The parser's own message may quote the text, so it is not passed on.
        raise ConfigError(f"{path} is damaged: restore it, or remove it for new secrets") from exc
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise ConfigError(f"{path} must map names to texts: restore it, or remove it")
    return values


def _write(path: Path, values: Mapping[str, str]) -> None:
    try:
        write_private(path, json.dumps(dict(sorted(values.items())), indent=2) + "\n")
    except OSError as exc:
        raise ConfigError(f"{path} can't be written: {exc.strerror}") from exc
