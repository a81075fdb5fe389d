"""Another company while callers wait and talk: taken as a whole at one instant, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cti.applying import Applied, Conflict, Swap
from cti.company import Company
from cti.company_text import digest_of, document_of, text_of
from cti.domain import events as ev
from cti.domain.errors import ConfigError, SwitchUnavailable
from tests.acceptance.centre import Centre
from tests.acceptance.company import COMPANY, HELP, SALES
from tests.acceptance.desktop import Refused

pytestmark = pytest.mark.acceptance


def changed(**changes: Any) -> Company:
    """The company with some of its parts replaced, by plain values."""
    return Company.model_validate({**document_of(COMPANY), **changes})


def people(*more: dict[str, Any], but: str = "", **person: Any) -> list[dict[str, Any]]:
    """Everybody but one, one of them changed (``login`` says who), and some more."""
    found = [p for p in document_of(COMPANY)["people"] if p["login"] != but]
    return [{**p, **person} if p["login"] == person.get("login") else p for p in found] + [*more]


def queues(name: str, **rules: Any) -> list[dict[str, Any]]:
    return [{**q, **rules} if q["name"] == name else q for q in document_of(COMPANY)["queues"]]


async def apply(centre: Centre, company: Company, **how: Any) -> Applied:
    return await centre.service.applying.apply(text_of(company), "admin", **how)


class BrokenAsterisk:
    """Loads the old company, and no other."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    async def load(self, company: Company) -> Swap:
        self.loaded.append(digest_of(company))
        if self.loaded[-1] != digest_of(COMPANY):
            raise SwitchUnavailable("Asterisk could not reload.")
        return lambda: None


async def test_the_same_company_again_changes_nothing(centre: Centre) -> None:
    done = await apply(centre, COMPANY)
    assert done.changes == []
    assert centre.all(ev.CompanyChanged) == []


