"""The rendered configuration as Asterisk itself sees it: loaded whole, few modules, narrow rights."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import pytest

from asterisk_conf.installer import find
from asterisk_conf.render import has_named_filters, reload_commands, render
from asterisk_conf.secrets import load_or_make_secrets
from cti.company import parse_company
from tests.asterisk.agi_peer import agi_peer
from tests.asterisk.ami_probe import AmiProbe
from tests.asterisk.pbx import SMALL_COMPANY, Pbx, free_port
from tests.asterisk.sipp import calling

pytestmark = pytest.mark.asterisk

FEWER_THAN = 120  # of the 350 in Debian's package


@dataclass(frozen=True)
class FreshStart:
    """What an Asterisk that just started wrote and loaded."""

    log: str
    modules: str


@pytest.fixture(scope="module")
def fresh() -> FreshStart:
    """Start one, look, stop it."""
    with Pbx.started() as pbx:
        return FreshStart(pbx.log.read_text(encoding="utf-8"), pbx.process.rx("module show"))


def test_it_loads_without_a_warning(fresh: FreshStart) -> None:
    assert "modules will be loaded" in fresh.log
    assert not [line for line in fresh.log.splitlines() if re.search("WARNING|ERROR", line)]


def test_few_modules_are_loaded(fresh: FreshStart) -> None:
    count = re.search(r"(\d+) modules loaded", fresh.modules)
    assert count is not None
    assert int(count.group(1)) < FEWER_THAN
    for risky in (
        "app_system",
        "func_shell",
        "func_curl",
        "res_ari",
        "anonymous",
        "app_externalivr",
    ):
        assert risky not in fresh.modules


async def test_every_application_and_function_of_the_dialplan_is_there(pbx: Pbx) -> None:
    text = (pbx.settings.asterisk_dir / "etc/extensions.conf").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(r"exten| same", line)]
    applications = {
        match.group(1)
        for line in lines
        if (match := re.match(r"(?:exten = [^,]+,\w+|\s*same = n(?:\(\w+\))?),(\w+)\(", line))
    }
    known = (await pbx.rx("core show applications")).lower()
    assert applications >= {"Dial", "Queue", "MixMonitor", "AGI", "BridgeWait"}
    assert not [name for name in applications if f" {name.lower()}:" not in known]
    functions = set(re.findall(r"\$\{([A-Z_]+)\(", "\n".join(lines)))
    known = await pbx.rx("core show functions")
    assert functions >= {"FILTER", "RAND", "IF", "CUT", "CHANNEL_EXISTS"}
    assert not [name for name in functions if not re.search(rf"^{name} ", known, re.MULTILINE)]


async def test_only_the_websocket_is_served_over_http(pbx: Pbx) -> None:
    shown = await pbx.rx("http show status")
    assert re.findall(r"^(/\S*) =>", shown, re.MULTILINE) == ["/ws"]
    for path in ("/static/x", "/httpstatus", "/ari/channels", "/"):
        reader, writer = await asyncio.open_connection("127.0.0.1", pbx.settings.pbx.ws_port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert b" 404 " in await reader.readline()
        writer.close()


# LoggerRotate and the queue's and bridge's own actions are open to any account that may report; they
# reach no file of the caller's choice.
ALLOWED = ("Ping", "Status", "BridgeList", "DeviceStateList", "QueueStatus")
REFUSED: tuple[tuple[str, dict[str, str]], ...] = (
    ("Command", {"Command": "core show uptime"}),
    ("GetConfig", {"Filename": "manager.conf"}),
    ("GetConfigJSON", {"Filename": "pjsip.conf"}),
    ("ListCategories", {"Filename": "manager.conf"}),
    ("UpdateConfig", {"SrcFilename": "a.conf", "DstFilename": "b.conf"}),
    ("CreateConfig", {"Filename": "c.conf"}),
    ("ModuleLoad", {"Module": "app_system.so", "LoadType": "load"}),
    ("Reload", {}),
    ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
    ("DBGet", {"Family": "registrar", "Key": "b"}),
    ("UserEvent", {"UserEvent": "RdIn"}),
    ("Filter", {"Operation": "Add", "Filter": "x"}),
    ("MixMonitor", {"Channel": "x", "File": "x", "Command": "id"}),
    ("DialplanExtensionAdd", {"Context": "rd-in", "Extension": "9", "Priority": "1"}),
    ("PJSIPShowEndpoints", {}),
    ("PJSIPShowContacts", {}),
    ("Originate", {"Channel": "Local/4000@rd-in", "Application": "System", "Data": "id"}),
    ("Originate", {"Channel": "Local/4000@rd-in", "Application": "MixMonitor", "Data": "x"}),
    ("Originate", {"Channel": "Local/4000@rd-in", "Application": "SET", "Data": "FILE(/tmp/x)=y"}),
    ("Originate", {"Channel": "Local/4000@rd-in", "Application": "AGI", "Data": "/bin/id"}),
    ("Setvar", {"Variable": "SHELL(id)", "Value": "x"}),
    ("Getvar", {"Variable": "SHELL(id)"}),
    ("Getvar", {"Variable": "FILE(/etc/passwd)"}),
)  # fmt: skip


@pytest.mark.parametrize("action", ALLOWED)
async def test_the_account_may_what_the_service_needs(pbx: Pbx, action: str) -> None:
    async with AmiProbe.connected(pbx) as ami:
        assert (await ami.send(action))["Response"] == "Success"


@pytest.mark.parametrize(("action", "headers"), REFUSED)
async def test_the_account_may_nothing_that_reaches_files_programs_or_settings(
    pbx: Pbx, action: str, headers: dict[str, str]
) -> None:
    async with AmiProbe.connected(pbx) as ami:
        answer = await ami.send(action, **headers)
        # A function that isn't loaded reads as empty; everything else is an error.
        assert answer["Response"] == "Error" or answer.get("Value") == "", answer
    assert await pbx.channels() == []


async def test_a_wrong_secret_is_refused(pbx: Pbx) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", pbx.settings.pbx.ami_port)
    writer.write(b"Action: Login\r\nUsername: ringdesk\r\nSecret: wrong\r\n\r\n")
    answer = (await asyncio.wait_for(reader.read(), 10)).decode()  # to its end: it hangs up
    assert "Response: Error" in answer
    writer.close()


async def test_the_old_form_of_the_event_filter_lets_the_same_events_pass(pbx: Pbx) -> None:
    """Asterisk 20 knows only the regular expressions; they are tried here on this one."""
    install = pbx.process.install
    assert has_named_filters(install.version_numbers)
    manager = pbx.settings.asterisk_dir / "etc/manager.conf"
    named = manager.read_text(encoding="utf-8")
    old = re.sub(r"eventfilter\(name\((\w+)\)\) =", r"eventfilter = ^Event: \1[[:cntrl:]]", named)
    seen = []
    try:
        for text in (old, named):  # in this order, so that the rendered file is there at the end
            manager.write_text(text, encoding="utf-8")
            await pbx.rx("manager reload")
            seen.append(await _events_of_a_call(pbx))
    finally:
        manager.write_text(named, encoding="utf-8")
        await pbx.rx("manager reload")
    assert seen[0] == seen[1] == ["Newchannel", "UserEvent", "UserEvent", "Hangup"]


async def _events_of_a_call(pbx: Pbx) -> list[str]:
    port = pbx.settings.pbx.agi_port
    async with agi_peer(port, {"RD_NEXT": "hangup"}), AmiProbe.connected(pbx) as ami:
        async with calling(pbx) as caller:
            await caller.finished()
        await ami.event("Hangup")
        # A trunk's device state is told at any time, before or after.
        return [e["Event"] for e in ami.events if e["Event"] != "DeviceStateChange"]


async def test_a_new_colleague_is_known_after_rendering_again_and_nothing_else_is_touched(
    pbx: Pbx,
) -> None:
    install = find(pbx.settings.cache)
    assert install is not None
    assert render(pbx.settings, pbx.company, pbx.secrets, install) == (
        "manager.conf",
    )  # ``show_more``
    assert render(pbx.settings, pbx.company, pbx.secrets, install) == ()
    line = "  - {login: fay, name: Fay, staff_number: '6', extension: '1006'}\nqueues:"
    company = parse_company(
        SMALL_COMPANY.replace("queues:\n  - {name: sales", f"{line}\n  - {{name: sales")
    )
    secrets = load_or_make_secrets(pbx.settings.secrets_file, company)
    try:
        changed = render(pbx.settings, company, secrets, install)
        assert changed == ("extensions.conf", "pjsip.conf")
        await pbx.set_global("RD_HB", "a.1")
        for command in reload_commands(changed) or ():
            await pbx.rx(command)
        assert "1006w" in await pbx.rx("pjsip show endpoints")
        assert "RD_HB=a.1" in await pbx.rx("dialplan show globals")
    finally:
        for command in reload_commands(render(pbx.settings, pbx.company, secrets, install)) or ():
            await pbx.rx(command)
        pbx.show_more()


async def test_asterisk_knows_every_reload(pbx: Pbx) -> None:
    names = [path.name for path in (pbx.settings.asterisk_dir / "etc").iterdir()]
    reloadable = [name for name in names if reload_commands([name]) is not None]
    assert len(reloadable) >= 10
    for command in reload_commands(reloadable) or ():
        answer = await pbx.rx(command)
        assert not re.search("No such|not found|not loaded|Usage", answer), (command, answer)


async def test_calls_are_witnessed_by_cdr_and_cel_without_numbers_of_callers(pbx: Pbx) -> None:
    log = pbx.settings.asterisk_dir / "log"
    ani = str(13_900_000_000 + free_port())
    async with (
        agi_peer(pbx.settings.pbx.agi_port, {"RD_NEXT": "hangup"}),
        AmiProbe.connected(pbx) as ami,
        calling(pbx, ani=ani) as caller,
    ):
        await caller.finished()
        uniqueid = (await ami.event("Hangup"))["Uniqueid"]
    events = (log / "cel-custom/cel.csv").read_text(encoding="utf-8")
    calls = (log / "cdr-custom/cdr.csv").read_text(encoding="utf-8")
    assert f'"{uniqueid}"' in events
    assert f'"{uniqueid}"' in calls
    for path in (log / "messages.log", log / "cel-custom/cel.csv", log / "cdr-custom/cdr.csv"):
        assert ani not in path.read_text(encoding="utf-8")
