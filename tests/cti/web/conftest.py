"""The web application on memory, with one agent and one supervisor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from cti.bus.local import LocalBus
from cti.domain.events import SecurityNoted
from cti.domain.ids import AgentId
from cti.domain.people import Permission, Role, User
from cti.web.access import Tokens
from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.routing import Access, Body, Route, read_body, signed_in
from cti.web.signin import SignInDesk
from cti.web.tokens import TokenDesk
from tests.fakes.people import HandClock, MemoryAccounts, MemoryApiTokens, MemorySessions

PASSWORD = "correct horse"
LINA = User(AgentId("u1"), "lina", "李娜", "7001", "1001", Role.AGENT)
BOSS = User(AgentId("u2"), "boss", "Zhao", "7002", "1002", Role.SUPERVISOR)


class EchoBody(Body):
    text: str
    count: int = 0


class EchoAnswer(BaseModel):
    text: str


async def _echo(request: web.Request) -> web.StreamResponse:
    body = await read_body(request, EchoBody)
    return web.json_response({"text": body.text})


async def _who(request: web.Request) -> web.StreamResponse:
    return web.json_response({"user_id": signed_in(request).user.user_id})


async def _fail(_request: web.Request) -> web.StreamResponse:
    raise RuntimeError("secret detail")


ROUTES = [
    Route("POST", "/api/v1/echo", _echo, Permission.TAKE_CALLS, "Echo", EchoBody, EchoAnswer),
    Route("POST", "/api/v1/team/{name}", _echo, Permission.WATCH_TEAM, "Team", EchoBody),
    Route("POST", "/api/v1/program", _who, Access.PROGRAM, "Of a program"),
    Route("GET", "/api/v1/fail", _fail, Permission.TAKE_CALLS, "Fails"),
]


@dataclass
class Site:
    """The application under test and what it stands on."""

    client: TestClient[web.Request, web.Application]
    clock: HandClock
    accounts: MemoryAccounts
    sessions: MemorySessions
    desk: SignInDesk
    app: web.Application
    health: dict[str, bool]
    frames: list[str]
    noted: list[str] = field(default_factory=list)

    async def sign_in(self, login: str = "lina", password: str = PASSWORD) -> str:
        """Sign in; returns the CSRF token."""
        body = {"login": login, "password": password}
        response = await self.client.post("/api/v1/session", json=body)
        assert response.status == 200, await response.text()
        return str((await response.json())["csrf"])


@pytest.fixture(scope="session")
def passwords() -> Iterator[Passwords]:
    passwords = Passwords()
    yield passwords
    passwords.close()


@pytest.fixture
def static_dir(tmp_path: Path) -> Path:
    return tmp_path / "static"


@pytest.fixture
async def site(passwords: Passwords, static_dir: Path) -> AsyncIterator[Site]:
    clock, accounts, sessions, bus = HandClock(), MemoryAccounts(), MemorySessions(), LocalBus()
    hashed = await passwords.hash(PASSWORD)
    await accounts.save(LINA, hashed)
    await accounts.save(BOSS, hashed)
    desk = SignInDesk(accounts, sessions, passwords, clock, bus, timedelta(hours=12))
    health = {"database": True, "switch": True}
    frames: list[str] = []
    parts = WebParts(
        desk=desk,
        origins=own_origins(["https://desk.example.com"]),
        health=lambda: health,
        routes=ROUTES,
        connect=["ws://127.0.0.1:8088"],
        frames=lambda: frames,
        static_dir=static_dir,
        registry=CollectorRegistry(),
        tokens=Tokens("command-token", "metrics-token"),
        programs=TokenDesk(accounts, MemoryApiTokens(), clock, bus),
    )
    app = build_app(parts)
    async with TestClient(TestServer(app)) as client:
        site = Site(client, clock, accounts, sessions, desk, app, health, frames)
        bus.subscribe(lambda event: site.noted.append(getattr(event, "what", "")), SecurityNoted)
        yield site
