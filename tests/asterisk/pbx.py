"""A real, private Asterisk for tests: rendered for a company, on free ports, clean before and after.

Use the fixture ``pbx`` (tests/asterisk/conftest.py): one Asterisk a session, and for each test the proof
that nothing was left behind. A test that needs another company or other settings starts its own::

    with Pbx.started(company=parse_company(TEXT)) as pbx:
        ...
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asterisk_conf.installer import AsteriskInstall, default_cache, find
from asterisk_conf.process import AsteriskProcess
from asterisk_conf.render import render
from asterisk_conf.secrets import Secrets, load_or_make_secrets
from cti.company import Company, parse_company
from cti.config import PbxSettings, Settings


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port on loopback that nobody has bound at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


OUTSIDE_PORT = free_port(socket.SOCK_DGRAM)
"""Where the small company's carrier takes calls: see ``tests.asterisk.sipp.carrier``."""

SMALL_COMPANY = f"""
name: Test
people:
  - {{login: ann, name: Ann Lee, staff_number: "1", extension: "1001", queues: [sales, help]}}
  - {{login: bob, name: Bob Ray, staff_number: "2", extension: "1002", queues: [sales]}}
  - {{login: cai, name: 蔡琳, staff_number: "3", extension: "1003", queues: [help], language: zh}}
  - {{login: dee, name: Dee O'Neil, staff_number: "4", extension: "1004"}}
  - {{login: eve, name: Eve Fox, staff_number: "5", extension: "1005", role: supervisor}}
queues:
  - {{name: sales, extension: "2001", label: {{en: Sales}}, ring_time: 5, wrap_up_time: 0}}
  - {{name: help, label: {{en: Help}}, ring_time: 5, wrap_up_time: 0}}
flows:
  - name: main
    start: wait
    nodes: [{{name: wait, kind: queue, queue: sales}}]
  - name: helping
    start: press
    nodes: [{{name: press, kind: menu, keys: {{"1": wait}}}}, {{name: wait, kind: queue, queue: help}}]
  - name: asking
    start: bye
    nodes: [{{name: bye, kind: hangup}}]
call_menus: [{{name: asking, label: {{en: Asking}}, flow: asking}}]
numbers: [{{dnis: "4000", flow: main}}, {{dnis: "4001", flow: helping}}]
default_flow: main
outbound:
  {{address: "127.0.0.1:{OUTSIDE_PORT}", caller_id: "+864001234567", allowed: ["0", "+86"], emergency: ["110"]}}
"""

# Globals that a test may change, put back after it.
SHOWN = (
    "RD_CALL", "RD_REF", "RD_T0", "RD_LANG", "RD_STATE", "RD_AGENT", "RD_REC", "RD_OUT", "RD_DIR",
    "RD_CMD",
)  # fmt: skip
"""The dialplan's variables that its own tests look at."""

GLOBALS = {
    "RD_HB": "", "RD_DOWN": "never", "RD_STALE": "5", "RD_RING": "15", "RD_LOST_TIME": "20",
    "RD_LEASE": "8", "RD_HOLD_LOOK": "30", "RD_FALLBACK_TIME": "120", "RD_CALL_TIME": "30",
    "RD_OUT_TIME": "60", "RD_BACK_TIME": "15", "RD_PARK_TIME": "120", "RD_TONE_TIME": "3",
}  # fmt: skip


def free_sip_port() -> int:
    """Return a port that is free for UDP and TCP alike."""
    for _ in range(50):
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free for UDP and TCP")


