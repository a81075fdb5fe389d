"""Callers who attack: hostile names, numbers and dialled digits by SIP, end to end.

Each call gets a defined outcome. What the caller sent stays data: no further AMI header or event comes of it, no
file outside the spool, no shell, no dialled phone; desktop and ticket show one plain line. Calls of others go on.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import unicodedata
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import sqlalchemy

from cti.domain import events as ev
from tests.asterisk.live import Live, live
from tests.asterisk.raw_sip import raw_caller
from tests.asterisk.scene import LINE, Scene, fault_company
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]
AGENT = "agent1"
MARK = "rd-owned"
"""What appears somewhere if anything of a caller is ever executed."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(fault_company(2), simulated=1) as running:
        yield running


def hostile_names(folder: Path) -> dict[str, bytes]:
    """Display names by what they try; within SIP's quotes, hence quotes are escaped."""
    owned = folder / MARK
    texts = {
        "script": "<script>alert(1)</script>",
        "shell": rf"\"; touch {owned}; echo \"",
        "substitution": f"$(touch {owned})`touch {owned}`",
        "function": "${SHELL(touch " + str(owned) + ")}",
        "expression": "$[1+1]${EXTEN}${RD_CALL}",
        "path": f"../../../../../../{owned}",
        "formula": f"=cmd|'/C touch {owned}'!A0",
        "new header": "x,Foo: bar,Agent: 1101,Event: Hangup",
        "encoded line break": "a%0d%0aAction: Originate%0d%0a",
        "escaped line break": r"a\r\nEvent: RdWait\r\nCall: 1",
        "dial string": "1102&PJSIP/1101,1,Dial(PJSIP/1101)",
        "separators": "a,b|c^d:e=f(g)h[i]j{k}l~m!n;o",
        "overlong": "A" * 1000,
        "unicode": "李娜 Ünïcödé 😀",
        "bidi": "\u202egnp.exe\u2066\u200b\u200f",
        "stacked": "Z" + "\u0336\u0337\u0338" * 60,
        "percent": "%s%n%x%d{0}{}",
        "sql": "'; DROP TABLE journal; --",
    }
    raw = {
        "not utf-8": b"\xff\xfe\xc3(\xf0\x9f",
        "control": b"a\x01\x07\x1b[31mred\x7f",
        "tab": b"a\tb",
    }
    return {key: text.encode() for key, text in texts.items()} | raw


NUMBERS = {
    "anonymous": b"anonymous", "withheld": b"unknown", "forty digits": b"1" * 40,
    "letters": b"support", "our own phone": b"1101", "variable": b"%24%7BEXTEN%7D",
    "ampersand": b"1102&1101", "comma": b"1%2C2%2CFoo", "plus": b"+8613800138000",
    "dashes": b"138-0013-8000", "long": b"9" * 300, "line break": b"1%0d%0aAction:%20Ping",
    "nul": b"1%002", "slash": b"%2e%2e%2f%2e%2e%2f1",
}  # fmt: skip

DIALLED = {
    "dial string": b"4000&PJSIP%2f1101", "variable": b"%24%7bEXTEN%7d",
    "function": b"4000%24%7bSHELL(id)%7d", "comma": b"4000,1,Dial(PJSIP%2f1101)",
    "pipe": b"4000%7c1", "unknown": b"999999", "plus": b"+4000", "forty digits": b"4" * 40,
    "letters": b"abc", "an agent": b"1101", "a context": b"rd-dial", "start": b"s",
    "timeout": b"T", "long": b"4" * 300, "line break": b"4000%0d%0aRdEnd",
}  # fmt: skip


SHOWN = {
    "script": "<script>alert(1)</script>",
    "expression": "$[1+1]${EXTEN}${RD_CALL}",
    "new header": "x,Foo: bar,Agent: 1101,Event: Hangup",
    "unicode": "李娜 Ünïcödé 😀",
    "bidi": "gnp.exe",
    "overlong": "A" * 63 + "…",
    "stacked": "Z\u0336\u0337",
    "sql": "'; DROP TABLE journal; --",
    "control": "a[31mred",
    "tab": "a b",
}
"""What the agent reads, for some of them."""


