"""``POST /api/v1/messages``: the page's own command, for whom a token stands; never by a cookie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from cti.domain import day_events as day
from cti.domain.people import User
from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk
from cti.web.tokens import TokenDesk
from screenpop.adapters.messages_http import MessagesSite
from screenpop.adapters.programs import ProgramDesk
from tests.fakes.people import MemoryAccounts, MemoryApiTokens, MemorySessions
from tests.screenpop.conftest import BOSS, LINA, World

pytestmark = pytest.mark.contract

Post = Callable[..., Awaitable[int]]


@pytest.fixture
async def post(world: World) -> AsyncIterator[Post]:
    """Posts with somebody's token (None: without one); returns the status."""
    accounts, passwords = MemoryAccounts(LINA, BOSS), Passwords(threads=1)
    sign_in = SignInDesk(
        accounts, MemorySessions(), passwords, world.clock, world.bus, timedelta(hours=12)
    )
    programs = TokenDesk(accounts, MemoryApiTokens(), world.clock, world.bus)
    tokens = {user.user_id: (await programs.make(user, "CRM"))[1] for user in (LINA, BOSS)}
    routes = MessagesSite(ProgramDesk(world.pop, world.commands, world.clock)).routes()
    parts = WebParts(
        sign_in, own_origins([]), dict, routes=routes, registry=CollectorRegistry(),
        programs=programs,
    )  # fmt: skip
    async with TestClient(TestServer(build_app(parts))) as client:

        async def send(by: User | None, key: str = "command1", **body: str) -> int:
            headers = {"Authorization": f"Bearer {tokens[by.user_id]}"} if by else {}
            whole = {"audience": "agent", "target": "1001", "text": "Line 2 is closed", **body}
            answer = await client.post(
                "/api/v1/messages", json={"command_id": key, **whole}, headers=headers
            )
            return answer.status

        yield send
    passwords.close()


async def test_a_supervisors_program_writes_once_for_one_command(world: World, post: Post) -> None:
    assert [await post(BOSS), await post(BOSS)] == [200, 200]
    [sent] = world.of(day.MessageSent)
    assert (sent.by, sent.recipients) == (BOSS.user_id, (LINA.user_id,))


async def test_others_may_not(world: World, post: Post) -> None:
    assert await post(LINA) == 403
    assert await post(None) == 401
    assert await post(BOSS, "command2", target="1999") == 404
    assert await post(BOSS, "command3", audience="team", target="none") == 404
    assert await post(BOSS, "command4", text="\u202e\u200b") == 422
    assert await post(BOSS, "command5", text="x" * 10_000) in (400, 422)
    assert world.of(day.MessageSent) == []
