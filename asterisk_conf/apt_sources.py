"""Which package mirror this host uses, read from its own apt sources.

The project names no mirror: whoever runs the host has chosen one (near, mirrored inside the company,
or an archive snapshot), and the private Asterisk comes from there too. apt knows two formats, the
one-line ``sources.list`` and the deb822 ``*.sources`` (sources.list(5)); both are understood.

Debian ships Asterisk in testing and unstable only, so on Debian the host's mirror is asked for these
suites (``forky``, then ``sid``, so that a gap in one does not stop an installation). Ubuntu ships
Asterisk 20 in its own release, component ``universe``.
"""

import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from asterisk_conf.errors import MirrorUnknown, UnsupportedHost

DEBIAN_SUITES = ("forky", "sid")
"""Where Debian keeps Asterisk 22, in the order in which they are tried."""

MIRROR_VARIABLE = "RINGDESK_APT_MIRROR"
"""Environment variable that replaces the mirror found in the host's sources."""

_KEYRINGS = {
    "debian": ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp"),
    "ubuntu": ("ubuntu-archive-keyring.gpg",),
}
_DEBIAN_ALIASES = frozenset({"oldstable", "stable", "testing", "unstable", "sid", "forky"})
_OPTION_BLOCK = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class AptSource:
    """One binary package source of the host: an address with its suites and components."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """One choice to install from: the lines of a private ``sources.list`` under one name."""

    name: str
    uri: str
    distributions: tuple[str, ...]
    components: tuple[str, ...]
    keyring: Path

    def lines(self, *, kind: str = "deb") -> str:
        """Return the one-line source entries; ``kind`` is ``deb`` or ``deb-src``."""
        components = " ".join(self.components)
        return "".join(
            f"{kind} [signed-by={self.keyring}] {self.uri} {distribution} {components}\n"
            for distribution in self.distributions
        )


def parse_one_line(text: str) -> list[AptSource]:
    """Parse ``sources.list`` text; comments, ``deb-src`` lines and broken lines are passed over."""
    found = []
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        if not line.startswith(("deb ", "deb\t")):
            continue
        options = _OPTION_BLOCK.search(line)
        words = _OPTION_BLOCK.sub(" ", line, count=1).split()[1:]
        if len(words) < 2:
            continue
        signed_by = None
        for option in options.group(1).split() if options else ():
            name, _, value = option.partition("=")
            if name.lower() == "signed-by":
                signed_by = value
        found.append(AptSource(words[0], (words[1],), tuple(words[2:]), signed_by))
    return found


def parse_deb822(text: str) -> list[AptSource]:
    """Parse ``*.sources`` text; disabled stanzas and those without ``deb`` are passed over."""
    found = []
    for fields in _stanzas(text):
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").strip().lower() in {"no", "false", "0"}:
            continue
        suites = tuple(fields.get("suites", "").split())
        signed_by = fields.get("signed-by", "").strip() or None
        for uri in fields.get("uris", "").split():
            components = tuple(fields.get("components", "").split())
            found.append(AptSource(uri, suites, components, signed_by))
    return found


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, last = {}, ""
        elif line[0] in " \t":
            if last:
                fields[last] += "\n" + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            last = name.strip().lower()
            fields[last] = value.strip()
    if fields:
        yield fields


def read_host_sources(etc_apt: Path = Path("/etc/apt")) -> list[AptSource]:
    """Read every source of the host in apt's own order; unreadable files are passed over."""
    files = [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))]
    found: list[AptSource] = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if path.suffix == ".list":
            found += parse_one_line(text)
        elif path.suffix == ".sources":
            found += parse_deb822(text)
    return found


def choose_suites(
    sources: Iterable[AptSource],
    os_release: Mapping[str, str],
    *,
    keyrings: Path = Path("/usr/share/keyrings"),
    override: str | None = None,
) -> list[Suite]:
    """Return the suites that may hold Asterisk 20 or newer, best first.

    Args:
        sources: the host's package sources.
        os_release: the fields of os-release(5), as `read_os_release` gives them.
        keyrings: folder of the archive keyrings.
        override: address of a mirror to use instead of the one found.

    Raises:
        MirrorUnknown: the sources name no mirror of the host's own distribution.
        UnsupportedHost: neither Debian nor Ubuntu, or the archive keyring is missing.
    """
    distribution = _distribution(os_release)
    codename = os_release.get("VERSION_CODENAME", "")
    own = _own_source(list(sources), distribution, codename)
    uri = override or (own.uri if own else None)
    if uri is None:
        raise MirrorUnknown(
            f"no {distribution} mirror stands in /etc/apt/sources.list or sources.list.d: "
            f"add one there, or set {MIRROR_VARIABLE} to a mirror's address"
        )
    keyring = _keyring(distribution, keyrings, own)
    if distribution == "ubuntu":
        names = (codename, f"{codename}-updates")
        return [Suite(codename, uri, names, ("main", "universe"), keyring)]
    return [Suite(name, uri, (name,), ("main",), keyring) for name in DEBIAN_SUITES]


def _distribution(os_release: Mapping[str, str]) -> str:
    names = [os_release.get("ID", ""), *os_release.get("ID_LIKE", "").split()]
    for name in names:
        if name in _KEYRINGS:
            return name
    raise UnsupportedHost(
        f"this host is {os_release.get('PRETTY_NAME', 'of an unknown kind')}, neither Debian nor "
        'Ubuntu: install Asterisk 20 or newer yourself and set pbx.asterisk = "host"'
    )


def _own_source(sources: list[AptSource], distribution: str, codename: str) -> AptSource | None:
    wanted = {codename} | (_DEBIAN_ALIASES if distribution == "debian" else set())
    for source in sources:
        is_archive = "main" in source.components and not source.uri.startswith("cdrom:")
        if is_archive and wanted & set(source.suites):
            return source
    return None


def _keyring(distribution: str, keyrings: Path, own: AptSource | None) -> Path:
    for name in _KEYRINGS[distribution]:
        if (keyrings / name).exists():
            return keyrings / name
    if own and own.signed_by and own.signed_by.startswith("/"):
        return Path(own.signed_by)
    raise UnsupportedHost(
        f"the keyring of the {distribution} archive is missing from {keyrings}: "
        f"apt-get install {distribution}-{'archive-' if distribution == 'debian' else ''}keyring"
    )


def read_os_release() -> dict[str, str]:
    """Return the host's os-release(5) fields; empty when the host has none."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def host_suites(environ: Mapping[str, str] = os.environ) -> list[Suite]:
    """Return the suites this host can install Asterisk from, best first.

    Raises:
        MirrorUnknown: see `choose_suites`.
        UnsupportedHost: see `choose_suites`.
    """
    return choose_suites(
        read_host_sources(), read_os_release(), override=environ.get(MIRROR_VARIABLE) or None
    )
