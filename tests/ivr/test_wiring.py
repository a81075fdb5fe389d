from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cti.asterisk.fastagi import FastAgiServer
from cti.company import Flow
from cti.domain.errors import ConfigError
from cti.domain.events import MenuLeft
from ivr.adapters.prompts import wanted_prompts
from ivr.wiring import Ivr, wire
from tests.fakes.agi_channel import FakeAgiChannel
from tests.fakes.waiting_line import Waits
from tests.ivr.flows import company, flow, node
from tests.ivr.test_service import CALL, HELPLINE, MAIN, Desk

pytestmark = pytest.mark.contract


class Environment:
    """What Asterisk tells of the channel."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def get(self, name: str) -> str:
        return self._variables.get(name, "")

    @property
    def query(self) -> Mapping[str, str]:
        return {name: self._variables[name] for name in ("flow",) if name in self._variables}


class Channel(FakeAgiChannel):
    """A channel as a script gets it."""

    def __init__(self, keys: str = "", call_id: str = CALL, **environment: str) -> None:
        super().__init__(keys)
        self.variables["RD_CALL"] = call_id
        self.environment = Environment(environment)
        self.path = "/ivr"


def wired(tmp_path: Path, *flows: Flow) -> tuple[Ivr, Desk]:
    desk = Desk()
    ivr = wire(
        company(*flows, numbers={"4001": "helpline"} if HELPLINE in flows else None),
        tmp_path,
        bus=desk.bus,
        clock=desk.clock,
        calls=desk.calls,
        line=desk.line,
        recording=desk,
    )
    return ivr, desk


@pytest.mark.parametrize(("extension", "queue"), [("4001", "help"), ("4000", "sales")])
async def test_the_ivr_script_serves_the_number_dialled(
    tmp_path: Path, extension: str, queue: str
) -> None:
    ivr, desk = wired(tmp_path, MAIN, HELPLINE)
    desk.offer()
    channel: Any = Channel("1", extension=extension, language="en")
    await ivr.routes["/ivr"](channel)
    assert channel.variables["RD_QUEUE"] == queue
    assert list(channel.variables)[-1] == "RD_NEXT"


async def test_the_announce_script_says_the_position(tmp_path: Path) -> None:
    ivr, desk = wired(tmp_path, MAIN)
    desk.line.waiting[CALL] = Waits(4)
    channel: Any = Channel(language="zh")
    await ivr.routes["/announce"](channel)
    assert channel.played == ["ringdesk/ivr-position-4"]
    assert channel.variables["RD_NEXT"] == "wait"


@pytest.mark.parametrize("call_id", ["", "x\r\ny", "../../etc/passwd"])
async def test_a_call_without_our_id_is_left_to_the_dialplan(tmp_path: Path, call_id: str) -> None:
    ivr, desk = wired(tmp_path, MAIN)
    server = FastAgiServer(ivr.routes, desk.clock)
    channel: Any = Channel("1", call_id=call_id)
    await server.run(channel)
    assert "RD_NEXT" not in channel.variables
    assert desk.events == []


async def test_a_broken_company_is_refused_and_the_old_menus_stay(tmp_path: Path) -> None:
    ivr, desk = wired(tmp_path, MAIN)
    with pytest.raises(ConfigError, match="needs 'keys'"):
        await ivr.configure(company(flow(node("menu", "menu"))))
    with pytest.raises(ConfigError, match="needs 'keys'"):
        wired(tmp_path, flow(node("menu", "menu")))
    desk.offer()
    channel: Any = Channel("1")
    await ivr.routes["/ivr"](channel)
    assert [e.outcome for e in desk.events if isinstance(e, MenuLeft)] == ["queue"]


async def test_configure_makes_the_prompts_and_then_uses_the_menus(tmp_path: Path) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.fail("espeak-ng is missing; `make setup` installs it")
    ivr, desk = wired(tmp_path, MAIN)
    report = await ivr.configure(company(HELPLINE))
    # No text of its own: the sentences of the system, each in two languages.
    assert report.made == len(wanted_prompts(company(HELPLINE))) > 2 * 24
    assert ivr.prompts.length("ivr-position-1", "zh") is not None
    desk.offer()
    channel: Any = Channel()
    await ivr.routes["/ivr"](channel)
    assert channel.variables["RD_QUEUE"] == "help"


async def test_the_calls_id_that_came_with_the_call_is_not_asked_for(tmp_path: Path) -> None:
    ivr, desk = wired(tmp_path, MAIN)
    desk.offer()
    channel: Any = Channel("1", call_id="", extension="4000", language="en", arg_1=CALL)
    await ivr.routes["/ivr"](channel)
    assert channel.variables["RD_NEXT"] == "wait"


async def test_an_argument_that_is_no_id_is_left_to_the_dialplan(tmp_path: Path) -> None:
    ivr, desk = wired(tmp_path, MAIN)
    desk.offer()
    channel: Any = Channel("1", extension="4000", language="en", arg_1="../x")
    await FastAgiServer(ivr.routes, desk.clock).run(channel)
    assert "RD_NEXT" not in channel.variables
