"""Write Asterisk's configuration: one readable file per module, from settings, company and secrets.

Templates are in ``templates/``, one per file in ``<home>/asterisk/etc``. Rendering is idempotent: a file
is replaced (atomically, mode 0600) only when its text changed, and the names of changed files are
returned, so that the caller loads just these again (`reload_commands`).

Every value that is put into a template passes one gate (`checked`): whatever could end a line, begin a
comment or mean something to the dialplan's parser is refused with a `ConfigError`. People's names are
never written here at all; phones are named by extension.

The installation itself may be shared by several deployments, so nothing is written into it: the data
folder is an overlay of links to its parts, with our own prompts (``sounds/<language>/ringdesk``) added.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from asterisk_conf.fallback_lines import fallback_lines
from asterisk_conf.installer import AsteriskInstall
from asterisk_conf.modules import allow_list, has_quick_records
from asterisk_conf.music import music_dir
from asterisk_conf.queue_music import queue_music
from asterisk_conf.secrets import AMI_USER, Secrets
from cti.builtin import is_simulated
from cti.builtin_flows import flows_of
from cti.company import Company
from cti.config import Settings
from cti.domain.errors import ConfigError
from cti.domain.ids import own_phone

LANGUAGES = ("en", "zh")

EVENTS = (
    "UserEvent", "Hangup", "HangupRequest", "DialBegin", "DialState", "DialEnd",
    "BridgeEnter", "BridgeLeave", "Hold", "Unhold", "BlindTransfer", "AttendedTransfer",
    "DeviceStateChange", "OriginateResponse", "MixMonitorStart", "MixMonitorStop", "MixMonitorMute",
    "QueueCallerJoin", "QueueCallerLeave", "AgentConnect", "AgentCalled",
)  # fmt: skip
"""The AMI events that the service asks for (docs/dialplan.md)."""

CHANNEL_VARIABLES = ("RD_REF",)
"""The variables that every channel event carries, and each costs bytes on each.