@contextlib.asynccontextmanager
async def bystanders(stage: Scene) -> AsyncIterator[None]:
    """A conversation of somebody else; it must not notice anything."""
    async with stage.phones("agent2"), contextlib.AsyncExitStack() as stack:
        number = (await stage.call(stack, 1))[0]
        before = (await stage.until_at("talking", [number]))[number]
        yield
        assert (await stage.callers())[number] == before
        await stage.end_all([number])
        await stage.assert_calls_well()


async def assert_untouched(stage: Scene, since: int) -> None:
    """Nothing was executed, nothing malformed was told, nothing written where it should not be."""
    product = stage.product
    assert not list(stage.folder.rglob(f"*{MARK}*"))
    facts = await product.since(since)
    ids = {e.call_id for e in await product.events(ev.CallOffered)}
    for path in product.settings.spool_dir.rglob("*"):
        assert any(path.name.startswith(call_id) for call_id in ids), path.name
    log = (product.settings.home / "service.log").read_text(errors="replace")
    for word in ("ami_event_unknown", "ami_event_malformed", "ami_garbage", "illegal transition",
                 "event_failed", "Traceback"):  # fmt: skip
        assert word not in log, log[-3000:]
    chosen = {(e.call_id, e.endpoint) for e in facts if isinstance(e, ev.AgentReserved)}
    dialled = {(e.call_id, e.endpoint) for e in facts if isinstance(e, ev.LegDialled)}
    assert dialled <= chosen, "a phone was dialled that the ACD didn't choose"
    ended = {e.call_id for e in facts if isinstance(e, ev.CallEnded)}
    offered = [e.call_id for e in facts if isinstance(e, ev.CallOffered)]
    assert set(offered) <= ended
    assert len(offered) == len(set(offered))


