"""Real callers, real phones: pushed and pulled out of turn; then another company, while one waits and two talk."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from asterisk_conf.secrets import load_or_make_secrets
from cti.builtin import with_simulators
from cti.company import Company
from cti.company_text import document_of, text_of
from cti.domain import events as ev
from cti.domain.ids import AgentId
from cti.domain.people import Role, User
from cti.storage.people import SqlAccounts
from cti.web.passwords import Passwords
from tests.asterisk.live import PASSWORD, Live, live
from tests.asterisk.races import Seat, seated
from tests.asterisk.scene import LINE, Scene, fault_company, scene
from tests.asterisk.wire_phone import wire_phone
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]
WHY = "asked for on the street"


def company(*more: Mapping[str, object], **rules: object) -> Company:
    """Two agents who may pull, and a boss."""
    document = document_of(fault_company(2))
    boss = {
        "login": "boss", "name": "Boss", "staff_number": "9", "extension": "1199",
        "role": "administrator",
    }  # fmt: skip
    document["people"] += [boss, *more]
    document["queues"][0].update(agents_pull=True, **rules)
    return Company.model_validate(document)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(company(), simulated=1) as running:
        yield running


async def test_pushed_pulled_and_served_by_somebody_whom_a_running_service_learnt_of(
    product: Live,
) -> None:
    async with scene(product) as stage, contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(seated(stage, "agent1"))
        second = await stack.enter_async_context(seated(stage, "agent2"))
        boss = await stack.enter_async_context(stage.desktop("boss"))
        await second.desktop.command("agent.not_ready", reason="lunch")
        talks, waits, pulled, pushed = [await comes(stage, stack) for _ in range(4)]
        await until_talking(stage, first, talks)
        ids = await stage.call_ids(0, [talks, waits, pulled, pushed])

        await boss.command("queue.push", call_id=ids[pushed], agent="1102", force=True, why=WHY)
        await until_talking(stage, second, pushed)
        await stage.end_all([pushed])
        await second.desktop.until(lambda d: d.state == "NOT_READY", 20)
        second.phone.lines.clear()

        await second.desktop.command("queue.pull", call_id=ids[pulled], why=WHY)
        await until_talking(stage, second, pulled)
        laid = await product.wait_for(ev.HandLaid, count=2)
        assert [(e.what, e.agent_id) for e in laid] == [("push", "agent2"), ("pull", "agent2")]

        before = await stage.until_at("waiting", [waits])
        new: dict[str, object] = {
            "login": "newbie", "name": "New", "staff_number": "8", "extension": "1190",
            "queues": ["line"],
        }  # fmt: skip
        await apply(product, company(new, strategy="linear"))
        secrets = load_or_make_secrets(product.settings.secrets_file, company(new))
        await give_password(product, "newbie")
        async with (
            wire_phone(product.place.sip, "1190", secrets.endpoint("1190")) as phone,
            stage.desktop("newbie") as desktop,
        ):
            await desktop.command("agent.sign_in", phone="desk")
            await desktop.until(lambda d: d.sections["phone"]["state"] == "idle", 20)
            await desktop.command("agent.ready")
            await until_talking(stage, Seat(phone, desktop, "1190"), waits)
            after = await stage.until_at("talking", [talks, pulled, waits])
            for number in (talks, pulled):
                assert after[number] == before[number]
            assert after[waits].channel == before[waits].channel
            [changed] = await product.events(ev.CompanyChanged)
            assert (changed.by, changed.changes) == ("-command-", 2)
            await stage.end_all([talks, pulled, waits])
            await desktop.command("agent.sign_out")


async def comes(stage: Scene, stack: contextlib.AsyncExitStack) -> str:
    """One more caller; returns his number when he is in."""
    number = stage.number()
    phone = await stack.enter_async_context(wire_phone(stage.product.place.sip, number))
    phone.call(LINE)
    await stage.until_at(("waiting", "visiting", "ringing", "talking"), [number])
    return number


async def until_talking(stage: Scene, seat: Seat, number: str) -> None:
    """Wait until this caller and this phone talk."""
    await until(lambda: any(line.state == "talking" for line in seat.phone.lines), 30)
    seen = await stage.until_at("talking", [number])
    assert seen[number].with_phone.startswith(f"PJSIP/{seat.extension}-")


async def apply(product: Live, new: Company) -> None:
    """As an administrator does it."""
    file = Path(product.settings.home) / "next.yaml"
    file.write_text(text_of(new), encoding="utf-8")
    settings = str(product.settings.home / "ringdesk.toml")
    command = [sys.executable, "-m", "cti", "apply", str(file), "--settings", settings]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    product.company = with_simulators(new, 1)


async def give_password(product: Live, login: str) -> None:
    """The account was made by the service."""
    hasher = Passwords()
    try:
        hashed = await hasher.hash(PASSWORD)
    finally:
        hasher.close()
    user = await SqlAccounts(product.database).by_login(login)
    assert user == User(AgentId(login), login, "New", "8", "1190", Role.AGENT)
    await SqlAccounts(product.database).save(user, hashed)
