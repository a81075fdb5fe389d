"""What a part of the bench asks of a running product: its processes, and how a peer without the service records a call."""

from __future__ import annotations

from bench.report import Spoilt
from tests.asterisk.live import Live
from tests.asterisk.pbx import Pbx


def service_pid(product: Live) -> int:
    """The service's process.

    Raises:
        Spoilt: it has ended.
    """
    if product.process is None:
        raise Spoilt("the service has ended")
    return product.process.pid


def asterisk_pid(pbx: Pbx) -> int:
    """Asterisk's process.

    Raises:
        Spoilt: it has ended.
    """
    pid = pbx.process.pid()
    if pid is None:
        raise Spoilt("Asterisk has ended")
    return pid


def recording(product: Live) -> str:
    """The dialplan's line that records a peer's call as ours are: both sides apart, beside ours on the same disk."""
    spool = product.settings.spool_dir / "peer"
    spool.mkdir(exist_ok=True)
    return f"MixMonitor(,abr({spool}/${{UNIQUEID}}.c.raw)t({spool}/${{UNIQUEID}}.a.raw))"
