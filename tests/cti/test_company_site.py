"""``/api/v1/company``: who may, both forms, hashes, what is refused how; and the canonical form itself."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cti.applying import Applying, keep_people
from cti.builtin import complete_like, with_simulators
from cti.bus.local import LocalBus
from cti.cli.deployment import sample_company
from cti.company import parse_company
from cti.company_site import MAX_DOCUMENT, CompanySite
from cti.company_text import Versions, differences, digest_of, document_of, text_of
from cti.domain.events import CompanyChanged
from cti.domain.ids import AgentId
from cti.domain.people import Role, User
from cti.ports import Session
from cti.web.access import Tokens
from cti.web.app import WebParts, build_app, own_origins
from cti.web.passwords import Passwords
from cti.web.signin import SignInDesk, token_hash
from tests.fakes.clock import VirtualClock
from tests.fakes.journal import MemoryJournal
from tests.fakes.people import MemoryAccounts, MemorySessions

pytestmark = pytest.mark.contract

SAMPLE = parse_company(sample_company())
ADMIN = User(AgentId("admin"), "admin", "Admin", "0", "9999", Role.ADMINISTRATOR)


@dataclass
class Site:
    client: TestClient[web.Request, web.Application]
    applying: Applying
    told: list[CompanyChanged]

    async def send(self, login: str = "root", **how: Any) -> tuple[int, dict[str, Any]]:
        headers = {"X-CSRF-Token": "c", "Content-Type": "application/yaml", "If-Match": "*"}
        headers = {**headers, "Cookie": f"rd_session=token-{login}", **how.pop("headers", {})}
        path = f"/api/v1/company{how.pop('query', '')}"
        headers = {name: value for name, value in headers.items() if value}
        answer = await self.client.put(
            path, headers=headers, skip_auto_headers=["Content-Type"], **how
        )
        return answer.status, json.loads(await answer.text())


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    clock, bus, sessions = VirtualClock(), LocalBus(), MemorySessions()
    journal, accounts = MemoryJournal([], clock), MemoryAccounts()
    await journal.start()
    bus.subscribe(lambda event: _record(journal, event))
    company = with_simulators(SAMPLE, 2)
    await keep_people(accounts, company)
    for login, user_id in (("root", "admin"), ("lina", "lina"), ("sofia", "sofia")):
        now = clock.now()
        end = now + timedelta(days=1)
        session = Session(token_hash(f"token-{login}"), AgentId(user_id), "c", now, now, end)
        await sessions.add(session)
    applying = Applying(
        company, file=tmp_path / "company.yaml", versions=Versions(tmp_path / "versions"),
        accounts=accounts, sessions=sessions, journal=journal, bus=bus, clock=clock, parts=(),
        exchanges=(), state_of=lambda _: "", waiting_in=lambda _: 0,
    )  # fmt: skip
    applying.start()
    passwords = Passwords()
    desk = SignInDesk(accounts, sessions, passwords, clock, bus, timedelta(days=1))
    app = build_app(
        WebParts(
            desk, own_origins([]), dict, routes=CompanySite(applying).routes(),
            static_dir=tmp_path, tokens=Tokens("command-token", ""),
        )
    )  # fmt: skip
    told: list[CompanyChanged] = []
    bus.subscribe(lambda event: told.append(event), CompanyChanged)  # type: ignore[arg-type]
    async with TestClient(TestServer(app)) as client:
        yield Site(client, applying, told)
    await journal.stop()
    passwords.close()


def _record(journal: MemoryJournal, event: Any) -> None:
    journal.record(event)


def renamed(name: str) -> str:
    return text_of(SAMPLE.model_copy(update={"name": name}))


async def test_both_forms_are_read_and_taken_and_the_hash_leads_from_one_to_the_next(
    site: Site,
) -> None:
    cookie = {"Cookie": "rd_session=token-root"}
    answer = await site.client.get("/api/v1/company", headers=cookie)
    document, tag = await answer.json(), answer.headers["ETag"]
    assert document == document_of(SAMPLE)  # without the simulators
    assert tag == f'"{digest_of(SAMPLE)}"'
    in_yaml = await site.client.get(
        "/api/v1/company", headers={**cookie, "Accept": "application/yaml"}
    )
    assert yaml.safe_load(await in_yaml.text()) == document
    document["name"] = "Another"
    as_json = {"Content-Type": "application/json", "If-Match": tag}
    status, done = await site.send(data=json.dumps(document), headers=as_json)
    assert (status, done["is_changed"]) == (200, True)
    assert done["changes"] == [{"key": "name", "old": SAMPLE.name, "new": "Another"}]
    assert [(e.by, e.digest) for e in site.told] == [("admin", done["digest"])]
    status, error = await site.send(data=renamed("Late"), headers={"If-Match": tag})
    assert (status, error["error"]["id"]) == (412, "changed_meanwhile")
    assert site.applying.company.name == "Another"
    versions = await (await site.client.get("/api/v1/company/versions", headers=cookie)).json()
    first = versions["versions"][-1]["digest"]
    old = await site.client.get(f"/api/v1/company?version={first}", headers=cookie)
    assert (await old.json())["name"] == SAMPLE.name
    assert (await site.client.get("/api/v1/company?version=0000", headers=cookie)).status == 404


async def test_a_trial_and_the_same_again_change_nothing(site: Site) -> None:
    status, done = await site.send(data=renamed("Trial"), query="?dry_run=true")
    assert (status, done["is_changed"], len(done["changes"])) == (200, True, 1)
    status, done = await site.send(data=sample_company())  # as somebody wrote it, with comments
    assert (status, done["is_changed"]) == (200, False)
    assert site.told == []


@pytest.mark.parametrize(
    ("login", "how", "expected"),
    [
        ("lina", {}, (403, "not_allowed")),
        ("sofia", {}, (403, "not_allowed")),
        ("nobody", {}, (401, "not_signed_in")),
        ("root", {"headers": {"X-CSRF-Token": "x"}}, (403, "csrf")),
        ("root", {"headers": {"If-Match": ""}}, (428, "no_if_match")),
        ("root", {"headers": {"Content-Type": "text/plain"}}, (415, "not_yaml")),
        ("root", {"data": b"\xff\xfe"}, (400, "not_text")),
        ("root", {"data": "a: ["}, (422, "wrong_company")),
        ("root", {"data": "[" * 50_000}, (422, "wrong_company")),
        ("root", {"data": "x: &a [*a]"}, (422, "wrong_company")),
        ("root", {"data": "!!python/object/apply:os.system [id]"}, (422, "wrong_company")),
        ("root", {"data": io.BytesIO(b"#" * (MAX_DOCUMENT + 1))}, (413, "too_large")),
        ("root", {"query": "?dry_run=perhaps"}, (400, "wrong_query")),
    ],
)  # fmt: skip
async def test_who_may_and_what_is_refused(
    site: Site, login: str, how: dict[str, Any], expected: tuple[int, str]
) -> None:
    status, answer = await site.send(login, **{"data": renamed("Other"), **how})
    assert (status, answer["error"]["id"]) == expected
    assert site.told == []
    assert site.applying.company == SAMPLE


async def test_our_command_needs_no_session(site: Site) -> None:
    token = {"Authorization": "Bearer command-token", "Cookie": "", "X-CSRF-Token": ""}
    status, done = await site.send(data=renamed("By command"), headers=token)
    assert (status, done["is_changed"]) == (200, True)
    assert [e.by for e in site.told] == ["-command-"]


def test_the_canonical_form_says_the_same_company() -> None:
    assert parse_company(text_of(SAMPLE)) == SAMPLE
    assert text_of(parse_company(text_of(SAMPLE))) == text_of(SAMPLE)
    whole = with_simulators(SAMPLE, 3)
    base, complete = complete_like(whole)
    assert (base, complete(base)) == (SAMPLE, whole)
    assert complete_like(SAMPLE)[1](SAMPLE) == SAMPLE


def test_differences_are_told_by_name_and_an_order_that_counts_too() -> None:
    document = document_of(SAMPLE)
    people = document["people"]
    moved = parse_company(json.dumps({**document, "people": people[::-1]}))
    assert [d.key for d in differences(SAMPLE, moved)] == ["people"]
    shorter = parse_company(json.dumps({**document, "customers": document["customers"][1:]}))
    [gone] = differences(SAMPLE, shorter)
    assert gone.key == f"customers.{document['customers'][0]['name']}"
    assert gone.new is None
    assert differences(SAMPLE, SAMPLE) == []