Only a phone that the service itself calls is known by no more than that; a snapshot asks for what it needs.
"""

_RELOADS = {
    "extensions.conf": "dialplan reload",
    "pjsip.conf": "module reload res_pjsip.so",
    "queues.conf": "queue reload all",
    "manager.conf": "manager reload",
    "musiconhold.conf": "moh reload",
    "logger.conf": "logger reload",
    "pjsip_notify.conf": "module reload res_pjsip_notify.so",
    "http.conf": "module reload http",
    "rtp.conf": "module reload res_rtp_asterisk.so",
    "indications.conf": "module reload indications",
    "features.conf": "module reload features",
    "cdr.conf": "module reload cdr",
    "cdr_custom.conf": "module reload cdr_custom.so",
    "cel.conf": "module reload cel",
    "cel_custom.conf": "module reload cel_custom.so",
}
_FOLDERS = (
    "etc", "run", "log", "log/cdr-custom", "log/cel-custom", "spool", "spool/tmp",
    "var", "var/agi-bin", "var/keys",
)  # fmt: skip
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029;\"'`\\,$&|{}()\[\]<>^]")


def render(
    settings: Settings, company: Company, secrets: Secrets, install: AsteriskInstall
) -> tuple[str, ...]:
    """Bring ``settings.asterisk_dir`` up to date; return the names of the files that changed.

    Raises:
        ConfigError: a value that must not stand in a configuration, a missing module, no right to
            write; names the place.
    """
    try:
        return _render(settings, company, secrets, install)
    except OSError as exc:
        raise ConfigError(f"{exc.filename} can't be written: {exc.strerror}") from exc


def reload_commands(changed: Iterable[str]) -> tuple[str, ...] | None:
    """Return the control commands that load ``changed`` files again; None: only a restart does.

    Doors (ports, transports, loaded modules, folders) are opened at the start of Asterisk alone.
    """
    names = sorted(changed)
    if any(name not in _RELOADS for name in names):
        return None
    return tuple(_RELOADS[name] for name in names)


def checked(value: object) -> str:
    """Return ``value`` as text if it can stand in a configuration file as it is.

    Raises:
        ConfigError: it holds a line break, quote, comment sign or a sign of the dialplan's syntax.
    """
    if value is None or isinstance(value, bool):
        raise ConfigError(f"a configuration value is {value}: this is a fault in a template")
    text = str(value)
    found = _FORBIDDEN.search(text)
    if found:
        raise ConfigError(
            f"a value for Asterisk's configuration contains {found.group()!r}, which it would "
            "misread: change the setting, or choose a folder without such signs in its path"
        )
    return text


def has_named_filters(version: tuple[int, ...]) -> bool:
    """Tell whether this Asterisk knows ``eventfilter(name(X))``: 20.11, 21.6, 22.1 and newer."""
    if version >= (22,):
        return version >= (22, 1)
    return (20, 11) <= version < (21,) or version >= (21, 6)


def _render(
    settings: Settings, company: Company, secrets: Secrets, install: AsteriskInstall
) -> tuple[str, ...]:
    home = settings.asterisk_dir.absolute()
    for name in _FOLDERS:
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.spool_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    _overlay(home / "data", settings, install)
    templates = _templates()
    facts = _facts(settings, company, secrets, install, home)
    changed = []
    for template in sorted(templates.list_templates(extensions=["j2"])):
        name = template.removesuffix(".j2")
        text = templates.get_template(template).render(facts)
        if _write_if_changed(home / "etc" / name, text):
            changed.append(name)
    return tuple(changed)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("asterisk_conf"),
        undefined=StrictUndefined,
        finalize=checked,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML; `checked` is the gate
    )


def _facts(
    settings: Settings, company: Company, secrets: Secrets, install: AsteriskInstall, home: Path
) -> dict[str, Any]:
    required, optional = allow_list(install.module_dir)
    music = music_dir(install.moh_dir, settings.cache).absolute()
    return {
        "pbx": settings.pbx,
        "is_ipv6": ":" in settings.pbx.bind,
        "is_loopback": settings.pbx.bind.startswith("127.") or settings.pbx.bind == "::1",
        "home": home,
        "module_dir": install.module_dir,
        "spool_dir": settings.spool_dir.absolute(),
        "music_dir": music,
        "queue_music": {
            queue.name: queue_music(
                settings.music_dir.absolute() / queue.music, home / "music" / queue.music
            )
            if queue.music
            else music
            for queue in company.queues
        },
        "country": settings.country.lower(),
        "required_modules": required,
        "optional_modules": optional,
        "people": [
            {
                "extension": person.extension,
                "language": person.language,
                "is_simulated": is_simulated(person.login),
                "is_single": not company.waits_for(person),
                "desk_secret": secrets.endpoint(person.extension),
                "browser_secret": secrets.endpoint(own_phone(person.extension, "browser")),
            }
            for person in company.people
        ],
        "desk_phones": [
            {
                "extension": phone.extension,
                "language": phone.language,
                "desk_secret": secrets.endpoint(phone.extension),
            }
            for phone in company.desk_phones
        ],
        **_remote(company),
        "queues": company.queues,
        "has_manners": any(not queue.manner.is_plain for queue in company.queues),
        "numbers": company.numbers,
        "fallback_lines": fallback_lines(company),
        **_menus(company),
        "outbound": company.outbound,
        "has_own_carrier": _is_elsewhere(company),
        "back_seconds": max(1, round(company.back_time.total_seconds())),
        "park_seconds": max(1, round(company.park_time.total_seconds())),
        "ami_user": AMI_USER,
        "ami_secret": secrets.ami,
        "events": EVENTS,
        "channel_variables": CHANNEL_VARIABLES,
        "has_named_filters": has_named_filters(install.version_numbers),
        "has_quick_records": has_quick_records(install.module_dir),
    }


def _menus(company: Company) -> dict[str, Any]:
    """Flows by name, and menus from which a caller comes back to his agent."""
    return {
        "flows": [flow.name for flow in flows_of(company)],
        "call_menus": [menu.name for menu in company.call_menus if menu.comes_back],
    }


def _remote(company: Company) -> dict[str, Any]:
    """Who may take calls at a phone outside, and whose queues' calls they are."""
    people = [person for person in company.people if person.outside_phone is not None]
    return {
        "remote_phones": [
            {"extension": person.extension, "language": person.language} for person in people
        ],
        "remote_queues": {queue for person in people for queue in person.queues},
    }


def _is_elsewhere(company: Company) -> bool:
    """Whether calls of the outbound trunk's carrier can be known by its address.

    The simulated one is on this machine, whose callers come by the demonstration's trunk.
    """
    if company.outbound is None:
        return False
    return not re.match(r"127\.|localhost\b", company.outbound.address)


def _overlay(data: Path, settings: Settings, install: AsteriskInstall) -> None:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    _link(data / "documentation", install.data_dir / "documentation")
    for language in LANGUAGES:
        ours = settings.sounds_dir.absolute() / language
        ours.mkdir(parents=True, exist_ok=True)
        folder = data / "sounds" / language
        folder.mkdir(parents=True, exist_ok=True)
        _link(folder / "ringdesk", ours)
        source = (install.sounds_dir / language).resolve()
        wanted = {entry.name for entry in source.iterdir()} if source.is_dir() else set()
        for name in wanted:
            _link(folder / name, source / name)
        for entry in folder.iterdir():
            # What an older installation brought; never a file that somebody put here.
            if entry.is_symlink() and entry.name not in wanted | {"ringdesk"}:
                entry.unlink()


def _link(link: Path, target: Path) -> None:
    if link.is_symlink():
        if link.readlink() == target:
            return
        link.unlink()
    if not link.exists():
        link.symlink_to(target)


def _write_if_changed(path: Path, text: str) -> bool:
    try:
        if path.read_text(encoding="utf-8") == text:
            return False
    except FileNotFoundError:
        pass
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as file:
        part = Path(file.name)  # mode 0600: secrets stand in some of these files
        try:
            file.write(text)
        except BaseException:
            part.unlink()
            raise
    part.replace(path)
    return True
