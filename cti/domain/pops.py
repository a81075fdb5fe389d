"""How a queue's calls are shown to its agents: which fields and in which order, an outside page, whether it rings. Pure.

An outside page is another program's (a CRM, a shop) that opens beside the call. Its address is a template of the
company's with blanks for what is known of the call. What fills a blank comes from outside, so it is encoded until it
can be nothing but a value: it reaches neither the scheme nor the host, ends no part of the address and begins none, and an
address that is not on an allowed host after all is none. Digits of a sensitive menu node never come here
(``screenpop/facts.py``).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit

FIELDS = (
    "warning", "company", "group", "number", "menu_path", "queue", "digits", "wait", "note",
    "contacts", "tickets",
)  # fmt: skip
"""What a pop can show, in the order in which it does unless a queue says otherwise. The name always stands in the strip."""

BLANKS = frozenset(
    {"number", "customer_id", "call_id", "queue", "digits", "menu_path", "extension", "language"}
)
"""What an address may have blanks for."""

Mute = Literal["none", "ring", "all"]
"""``ring``: the page doesn't ring; ``all``: nor does anything else call the agent to the page."""

_BLANK = re.compile(r"\{([a-z_]*)\}")
_MAX_VALUE, _MAX_URL = 200, 2_000
HOST = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
"""A host's name, or an address of IPv4: a content security policy knows no other."""


@dataclass(frozen=True, slots=True)
class OutsidePage:
    """A page of another program's, for calls of a queue."""

    template: str
    label: Mapping[str, str] = field(default_factory=dict)  # by language; none: its host
    place: Literal["frame", "tab"] = "frame"
    opens: Literal["click", "offer", "answer"] = "click"  # from when on it opens by itself
    has_whole_number: bool = False  # also where the agent's role sees only a part of it


@dataclass(frozen=True, slots=True)
class PopRule:
    """A queue's rules."""

    fields: tuple[str, ...] = FIELDS
    mute: Mute = "none"
    page: OutsidePage | None = None


PLAIN_POP = PopRule()


def problem_of(template: str, hosts: Collection[str]) -> str:
    """What is wrong with an address as it stands in the company's document; empty: nothing."""
    if len(template) > _MAX_URL // 2:
        return "the address is too long"
    if (
        not template.isprintable()
        or not template.isascii()
        or re.search(r"[\s\\<>\"'`^|]", template)
    ):
        return "the address has characters that no address has"
    if unknown := set(_BLANK.findall(template)) - BLANKS:
        return f"there is no blank {{{min(unknown)}}}; there are {', '.join(sorted(BLANKS))}"
    bare = _BLANK.sub("0", template)
    if "{" in bare or "}" in bare:
        return "a brace is not closed"
    origin = re.match(r"[^/?#]*//[^/?#]*", template)
    if origin is None:
        return "this is no address"
    if "{" in origin[0]:
        return "blanks stand in the path, behind the question mark or behind the hash alone"
    return _origin_problem(bare, hosts)


def _origin_problem(url: str, hosts: Collection[str]) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "this is no address"
    if parts.username is not None or parts.password is not None:
        return "no name or password stands in an address"
    if not re.fullmatch(HOST, host):
        return "the address has no host"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(host)):
        return "only https is opened (http on this machine alone)"
    if host_of(host, port) not in hosts:
        return f"{host_of(host, port)} isn't among the page_hosts"
    return ""


def host_of(host: str, port: int | None) -> str:
    """As hosts are written among the allowed ones: with the port, where one is said."""
    return host if port is None else f"{host}:{port}"


def is_loopback_host(host: str) -> bool:
    """Whether a host's name is this machine, and can't be another."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def sources_of(hosts: Collection[str]) -> tuple[str, ...]:
    """The allowed hosts as sources of a content security policy."""
    secure = [f"https://{host}" for host in sorted(hosts)]
    here = [f"http://{h}" for h in sorted(hosts) if is_loopback_host(h.partition(":")[0])]
    return (*secure, *here)


def filled(template: str, values: Mapping[str, str], hosts: Collection[str]) -> str:
    """The address for one call; empty where it would not be what the company meant.

    ``values`` by the names of the blanks; a blank without one is left empty.
    """
    url = _BLANK.sub(lambda blank: _encoded(values.get(blank[1], "")), template)
    return url if len(url) <= _MAX_URL and not _origin_problem(url, hosts) else ""


def _encoded(value: str) -> str:
    # Dots alone would be steps in a path, and browsers read %2e like a dot: nothing is left of them.
    clean = "".join(c for c in value[:_MAX_VALUE] if c.isprintable())
    return "" if not clean.strip(". ") else quote(clean, safe="")
