"""Tokens of programs: made by their owner, used without a cookie, revoked; and who is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from cti.web.app import WebParts, build_app
from cti.web.security import OriginRule
from cti.web.tokens import MOST, PREFIX
from tests.cti.web.conftest import LINA, ROUTES, Site

pytestmark = pytest.mark.contract

TOKENS, PROGRAM = "/api/v1/tokens", "/api/v1/program"


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def made(site: Site, label: str = "CRM") -> dict[str, Any]:
    """A new token of Lina's, and nobody signed in any more."""
    csrf = {"X-CSRF-Token": await site.sign_in()}
    response = await site.client.post(TOKENS, json={"label": label}, headers=csrf)
    assert response.status == 200, await response.text()
    token: dict[str, Any] = await response.json()
    assert (await site.client.delete("/api/v1/session", headers=csrf)).status == 204
    return token


async def error_of(response: Any) -> tuple[int, str]:
    return response.status, (await response.json())["error"]["id"]


async def test_a_program_acts_for_the_owner_of_its_token(site: Site) -> None:
    token = await made(site)
    assert token["token"].startswith(PREFIX)
    response = await site.client.post(PROGRAM, headers=bearing(token["token"]))
    assert (response.status, await response.json()) == (200, {"user_id": LINA.user_id})
    await site.sign_in()
    listed = (await (await site.client.get(TOKENS)).json())["tokens"]
    assert [(t["token_id"], t["label"]) for t in listed] == [(token["token_id"], "CRM")]
    assert listed[0]["last_used_at"] is not None
    assert "token" not in listed[0]


async def test_a_cookie_is_no_token(site: Site) -> None:
    csrf = await site.sign_in()
    response = await site.client.post(PROGRAM, headers={"X-CSRF-Token": csrf})
    assert await error_of(response) == (401, "token_needed")


@pytest.mark.parametrize("text", ["", "x", "rdt_" + "A" * 43, "rdt_" + "é", "A" * 5000])
async def test_an_unknown_token_is_refused_and_noted(site: Site, text: str) -> None:
    await made(site)
    status, error_id = await error_of(await site.client.post(PROGRAM, headers=bearing(text)))
    assert (status, error_id) in {(401, "token_refused"), (401, "token_needed")}
    assert ("token_refused" in site.noted) == (error_id == "token_refused")


async def test_a_foreign_page_gets_nowhere_with_a_token(site: Site) -> None:
    headers = {**bearing((await made(site))["token"]), "Origin": "https://evil.example"}
    response = await site.client.post(PROGRAM, headers=headers)
    assert await error_of(response) == (403, "foreign_origin")


async def test_a_token_opens_nothing_but_what_is_meant_for_programs(site: Site) -> None:
    headers = bearing((await made(site))["token"])
    for method, path in (("GET", TOKENS), ("GET", "/api/v1/session"), ("POST", "/api/v1/echo")):
        response = await site.client.request(method, path, json={}, headers=headers)
        assert await error_of(response) == (401, "not_signed_in")


async def test_a_revoked_token_and_one_of_somebody_who_left(site: Site) -> None:
    first, second = await made(site), await made(site, "Script")
    csrf = {"X-CSRF-Token": await site.sign_in()}
    path = f"{TOKENS}/{first['token_id']}"
    assert (await site.client.delete(path, headers=csrf)).status == 204
    assert await error_of(await site.client.delete(path, headers=csrf)) == (404, "no_such_token")
    refused = await site.client.post(PROGRAM, headers=bearing(first["token"]))
    assert await error_of(refused) == (401, "token_refused")
    assert (await site.client.post(PROGRAM, headers=bearing(second["token"]))).status == 200
    await site.accounts.save(replace(LINA, is_active=False))
    refused = await site.client.post(PROGRAM, headers=bearing(second["token"]))
    assert await error_of(refused) == (401, "token_refused")
    assert {"token_made", "token_revoked", "token_refused"} <= set(site.noted)


async def test_nobody_lists_or_revokes_anothers(site: Site) -> None:
    token = await made(site)
    csrf = {"X-CSRF-Token": await site.sign_in("boss")}
    assert (await (await site.client.get(TOKENS)).json()) == {"tokens": []}
    refused = await site.client.delete(f"{TOKENS}/{token['token_id']}", headers=csrf)
    assert await error_of(refused) == (404, "no_such_token")
    assert (await site.client.post(PROGRAM, headers=bearing(token["token"]))).status == 200


async def test_so_many_and_no_more(site: Site) -> None:
    csrf = {"X-CSRF-Token": await site.sign_in()}
    for _ in range(MOST):
        assert (await site.client.post(TOKENS, json={"label": "x"}, headers=csrf)).status == 200
    refused = await site.client.post(TOKENS, json={"label": "x"}, headers=csrf)
    assert await error_of(refused) == (409, "too_many_tokens")


async def test_where_no_programs_are_served_their_routes_are_closed(site: Site) -> None:
    app = build_app(
        WebParts(site.desk, OriginRule(), dict, routes=ROUTES, registry=CollectorRegistry())
    )
    assert TOKENS not in {r.resource.canonical for r in app.router.routes() if r.resource}