async def test_what_changed_counts_at_once_for_who_waits_and_who_talks_talks_on(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    talking = await centre.talking(lina)
    waiting = await centre.waiting()
    mei = await centre.agent("mei")
    await centre.wait(2)
    assert waiting.state == "waiting"  # mei doesn't serve sales
    new = changed(
        people=people(login="mei", queues=["sales", "help"]),
        queues=queues("sales", label={"en": "Orders", "zh": "订单"}, strategy="linear"),
    )
    trial = await apply(centre, new, is_trial=True)
    assert {c.key for c in trial.changes} == {
        "people.mei.queues", "queues.sales.label.en", "queues.sales.label.zh", "queues.sales.strategy",
    }  # fmt: skip
    assert centre.all(ev.CompanyChanged) == []
    await apply(centre, new)
    await centre.until(lambda: mei.call == "ringing")
    assert mei.call_id == waiting.call_id
    assert lina.call == "talking"
    assert talking.talks_with == "1001w"
    assert lina.sections["me"]["queue_labels"]["sales"]["en"] == "Orders"
    assert mei.sections["agent"]["queues"] == ["help", "sales"]
    [told] = centre.all(ev.CompanyChanged)
    assert (told.by, told.changes) == ("admin", 4)
    assert (told.previous, told.digest) == (digest_of(COMPANY), digest_of(new))


async def test_a_pop_follows_its_queues_new_rules(centre: Centre) -> None:
    lina = await centre.agent("lina")
    pop = {"fields": ["number"], "page": {"url": "https://crm.example.com/?n={number}"}}
    new = changed(page_hosts=["crm.example.com"], queues=queues("sales", pop=pop))
    await apply(centre, new)
    await centre.talking(lina)
    assert lina.sections["call"]["fields"] == ["number"]
    url = lina.sections["outside_page"]["url"]
    assert url.startswith("https://crm.example.com/?n=")
    assert "%2A%2A%2A%2A" in url  # no more of the number than she sees
    with pytest.raises(ConfigError, match="isn't among the page_hosts"):
        await apply(centre, new.model_copy(update={"page_hosts": ()}))


async def test_somebody_new_works_at_once_and_who_left_works_until_his_call_is_over(
    centre: Centre,
) -> None:
    tom = await centre.agent("tom")
    caller = await centre.talking(tom)
    waiting = await centre.waiting()
    ida = {
        "login": "ida", "name": "Ida", "staff_number": "9", "extension": "1009", "queues": ["sales"],
    }  # fmt: skip
    await apply(centre, changed(people=people(ida, but="tom")))
    new = await centre.agent("ida")
    await centre.until(lambda: new.call == "ringing")
    assert new.call_id == waiting.call_id
    assert tom.state == "TALKING"
    assert caller.talks_with == "1002w"
    caller.hang_up()
    await centre.until(lambda: tom.state == "LOGGED_OUT")
    accounts = {user.login: user.is_active for user in await centre.service.accounts.all()}
    assert (accounts["tom"], accounts["ida"]) == (False, True)
    with pytest.raises(Refused):
        await tom.do("agent.sign_in", phone="browser")


async def test_callers_of_a_removed_queue_are_served_by_whoever_takes_calls(centre: Centre) -> None:
    waiting = await centre.waiting(HELP)
    late = centre.pbx.call(HELP)  # in the old menu when the company changes
    rest = [q for q in document_of(COMPANY)["queues"] if q["name"] != "help"]
    flows = [f for f in document_of(COMPANY)["flows"] if f["name"] != "helpline"]
    for flow in flows:
        for node in flow["nodes"]:
            if node.get("queue") == "help":
                node["queue"] = "sales"
    for queue in rest:  # nothing leads there any more
        keys = queue.pop("leave_keys", {}).items()
        queue["leave_keys"] = {key: way for key, way in keys if way.get("to") != "help"}
        rules = queue.pop("overflow", ())
        queue["overflow"] = [rule for rule in rules if rule["to"].get("queue") != "help"]
    staff = people()
    for person in staff:
        person["queues"] = [q for q in person.get("queues", ()) if q != "help"]
    numbers = [n for n in document_of(COMPANY)["numbers"] if n.get("flow") != "helpline"]
    done = await apply(centre, changed(queues=rest, flows=flows, people=staff, numbers=numbers))
    assert done.notes == [
        "queue help is no more: 1 callers still wait there, whoever takes calls serves them"
    ]
    served = []
    tom = await centre.agent("tom")
    for _ in range(2):
        await centre.until(lambda: tom.call == "ringing", within=30)
        served.append(tom.call_id)
        centre.answer(tom)
        await centre.until(lambda: tom.call == "talking")
        next(c for c in (waiting, late) if c.call_id == tom.call_id).hang_up()
        await centre.until(lambda: tom.state in ("WRAP_UP", "READY", "RESERVED", "RINGING"))
    assert served == [waiting.call_id, late.call_id]


async def test_nothing_is_taken_when_asterisk_can_not_load_it(centre: Centre) -> None:
    applying, broken = centre.service.applying, BrokenAsterisk()
    applying._exchanges = (*applying._exchanges, broken)
    centre.expected_errors.add("company: the old configuration can't be loaded")
    waiting = await centre.waiting()
    new = changed(people=people(login="mei", queues=["sales", "help"], name="Mei"))
    with pytest.raises(SwitchUnavailable):
        await apply(centre, new)
    assert broken.loaded == [digest_of(new), digest_of(COMPANY)]
    mei = await centre.agent("mei")
    await centre.wait(5)
    assert waiting.state == "waiting"
    assert mei.sections["me"]["name"] == "陈美"
    assert mei.sections["agent"]["queues"] == ["help"]
    assert centre.all(ev.CompanyChanged) == []
    assert applying.digest == digest_of(COMPANY)
    users = {user.login: user for user in await centre.service.accounts.all()}
    assert users["mei"].name == "陈美"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("queues: [", "document: line"),
        ("[]", "it describes no company"),
        (f"{text_of(COMPANY)}nonsense: 1\n", "nonsense: there is no such key"),
        (
            text_of(COMPANY).replace("wrap_up_time: PT20S", "wrap_up_time: soon"),
            r"queues\.0\.wrap_up_time",
        ),
    ],
)
async def test_a_wrong_document_is_refused_by_its_place(
    centre: Centre, text: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        await centre.service.applying.apply(text, "admin")


async def test_what_departments_can_not_work_with_is_refused_before_anything_changes(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    with pytest.raises(ConfigError, match=r"people\.lina\.extension: can't change while"):
        await apply(centre, changed(people=people(login="lina", extension="1077")))
    taken = {"login": "new", "name": "N", "staff_number": "77", "extension": "1002"}
    with pytest.raises(
        ConfigError, match=r"people\.new\.extension: 1002 belongs to the account tom"
    ):
        await apply(centre, changed(people=people(taken, but="tom")))
    assert lina.state == "READY"
    assert centre.all(ev.CompanyChanged) == []


async def test_two_administrators_do_not_undo_each_other_unknowingly(centre: Centre) -> None:
    first = changed(queues=queues("sales", ring_time="PT20S"))
    second = changed(queues=queues("sales", ring_time="PT30S"))
    read = centre.service.applying.digest
    found = await asyncio.gather(
        apply(centre, first, expected=read), apply(centre, second, expected=read),
        return_exceptions=True,
    )  # fmt: skip
    assert isinstance(found[0], Applied)
    assert isinstance(found[1], Conflict)
    kept = [version.digest for version in centre.service.applying.versions.all()]
    assert kept == [digest_of(first)[:12], digest_of(COMPANY)[:12]]
    back = centre.service.applying.versions.text(kept[1])
    await centre.service.applying.apply(back, "admin")
    assert centre.service.applying.digest == digest_of(COMPANY)
    assert SALES in {number.dnis for number in centre.service.applying.company.numbers}