def texts(value: object) -> Iterator[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def is_plain(text: str) -> bool:
    """One line without controls and without characters that turn it round."""
    return not {unicodedata.category(char) for char in text} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


async def test_a_hostile_name_reaches_the_desktop_as_one_plain_line(stage: Scene) -> None:
    since = await stage.product.last()
    async with bystanders(stage), stage.phones(AGENT) as farm:
        desktop = farm.desktops[0]
        for what, name in hostile_names(stage.folder).items():
            async with raw_caller(stage.product.place.sip) as caller:
                status = await caller.call(
                    LINE.encode(), b'"' + name + b'" <sip:13712345678@127.0.0.1>'
                )
                assert status == 200, what
                await desktop.until(lambda d: d.state == "TALKING" and d.call, 15)
                await desktop.until(lambda d: d.sections.get("ticket"), 10)
                shown = (desktop.call or {})["caller_name"]
                assert len(shown) <= 64, what
                assert shown == SHOWN.get(what, shown)
                assert all(is_plain(text) for text in texts(desktop.sections)), (what, shown)
            await desktop.until(lambda d: d.state == "READY" and not _is_live(d.call), 15)
    await until(lambda: _all_over(stage, since, 0), 20)
    await assert_untouched(stage, since)


def _is_live(call: dict[str, object] | None) -> bool:
    return bool(call) and not (call or {}).get("ended_at")


async def _all_over(stage: Scene, since: int, but: int) -> bool:
    offered = await stage.product.events(ev.CallOffered, since)
    ended = await stage.product.events(ev.CallEnded, since)
    return len(ended) >= len(offered) - but


@pytest.mark.parametrize("field", ["calling number", "dialled number"])
async def test_a_hostile_number_is_a_call_like_any_other_or_none(stage: Scene, field: str) -> None:
    since = await stage.product.last()
    statuses: dict[str, int | None] = {}
    async with bystanders(stage):
        for what, number in (NUMBERS if field == "calling number" else DIALLED).items():
            async with raw_caller(stage.product.place.sip) as caller:
                calling, dialled = (number, LINE.encode())
                if field == "dialled number":
                    calling, dialled = b"13712345678", number
                header = b"<sip:" + calling + b"@127.0.0.1>"
                statuses[what] = await caller.call(dialled, header, within=3)
    refused = {what: status for what, status in statuses.items() if status != 200}
    await until(lambda: _offered(stage, since, 1 + len(statuses) - len(refused)), 10)
    if field == "calling number":  # a trunk must not speak as one of our phones
        assert refused == {"our own phone": 401}
    else:
        assert refused == dict.fromkeys(
            ("variable", "letters", "a context", "start", "timeout"), 404
        )
        for event in await stage.product.events(ev.CallOffered, since):
            assert re.fullmatch(r"[+0-9]{1,32}", event.dnis)
    await until(lambda: _all_over(stage, since, 0), 20)
    await assert_untouched(stage, since)


async def _offered(stage: Scene, since: int, calls: int) -> bool:
    return len(await stage.product.events(ev.CallOffered, since)) == calls


async def test_a_recording_that_vanishes_is_told_on_the_ticket(stage: Scene) -> None:
    spool = stage.product.settings.spool_dir
    async with contextlib.AsyncExitStack() as stack, bystanders(stage), stage.phones(AGENT) as farm:
        desktop = farm.desktops[0]
        number = (await stage.call(stack, 1))[0]
        await stage.until_at("talking", [number])
        call_id = (await stage.call_ids(0, [number]))[number]
        await stage.until_recorded(call_id)
        await stage.end_all([number])
        await until(lambda: _remove(spool, call_id), 5)
        failed = (await stage.until_fact(ev.RecordingFailed, [call_id], 40))[call_id]
        assert getattr(failed, "reason", "") == "missing"
        await until(lambda: _says(stage, call_id, "recording_failed"), 10)
        await desktop.until(lambda d: d.state == "READY")
    facts = await stage.facts(call_id)
    assert not [e for e in facts if isinstance(e, ev.RecordingStored | ev.RecordingAttached)]


def _remove(spool: Path, call_id: str) -> bool:
    for path in spool.glob(f"{call_id}*"):
        path.unlink(missing_ok=True)
    return True


async def _says(stage: Scene, call_id: str, word: str) -> bool:
    async with stage.product.database.read() as session:
        rows = await session.execute(
            sqlalchemy.text("SELECT * FROM ticket_calls WHERE call_id = :id"), {"id": call_id}
        )
        return word in json.dumps([list(map(str, row)) for row in rows])


async def test_wrong_bodies_to_the_live_service_hurt_nobody(stage: Scene) -> None:
    web = stage.product.place.web
    bodies = (b"", b"{", b"[]", b"null", b'{"login": 1}', b'{"login": {"a": []}}', b"\xff\x00" * 500,
              b'{"login": "agent1\\r\\nX: y", "password": "p"}', b"[" * 100_000)  # fmt: skip
    async with bystanders(stage), aiohttp.ClientSession() as client:
        for body in bodies:
            headers = {"Origin": web, "Content-Type": "application/json"}
            async with client.post(f"{web}/api/v1/session", data=body, headers=headers) as answer:
                assert 400 <= answer.status < 500, body[:40]
        for path in (
            "/api/v1/../../etc/passwd",
            "/api/v1/recordings/..%2f..%2fsecrets.json",
            "/%00",
        ):
            async with client.get(f"{web}{path}") as answer:
                assert 400 <= answer.status < 500, path
        async with stage.desktop(AGENT) as desktop:
            socket_ = desktop._socket
            for text in (
                "",
                "{",
                "[]",
                '{"type": "command"}',
                '{"type": "command", "id": 1, "name": []}',
            ):
                with contextlib.suppress(ConnectionError):
                    await socket_.send_str(text)
        async with stage.desktop(AGENT) as desktop:
            assert desktop.sections["link"]["switch"] == "up"


async def test_the_link_comes_back_although_idle_sockets_hold_the_ami(stage: Scene) -> None:
    product = stage.product
    since = await product.last()
    async with bystanders(stage):
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                idle = stack.enter_context(socket.socket())
                idle.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    idle.connect(("127.0.0.1", product.settings.pbx.ami_port))
            shown = await product.pbx.rx("manager show connected")
            session = next(row.split()[4] for row in shown.splitlines() if "ringdesk" in row)
            await product.pbx.rx(f"manager kick session {session}")

            async def is_back() -> bool:
                seen = [c.is_up for c in await product.events(ev.SwitchLinkChanged, since)]
                # The link's first coming up may still have been on its way to the journal.
                return False in seen and seen[-1]

            # Asterisk's own authtimeout would keep the link out for 30 s, ours for 3.
            await until(is_back, within=15)
