"""A port in use is told with its holder, its purpose and the setting to change."""

import os
import socket
from pathlib import Path
from typing import Literal

import pytest

from asterisk_conf.errors import PortInUse
from asterisk_conf.listening import PortNeed, check_ports_free, port_holder

pytestmark = pytest.mark.contract  # real sockets on loopback, real /proc


@pytest.mark.parametrize(
    ("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)]
)
def test_a_port_in_use_names_its_holder(
    protocol: Literal["tcp", "udp"], kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        port = holder.getsockname()[1]
        need = PortNeed("127.0.0.1", port, protocol, "SIP", "pbx.sip_port")
        with pytest.raises(PortInUse) as caught:
            check_ports_free([need])
    message = str(caught.value)
    assert f"{protocol.upper()} port {port} on 127.0.0.1 (SIP) is in use by" in message
    assert f"(process {os.getpid()})" in message
    assert "set pbx.sip_port to another port" in message
    check_ports_free([need])


def test_every_taken_port_is_named_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("::1", 0),
            family=socket.AF_INET6) as two:  # fmt: skip
        needs = [
            PortNeed("127.0.0.1", one.getsockname()[1], "tcp", "AMI"),
            PortNeed("::1", two.getsockname()[1], "tcp", "pages"),
        ]
        with pytest.raises(PortInUse, match=r"\(AMI\).*; .*\(pages\)"):
            check_ports_free(needs)


def test_a_connection_that_lingers_is_no_obstacle() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the server closes first, so its side stays in TIME_WAIT
            client.recv(1)
    check_ports_free([PortNeed("127.0.0.1", port, "tcp", "pages")])


def test_a_foreign_address_is_told() -> None:
    with pytest.raises(PortInUse, match="cannot be bound"):
        check_ports_free([PortNeed("192.0.2.1", 40_000, "tcp", "SIP")])


def test_an_unreadable_proc_names_no_holder(tmp_path: Path) -> None:
    assert port_holder(5060, "udp", proc=tmp_path) is None
