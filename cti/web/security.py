"""What keeps foreign pages out: Origin rules and response headers. Pure.

The cookie is ``SameSite=Strict`` already; the Origin rule stands beside it since a WebSocket is opened by any page that
wants to, and since a name that points to 127.0.0.1 (DNS rebinding) makes a foreign page look like ours. So
``Origin`` equal to ``Host`` is believed only where the host is an IP address, ``localhost``
or this machine's own name; every other address must be in the settings (``web.allowed_origins``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class OriginRule:
    """Which origins are ours."""

    allowed: frozenset[str] = frozenset()  # ``https://desk.example.com``, without a path
    own_names: frozenset[str] = frozenset({"localhost"})

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this origin may talk to us; no Origin header is no page of ours."""
        if not origin or not host:
            return False
        if origin in self.allowed:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in {"http", "https"} or parts.netloc.lower() != host.lower():
            return False
        name = (parts.hostname or "").lower()
        return name in self.own_names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(remote: str | None) -> bool:
    """Whether a peer's address is this machine's loopback."""
    return (
        bool(remote) and _is_address(str(remote)) and ipaddress.ip_address(str(remote)).is_loopback
    )


def security_headers(connect: Iterable[str] = (), frames: Iterable[str] = ()) -> Mapping[str, str]:
    """Headers of every answer.

    ``connect``: addresses besides ours that the page may talk to (SIP); ``frames``: whose pages it may show in a frame.
    """
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": " ".join(["'self'", *connect]),
        "media-src": "'self' blob:",
        "manifest-src": "'self'",
        "frame-src": " ".join(frames) or "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{k} {v}" for k, v in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    }
