"""Searching customers: who may, what comes back, and that numbers stay masked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk
from screenpop.adapters.customers_http import CustomersSite
from tests.cti.web.conftest import PASSWORD
from tests.fakes.people import MemoryAccounts, MemorySessions
from tests.screenpop.conftest import LINA, PLAN, WANG, World

pytestmark = pytest.mark.contract

Search = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def search(world: World) -> AsyncIterator[Search]:
    accounts, passwords = MemoryAccounts(LINA), Passwords(threads=1)
    await accounts.save(LINA, await passwords.hash(PASSWORD))
    day = timedelta(hours=12)
    desk = SignInDesk(accounts, MemorySessions(), passwords, world.clock, world.bus, day)
    routes = CustomersSite(world.tickets.office, lambda: PLAN).routes()
    parts = WebParts(desk, own_origins([]), dict, routes=routes, registry=CollectorRegistry())
    async with TestClient(TestServer(build_app(parts))) as client:
        body = {"login": LINA.login, "password": PASSWORD}

        async def ask(text: Any, *, signed_in: bool = True) -> tuple[int, Any]:
            headers = {}
            if signed_in:
                answer = await client.post("/api/v1/session", json=body)
                headers = {"X-CSRF-Token": (await answer.json())["csrf"]}
            address = "/api/v1/customers/search"
            answer = await client.post(address, json={"text": text}, headers=headers)
            return answer.status, await answer.json()

        yield ask
    passwords.close()


@pytest.mark.parametrize("text", ["小明", "ACME", "138 0013 8000", "+8613800138000", "8000"])
async def test_what_is_found_is_told_with_a_masked_number(search: Search, text: str) -> None:
    status, answer = await search(text)
    assert status == 200
    assert answer["customers"] == [
        {
            "id": 1,
            "name": "王小明",
            "company": "Acme GmbH",
            "group": "",
            "numbers": ["138****8000"],
            "last": None,
        }
    ]


async def test_the_last_contact_is_told(world: World, search: Search) -> None:
    await world.waiting(WANG)
    await world.connected()
    await world.ended()
    _, answer = await search("小明")
    last = answer["customers"][0]["last"]
    assert (last["outcome"], last["agent"]) == ("answered", "李娜")


@pytest.mark.parametrize("text", ["13800", "0138", "a", "%", "王大锤", "\u202e\u202e", "anonymous"])
async def test_what_finds_nobody(search: Search, text: str) -> None:
    assert await search(text) == (200, {"customers": []})


@pytest.mark.parametrize("text", ["", "x" * 101, 7, None, ["王"]])
async def test_no_question(search: Search, text: Any) -> None:
    status, answer = await search(text)
    assert (status, answer["error"]["id"]) == (400, "wrong_shape")


async def test_nobody_asks_without_a_session(search: Search) -> None:
    status, _ = await search("小明", signed_in=False)
    assert status == 401
