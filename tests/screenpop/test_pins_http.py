"""Setting a customer's PIN: supervisors may, agents may not, and nobody can read one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CustomerId
from cti.domain.people import Role
from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk
from screenpop.adapters.pins_http import PinsSite
from tests.cti.web.conftest import PASSWORD
from tests.fakes.people import MemoryAccounts, MemorySessions
from tests.screenpop.conftest import LINA, World

pytestmark = pytest.mark.contract

SOFIA = replace(LINA, user_id=AgentId("u8"), login="sofia", extension="1010", role=Role.SUPERVISOR)
Put = Callable[..., Awaitable[tuple[int, Any]]]


class Pins:
    """Takes what is set, of one customer."""

    def __init__(self) -> None:
        self.taken: list[tuple[CustomerId, str, AgentId]] = []

    async def set(self, customer_id: CustomerId, pin: str, by: AgentId) -> None:
        if customer_id != 1:
            raise CommandRefused("no_such_customer", "There is no such customer.")
        if not pin.isdigit():
            raise CommandRefused("invalid_value", "A PIN has 4 to 8 digits.")
        self.taken.append((customer_id, pin, by))


@pytest.fixture
def pins() -> Pins:
    return Pins()


@pytest.fixture
async def put(world: World, pins: Pins) -> AsyncIterator[Put]:
    accounts, passwords = MemoryAccounts(LINA, SOFIA), Passwords(threads=1)
    for user in (LINA, SOFIA):
        await accounts.save(user, await passwords.hash(PASSWORD))
    day = timedelta(hours=12)
    desk = SignInDesk(accounts, MemorySessions(), passwords, world.clock, world.bus, day)
    routes = PinsSite(pins).routes()
    parts = WebParts(desk, own_origins([]), dict, routes=routes, registry=CollectorRegistry())
    async with TestClient(TestServer(build_app(parts))) as client:

        async def ask(body: Any, customer: str = "1", login: str = "sofia") -> tuple[int, Any]:
            credentials = {"login": login, "password": PASSWORD}
            answer = await client.post("/api/v1/session", json=credentials)
            headers = {"X-CSRF-Token": (await answer.json())["csrf"]}
            address = f"/api/v1/customers/{customer}/pin"
            answer = await client.put(address, json=body, headers=headers)
            return answer.status, await answer.text()

        yield ask
    passwords.close()


async def test_a_supervisor_sets_one(put: Put, pins: Pins) -> None:
    status, text = await put({"pin": "2580"})
    assert (status, text) == (200, '{"customer_id":1,"has_pin":true}')
    assert pins.taken == [(1, "2580", "u8")]


async def test_an_agent_may_not(put: Put, pins: Pins) -> None:
    status, _ = await put({"pin": "2580"}, login="lina")
    assert (status, pins.taken) == (403, [])


@pytest.mark.parametrize(
    ("body", "customer", "status"),
    [
        ({"pin": "25x80"}, "1", 422),
        ({"pin": "2580"}, "2", 404),
        ({"pin": "2580"}, "one", 404),
        ({"pin": 2580}, "1", 422),
        ({"pin": "258025802580"}, "1", 422),
        ({"pin": "2580", "why": "x"}, "1", 422),
        ([], "1", 422),
    ],
)
async def test_what_is_wrong_is_refused_and_not_repeated(
    put: Put, pins: Pins, body: Any, customer: str, status: int
) -> None:
    answered, text = await put(body, customer)
    assert (answered in (status, 400), pins.taken) == (True, [])
    assert "258025802580" not in text
