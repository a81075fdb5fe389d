"""Click to call from a program: one command with the page's own checks, and what never reaches the switch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from cti.domain import events as ev
from cti.domain.ids import Endpoint
from cti.domain.targets import Target
from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk
from cti.web.tokens import TokenDesk
from screenpop.adapters.calls_http import CallsSite, number_of
from screenpop.adapters.programs import ProgramDesk
from tests.fakes.people import MemoryAccounts, MemoryApiTokens, MemorySessions
from tests.screenpop.conftest import LINA, Page, State, World

pytestmark = pytest.mark.contract

OUTSIDE = "+86 139 0000 1111"


@dataclass
class Caller:
    """A program with Lina's token."""

    client: TestClient[web.Request, web.Application]
    token: str

    async def call(self, number: str, key: str = "command1", **more: Any) -> tuple[int, str]:
        """Status, and the refusal's id if it was one."""
        headers = {"Authorization": f"Bearer {self.token}"}
        body = {"command_id": key, "number": number, **more}
        response = await self.client.post("/api/v1/calls", json=body, headers=headers)
        error = (await response.json()).get("error", {})
        return response.status, error.get("id", "")


@pytest.fixture
async def program(world: World) -> AsyncIterator[Caller]:
    accounts, passwords = MemoryAccounts(LINA), Passwords(threads=1)
    day = timedelta(hours=12)
    sign_in = SignInDesk(accounts, MemorySessions(), passwords, world.clock, world.bus, day)
    programs = TokenDesk(accounts, MemoryApiTokens(), world.clock, world.bus)
    _, token = await programs.make(LINA, "CRM")
    routes = CallsSite(ProgramDesk(world.pop, world.commands, world.clock)).routes()
    parts = WebParts(
        sign_in,
        own_origins([]),
        dict,
        routes=routes,
        registry=CollectorRegistry(),
        programs=programs,
    )
    async with TestClient(TestServer(build_app(parts))) as client:
        yield Caller(client, token)
    passwords.close()


def ready(world: World) -> Page:
    endpoint = Endpoint("1001w")
    world.agents.change(LINA.user_id, state=State.READY, endpoint=endpoint, phone="idle")
    return Page(world, LINA)


async def test_it_rings_the_owners_phone_once_for_one_command(
    world: World, program: Caller
) -> None:
    ready(world)
    assert await program.call(OUTSIDE) == (200, "")
    assert await program.call(OUTSIDE) == (200, "")
    [(name, phone, target, _)] = world.switch.asked
    assert (name, phone) == ("originate", Endpoint("1001w"))
    assert target == Target("outside", "+8613900001111", "400100")
    [accepted] = world.of(ev.CommandAccepted)
    assert (accepted.by, accepted.arguments) == (LINA.user_id, {"target_kind": "outside"})
    assert await program.call(OUTSIDE, "command2") == (409, "busy")


async def test_a_number_of_ones_own_is_shown(world: World, program: Caller) -> None:
    ready(world)
    assert await program.call(OUTSIDE, caller_id="10086") == (409, "caller_id_not_allowed")
    assert await program.call(OUTSIDE, "command2", caller_id="400200") == (200, "")
    assert world.switch.asked[0][2].shown == "400200"


async def test_nobody_signed_in(world: World, program: Caller) -> None:
    status, error_id = await program.call(OUTSIDE)
    assert (status, error_id) == (409, "signed_out")
    assert world.switch.asked == []


@pytest.mark.parametrize(
    "number",
    [
        "1002&PJSIP/trunk/sip:1@evil", "0139,60", "0139^1", "${SHELL(id)}", "PJSIP/x/sip:1@evil",
        "tel:013900001111&1", "tel:%26%2C", "0139\r\nAction: Originate", "0139\u202e0000",
        "javascript:alert(1)", "１３９", "*72013900001111", "#31#", "+", "-",
    ],
)  # fmt: skip
async def test_nothing_but_numbers_reaches_the_switch(
    world: World, program: Caller, number: str
) -> None:
    ready(world)
    status, error_id = await program.call(number)
    assert (status, error_id) == (409, "no_such_number")
    assert world.switch.asked == []


@pytest.mark.parametrize("number", ["1900123456", "110x", "0" * 200])
async def test_numbers_that_the_company_forbids(world: World, program: Caller, number: str) -> None:
    ready(world)
    status, _ = await program.call(number)
    assert status in (400, 409, 422)
    assert world.switch.asked == []


@pytest.mark.parametrize("body", [{}, {"number": "0139"}, {"command_id": "short", "number": "0"}])
async def test_bodies_of_another_shape(program: Caller, body: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {program.token}"}
    response = await program.client.post("/api/v1/calls", json=body, headers=headers)
    assert response.status == 400


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("tel:+86-10-6552-9988", "+86-10-6552-9988"),
        ("TEL:+8613900001111;ext=12;phone-context=x", "+8613900001111"),
        ("tel:%2B86%20139", "+86 139"),
        (" 1002 ", "1002"),
        ("sip:1002@desk", "sip:1002@desk"),
    ],
)
def test_the_number_in_a_link(text: str, number: str) -> None:
    assert number_of(text) == number
