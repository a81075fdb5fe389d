"""Which ports are free, and who holds those that are not.

A port is tried by binding it, as its later owner will. The holder is looked up in /proc (proc(5), net/tcp
and fd/), which shows other users' processes only to root: without the right the port alone is named.
"""

import contextlib
import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asterisk_conf.errors import PortInUse

_TCP_LISTEN = "0A"
_UDP_BOUND = "07"


@dataclass(frozen=True, slots=True)
class PortNeed:
    """A port that something is about to bind.

    ``setting`` names the configuration key by which an administrator can choose another port.
    """

    host: str
    port: int
    protocol: Literal["tcp", "udp"]
    purpose: str
    setting: str = ""


def check_ports_free(needs: Iterable[PortNeed], *, proc: Path = Path("/proc")) -> None:
    """Return when every port can be bound.

    Raises:
        PortInUse: naming each port that cannot, its purpose, its holder and the setting to change.
    """
    taken = [text for need in needs if (text := _obstacle(need, proc)) is not None]
    if taken:
        raise PortInUse("; ".join(taken))


def _obstacle(need: PortNeed, proc: Path) -> str | None:
    family = socket.AF_INET6 if ":" in need.host else socket.AF_INET
    kind = socket.SOCK_STREAM if need.protocol == "tcp" else socket.SOCK_DGRAM
    name = f"{need.protocol.upper()} port {need.port} on {need.host} ({need.purpose})"
    change = f"set {need.setting} to another port" if need.setting else "choose another port"
    with socket.socket(family, kind) as probe:
        if need.protocol == "tcp":
            # As servers do: connections in TIME_WAIT are no obstacle, a listener is.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((need.host, need.port))
            if need.protocol == "tcp":
                probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                holder = port_holder(need.port, need.protocol, proc=proc) or "another process"
                return f"{name} is in use by {holder}: end it or {change}"
            if error.errno == errno.EACCES:
                return f"{name} needs root, since it is below 1024: {change}"
            return f"{name} cannot be bound ({error.strerror}): check the address or {change}"
    return None


def port_holder(
    port: int, protocol: Literal["tcp", "udp"], *, proc: Path = Path("/proc")
) -> str | None:
    """Return ``"name (process 123)"`` of the process that has ``port`` bound, if /proc tells."""
    inodes = set(_inodes(port, protocol, proc))
    if not inodes:
        return None
    for folder in proc.glob("[0-9]*"):
        if inodes.isdisjoint(_open_files(folder)):
            continue
        with contextlib.suppress(OSError):  # ended meanwhile
            name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
            return f"{name} (process {folder.name})"
    return None


def _open_files(process: Path) -> Iterable[str]:
    """Yield what the descriptors of a process lead to; nothing when it is somebody else's."""
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return
    for descriptor in descriptors:
        with contextlib.suppress(OSError):  # closed meanwhile
            yield str(descriptor.readlink())


def _inodes(port: int, protocol: str, proc: Path) -> Iterable[str]:
    """Yield the sockets bound to ``port`` as their /proc/PID/fd links name them."""
    wanted_state = _TCP_LISTEN if protocol == "tcp" else _UDP_BOUND
    for table in (protocol, f"{protocol}6"):
        try:
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            local_port = int(columns[1].rpartition(":")[2], 16)
            if local_port == port and columns[3] == wanted_state:
                yield f"socket:[{columns[9]}]"
