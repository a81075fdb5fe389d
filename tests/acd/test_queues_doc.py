"""docs/queues.md, example by example: each row of its tables is a test."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import yaml

from acd import decisions as d
from acd.model import Configuration, Profile
from acd.rules import Relaxation, Tier
from acd.strategy import Strategy, Tally
from acd.tables import Table
from acd.wiring import configure
from cti.company import Company
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, LegId, QueueName
from cti.domain.people import Role, User
from tests.acd.world import HELP, SALES, World, rules, seconds
from tests.architecture.tree import ROOT

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs/queues.md").read_text(encoding="utf-8")
Row = dict[str, str]


def rows(first: str, second: str) -> list[Row]:
    """The rows of the table whose head begins with these two columns."""
    lines = PAGE.splitlines()
    [start] = [i for i, line in enumerate(lines) if line.startswith(f"| {first} | {second}")]
    head = cells(lines[start])
    body = lines[start + 2 :]
    end = next(i for i, line in enumerate([*body, ""]) if not line.startswith("|"))
    return [dict(zip(head, cells(line), strict=True)) for line in body[:end]]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def named(row: Row) -> str:
    return row["example"]


def centre(*agents: Profile, is_strict: bool = False, **queue: object) -> World:
    queues = {name: rules(name, **queue) for name in (SALES, HELP)}
    profiles = {agent.agent_id: agent for agent in agents}
    return World(Configuration(queues, profiles, is_strict=is_strict))


def profile(name: str, rank: int, **more: object) -> Profile:
    phone = Endpoint(f"{1000 + rank}")
    queues = frozenset({SALES, HELP})
    return Profile(AgentId(name), queues, (phone,), rank=rank, **more)  # type: ignore[arg-type]


def seat(world: World, name: str, *, is_ready: bool = True) -> None:
    agent_id = AgentId(name)
    [phone] = world.config.profiles[agent_id].phones
    world.step(d.SignIn(agent_id, phone))
    world.step(ev.PhoneStateChanged(at=world.now, endpoint=phone, state="idle"))
    if is_ready:
        world.step(d.SayReady(agent_id))


def enqueue(world: World, name: str, *, queue: QueueName = SALES, waited: float = 0) -> None:
    world.enqueue(name, queue, waited=waited)


def talk(world: World, name: str, *, leaves: bool = False) -> None:
    """He is ready, and called by a colleague."""
    seat(world, name)
    [phone] = world.config.profiles[AgentId(name)].phones
    call = CallId(f"call-of-{name}")
    world.step(
        ev.CallOffered(
            at=world.now, call_id=call, leg_id=LegId(call), endpoint=phone, direction="outbound"
        )
    )
    if leaves:
        world.step(d.SignOut(AgentId(name)))


@pytest.mark.parametrize("row", rows("example", "strict"), ids=named)
def test_order(row: Row) -> None:
    world = centre(profile("ann", 0), is_strict=row["strict"] == "yes")
    callers = []
    for number, text in enumerate(row["callers: name wait+credit"].split(",")):
        name, times = text.split()
        own, extra = times.split("+")
        callers.append((float(own), name, (SALES, HELP)[number % 2], float(extra)))
    for wait, name, queue, credit in sorted(callers, reverse=True):
        if row["example"] != "equals":
            world.enqueue(name, queue, credit, wait)
    if row["example"] == "equals":
        for wait, name, queue, credit in callers:
            world.enqueue(name, queue, credit, wait)
    seat(world, "ann")
    assert world.pairs() == [(row["first"], "ann")]


@pytest.mark.parametrize("row", rows("example", "free | waited"), ids=named)
def test_skills_relax(row: Row) -> None:
    skills = {"able": {"billing": 8}, "fair": {"billing": 4}, "new": {}}
    world = centre(
        *(profile(name, rank, skills=levels) for rank, (name, levels) in enumerate(skills.items())),
        relaxations=(Relaxation(seconds(20), 3), Relaxation(seconds(60), 0, "")),
    )
    for name in row["free"].split(", "):
        seat(world, name)
        world.wait(1)
    world.step(ev.DemandSet(at=world.now, call_id=CallId("c"), demand="billing>=7", by="menu"))
    enqueue(world, "c")
    waited = float(row["waited"])
    if waited:
        world.wait(waited - 0.5)
        assert world.pairs() == []
        world.wait(0.5)
    assert world.pairs() == ([] if row["gets"] == "nobody" else [("c", row["gets"])])


@pytest.mark.parametrize("row", rows("example", "strategy"), ids=named)
def test_strategies(row: Row) -> None:
    agents: list[tuple[str, float, int, float, float, int]] = []
    for text in row["free"].split(","):
        name, numbers = text.split(":")
        idle, taken, times, level = numbers.split()
        busy, ready = times.split("/")
        agents.append(
            (name.strip(), float(idle), int(taken), float(busy), float(ready), int(level))
        )
    world = centre(
        *(profile(a[0], rank, skills={"billing": a[5]}) for rank, a in enumerate(agents)),
        strategy=Strategy(row["strategy"]),
    )
    for name, *_ in agents:
        seat(world, name)
    world.wait(10)
    if row["example"] == "after ann":
        enqueue(world, "before")
        assert world.pairs() == [("before", "ann")]
        world.end(CallId("before"))
    known = dict(world.state.agents)
    free, idle_line = {}, []
    for who, idle_s, calls, busy_s, ready_s, _ in agents:
        agent_id = AgentId(who)
        idle_at = world.now - seconds(idle_s)
        tally = Tally(world.now, calls, seconds(busy_s), seconds(ready_s))
        known[agent_id] = replace(known[agent_id], idle_since_at=idle_at, tally=tally)
        free[agent_id] = idle_at
        idle_line.append((idle_at, agent_id))
    world.state = replace(
        world.state, agents=Table(known), free=Table(free), idle=type(world.state.idle)(idle_line)
    )
    world.step(ev.DemandSet(at=world.now, call_id=CallId("c"), demand="billing", by="menu"))
    enqueue(world, "c")
    assert world.pairs()[-1] == ("c", row["asked"])


@pytest.mark.parametrize("row", rows("example", "at most"), ids=named)
def test_ring_all(row: Row) -> None:
    idle = {name: float(s) for name, s in (text.split() for text in row["free"].split(", "))}
    at_most = int(row["at most"])
    agents = [profile(name, rank) for rank, name in enumerate(idle)]
    world = centre(*agents, strategy=Strategy.RING_ALL, ring_at_most=at_most)
    for left in range(10, 0, -1):
        for name in (n for n, s in idle.items() if s == left):
            seat(world, name)
        world.wait(1)
    call = CallId("c")
    enqueue(world, "c")
    [(_, rung)] = world.groups()
    assert ", ".join(rung) == row["rung"]
    phones = {name: world.config.profiles[AgentId(name)].phones[0] for name in rung}
    at = {"call_id": call}
    for name, phone in phones.items():
        world.step(ev.LegDialled(at=world.now, leg_id=LegId(name), endpoint=phone, **at))
    who, _, what = row["then"].rpartition(" ")
    for name, phone in phones.items():
        if what in ("decline", "declines") and who in ("all", name):
            leg = {"leg_id": LegId(name), "endpoint": phone, "cause": 17}
            world.step(ev.LegEnded(at=world.now, **leg, **at))  # type: ignore[arg-type]
    if what == "answers" and who != "nobody":
        winner = {"leg_id": LegId(who), "endpoint": phones[who]}
        world.step(ev.CallConnected(at=world.now, **winner, **at))  # type: ignore[arg-type]
    elif who in ("nobody", "all"):
        _rung_in_vain(world, call, phones)
    states = {name: world.agent(AgentId(name)).state.name for name in rung}
    has_one = who not in ("nobody", "all")
    others = "RINGING" if what == "declines" else "READY"
    told = {"answers": "TALKING", "declines": "READY"}
    if has_one:
        assert states == {name: told[what] if name == who else others for name in rung}
    after, _, again = row["and after that"].partition(": ")
    if after == "-":
        assert len(world.groups()) == 1
        return
    if after != "0":
        world.wait(float(after) - 0.1)
        assert len(world.groups()) == 1
        world.wait(0.1)
    assert [", ".join(group) for _, group in world.groups()[1:]] == [again]


def _rung_in_vain(world: World, call: CallId, phones: dict[str, Endpoint]) -> None:
    first = next(iter(phones.values()))
    world.step(ev.CallNotAnswered(at=world.now, call_id=call, endpoint=first, result="no_answer"))
    world.requeue(call)


@pytest.mark.parametrize("row", rows("example", "own"), ids=named)
def test_one_agent_in_particular(row: Row) -> None:
    names = ("own", "deputy", "last", "other")
    world = centre(*(profile(name, rank) for rank, name in enumerate(names)))
    for name in names:
        state = row.get(name, "free")
        if state == "away":
            seat(world, name, is_ready=False)
        elif state in ("talks", "leaves"):
            talk(world, name, leaves=state == "leaves")
        elif state == "free" and name != "other":
            world.wait(1)
            seat(world, name)
    persons = tuple(AgentId(name) for name in ("own", "deputy") if row[name] != "-")
    last = AgentId("last") if row["last"] != "-" else None
    world.step(d.CallerKnown(CallId("c"), "", persons, last))
    enqueue(world, "c")
    if row["gets"] in ("other", "waits"):
        seat(world, "other")
    waited = float(row["waited"])
    if waited:
        world.wait(waited - 0.5)
        assert world.pairs() == []
        world.wait(0.5)
    assert world.pairs() == ([] if row["gets"] == "waits" else [("c", row["gets"])])


# ---- beside the tables -------------------------------------------------------------------------


def test_tiers_open_with_time_and_a_lower_penalty_is_asked_first() -> None:
    near, far = profile("near", 0), profile("far", 1, penalties={SALES: 5})
    world = centre(near, far, tiers=(Tier(seconds(0), 0), Tier(seconds(30), 5)))
    seat(world, "far")
    enqueue(world, "a")
    world.wait(29)
    assert world.pairs() == []
    world.wait(1)
    assert world.pairs() == [("a", "far")]
    world.step(d.SayNotReady(AgentId("far"), "lunch"))
    world.end(CallId("a"))
    world.step(d.SayReady(AgentId("far")))
    world.wait(5)
    seat(world, "near")
    enqueue(world, "b", waited=40)
    assert world.pairs()[-1] == ("b", "near"), "although far has been idle for longer"


def test_who_waits_for_an_agent_goes_on_when_that_one_goes_away() -> None:
    world = centre(profile("own", 0), profile("other", 1))
    talk(world, "own")
    seat(world, "other")
    world.step(d.CallerKnown(CallId("c"), "", (AgentId("own"),), None))
    enqueue(world, "c")
    assert world.pairs() == []
    world.step(d.SayNotReady(AgentId("own"), "lunch"))
    assert world.pairs() == [("c", "other")]


def test_one_who_waits_for_an_agent_does_not_overtake_who_has_waited_longer() -> None:
    world = centre(profile("own", 0))
    talk(world, "own")
    enqueue(world, "early")
    world.wait(1)
    world.step(d.CallerKnown(CallId("c"), "", (AgentId("own"),), None))
    enqueue(world, "c")
    call = CallId("call-of-own")
    world.step(ev.CallEnded(at=world.now, call_id=call, cause=16, ended_by="agent"))
    world.wait(3)  # the gap
    assert world.pairs() == [("early", "own")]


def test_random_asks_everybody_about_as_often() -> None:
    names = ("ann", "ben", "cas")
    world = centre(
        *(profile(name, rank) for rank, name in enumerate(names)), strategy=Strategy.RANDOM
    )
    for name in names:
        seat(world, name)
    for number in range(300):
        enqueue(world, f"c{number}")
        world.end(CallId(f"c{number}"))
    asked = [agent for _, agent in world.pairs()]
    assert all(70 <= asked.count(name) <= 130 for name in names), {n: asked.count(n) for n in names}


def test_the_menus_demand_is_forgotten_in_another_queue_and_a_supervisors_is_not() -> None:
    world = centre(profile("ann", 0))
    for demand, by in (("billing", "menu"), ("vip", "supervisor")):
        world.step(ev.DemandSet(at=world.now, call_id=CallId("c"), demand=demand, by=by))
    enqueue(world, "c")
    assert world.state.entries[CallId("c")].demand == "billing & vip"
    sent = ev.CallTransferred(
        at=world.now, call_id=CallId("c"), kind="blind", target_kind="queue", endpoint=None
    )
    world.step(sent)
    enqueue(world, "c", queue=HELP)
    assert world.state.entries[CallId("c")].demand == "vip"
    world.step(ev.DemandSet(at=world.now, call_id=CallId("c"), demand="broken (", by="ticket"))
    world.step(ev.DemandSet(at=world.now, call_id=CallId("c"), demand="", by="supervisor"))
    assert world.state.entries[CallId("c")].demand == ""


@pytest.mark.parametrize("row", rows("example", "callers at hand"), ids=named)
def test_hands(row: Row) -> None:
    world = centre(*(profile(name, rank) for rank, name in enumerate(("ann", "ben", "cas"))))
    for text in row["callers at hand"].split(", "):
        name, times = text.split()
        wait, credit = times.split("+")
        world.enqueue(name, SALES, float(credit), float(wait))
    if row["hand"] != "-":
        name, what, *number = row["hand"].split()
        hand: dict[str, Any] = {
            "call_id": CallId(name), "by": AgentId("sup"), "command_id": "1", "why": "asked for",
        }  # fmt: skip
        if what == "push":
            seat(world, "ann", is_ready=False)
            world.step(d.Push(**hand, agent_id=AgentId("ann"), is_forced=True))
        elif what == "move":
            world.step(d.MoveTo(**hand, place=int(number[0])))
        else:
            world.step(d.Prioritise(**hand, credit_time=seconds(float(number[0]))))
    for name in ("ann", "ben", "cas"):
        if world.agent(AgentId(name)).call_id is None:
            seat(world, name)
    assert " ".join(caller for caller, _ in world.pairs()) == row["served"]


def _overflowing() -> Configuration:
    """The queue that the page describes, in a company around it, and somebody who serves it."""
    [text] = [part for part in PAGE.split("```") if part.startswith("yaml\n") and "holiday" in part]
    document = yaml.safe_load(text.removeprefix("yaml\n"))
    document["queues"].append({"name": "help", "label": {"en": "Help"}})
    wait = {"name": "wait", "kind": "queue", "queue": "help"}
    evening = {"name": "evening", "start": "bye", "nodes": [{"name": "bye", "kind": "hangup"}]}
    person = {"login": "ann", "name": "Ann", "staff_number": "1", "extension": "1001"}
    document |= {
        "people": [{**person, "queues": ["sales"]}],
        "flows": [{"name": "main", "start": "wait", "nodes": [wait]}, evening],
        "hours": [
            {
                "name": "office",
                "time_zone": "UTC",
                "open": ["mon-sun 09:00-18:00"],
                "closed_dates": ["2027-01-01"],
            }
        ],
        "numbers": [],
        "default_flow": "main",
    }
    user = User(AgentId("ann"), "ann", "Ann", "1", "1001", Role.AGENT)
    return configure(Company.model_validate(document), [user])


@pytest.mark.parametrize("row", rows("example", "comes at"), ids=named)
def test_overflow(row: Row) -> None:
    world = World(_overflowing())
    day, _, time = row["comes at"].rpartition(" ")
    world.now = datetime.fromisoformat(f"{day or '2026-11-24'}T{time}+00:00")
    agent, phone = AgentId("ann"), Endpoint("1001")
    if row["there"] != "-":
        world.step(d.SignIn(agent, phone))
        state = "idle" if row["there"] == "free" else "in_use"
        world.step(ev.PhoneStateChanged(at=world.now, endpoint=phone, state=state))
        world.step(d.SayReady(agent))
    for number in range(int(row["others"])):  # nobody can serve them
        call_id = CallId(f"other{number}")
        world.step(ev.DemandSet(at=world.now, call_id=call_id, demand="rare", by="menu"))
        world.enqueue(call_id)
    world.enqueue("caller")
    world.wait(float(row["after"]))
    went = [x.way.target for x in world.made(d.Overflow) if x.call_id == "caller"]
    offered = ["agent" for call, _ in world.pairs() if call == "caller"]
    assert (went or offered or ["-"]) == [row["goes to"]]