@dataclass
class Pbx:
    """One running Asterisk."""

    settings: Settings
    company: Company
    secrets: Secrets
    process: AsteriskProcess

    @classmethod
    @contextmanager
    def started(cls, company: Company | None = None, **pbx_settings: Any) -> Iterator[Pbx]:
        """Render, start, yield; afterwards prove that no call is left, and stop it."""
        cache = default_cache()
        install = find(cache)
        assert install is not None, f"no private Asterisk in {cache}: run `make setup` first"
        # Short, because a Unix socket's path may have no more than 107 characters.
        home = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
        try:
            yield from cls._run(home, cache, install, company, pbx_settings)
        finally:
            shutil.rmtree(home)

    @classmethod
    def _run(
        cls,
        home: Path,
        cache: Path,
        install: AsteriskInstall,
        company: Company | None,
        pbx_settings: dict[str, Any],
    ) -> Iterator[Pbx]:
        rtp = 12000 + (free_port() % 40) * 500
        doors: dict[str, Any] = {
            "sip_port": free_sip_port(), "ws_port": free_port(), "ami_port": free_port(),
            "agi_port": free_port(), "rtp_start": rtp, "rtp_end": rtp + 499,
        }  # fmt: skip
        settings = Settings(home=home, cache=cache, pbx=PbxSettings(**(doors | pbx_settings)))
        company = company or parse_company(SMALL_COMPANY)
        secrets = load_or_make_secrets(settings.secrets_file, company)
        render(settings, company, secrets, install)
        process = AsteriskProcess(
            install, settings.asterisk_dir / "etc", settings.asterisk_dir / "run"
        )
        try:
            process.start()
            pbx = cls(settings, company, secrets, process)
            yield pbx
            pbx.assert_clean(timeout=5.0)
        finally:
            process.stop()
            assert not process.is_running()

    @property
    def log(self) -> Path:
        """Asterisk's own messages."""
        return self.settings.asterisk_dir / "log" / "messages.log"

    async def rx(self, command: str) -> str:
        """Send one command over the control socket; return what Asterisk prints."""
        return await asyncio.to_thread(self.process.rx, command)

    def show_more(self) -> None:
        """Let probes see what the service needs no more: the dialplan's variables on each event, and new channels."""
        path = self.settings.asterisk_dir / "etc/manager.conf"
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^channelvars = .*$", f"channelvars = {','.join(SHOWN)}", text)
        text = re.sub(r"(?m)^(eventfilter.*)\bHangup\b(.*)$", r"\g<0>\n\1Newchannel\2", text)
        path.write_text(text, encoding="utf-8")
        self.process.rx("manager reload")

    async def channels(self) -> list[str]:
        """Return the names of all channels."""
        lines = (await self.rx("core show channels concise")).splitlines()
        return [line.split("!")[0] for line in lines if "!" in line]

    async def set_global(self, name: str, value: str) -> None:
        """Set one global variable of the dialplan."""
        await self.rx(f'dialplan set global {name} "{value}"')

    def leftovers(self) -> str:
        """Return what is left of calls: empty when there are neither channels nor bridges.

        An empty room doesn't count: where both leave BridgeWait at the same instant, Asterisk may keep it.
        """
        channels = self.process.rx("core show channels concise").strip()
        bridges = self.process.rx("bridge show all").splitlines()[1:]
        rows = [
            line
            for line in bridges
            if re.match(r"[0-9a-f]{8}-|\S+ +\d+ ", line)
            and not re.search(r" 0 base +holding_bridge ", line)
        ]
        return "\n".join([channels, *rows]).strip()

    def assert_clean(self, *, timeout: float) -> None:
        """Fail unless all channels and bridges are gone within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while left := self.leftovers():
            assert time.monotonic() < deadline, f"left behind after {timeout} s:\n{left}"
            time.sleep(0.1)

    def reset(self) -> None:
        """Put globals, queue members and logs back to where they were at the start."""
        for name, value in GLOBALS.items():
            self.process.rx(f'dialplan set global {name} "{value}"')
        for queue in self.company.queues:
            shown = self.process.rx(f"queue show rd_{queue.name}")
            for member in re.findall(r"^ +(PJSIP/\S+)", shown, re.MULTILINE):
                self.process.rx(f"queue remove member {member} from rd_{queue.name}")
