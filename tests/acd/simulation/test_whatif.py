"""Changes as a person writes them, and what they do to the same callers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from acd.model import Configuration, Profile, QueueRules
from acd.simulation.callers import Traffic, steady
from acd.simulation.centre import Shift
from acd.simulation.chance import Exponential, Observed
from acd.simulation.plot import drawing
from acd.simulation.whatif import Scene, changed, play
from acd.strategy import Strategy
from cti.domain.errors import ConfigError
from cti.domain.ids import AgentId, Endpoint, QueueName

pytestmark = pytest.mark.unit

SALES, HELP = QueueName("sales"), QueueName("help")
NINE, FIVE = 9 * 3600.0, 17 * 3600.0


def scene() -> Scene:
    served = {"anna": {SALES, HELP}, "ben": {SALES}, "chen": {HELP}}
    profiles = {
        AgentId(name): Profile(AgentId(name), frozenset(queues), (Endpoint(f"{1001 + n}"),))
        for n, (name, queues) in enumerate(served.items())
    }
    rules = {name: QueueRules(name, announce_every=timedelta(0)) for name in (SALES, HELP)}
    traffics = tuple(
        Traffic(name, steady(20, 0.5, NINE), Exponential(150), Exponential(120))
        for name in (SALES, HELP)
    )
    shifts = tuple(Shift(AgentId(name), NINE, FIVE) for name in served)
    return Scene(Configuration(rules, profiles), shifts, traffics)


def who(of: Scene) -> set[str]:
    return {shift.agent_id for shift in of.shifts}


def test_agents_more() -> None:
    more = changed(scene(), "agents+2")
    new = who(more) - who(scene())
    assert len(new) == 2
    profiles = [more.configuration.profiles[AgentId(name)] for name in new]
    assert {p.queues for p in profiles} == {frozenset({SALES, HELP})}
    assert len({p.phones for p in profiles}) == 2
    (one,) = who(changed(scene(), "agents+1@help")) - who(scene())
    assert changed(scene(), "agents+1@help").configuration.profiles[AgentId(one)].queues == {HELP}


def test_agents_fewer() -> None:
    assert who(changed(scene(), "agents-1")) == {"anna", "ben"}
    assert who(changed(scene(), "agents-1@sales")) == {"anna", "chen"}


def test_one_goes_home() -> None:
    ends = {s.agent_id: s.to_s for s in changed(scene(), "home@14:00").shifts}
    assert ends == {"anna": 14 * 3600, "ben": FIVE, "chen": FIVE}
    ends = {s.agent_id: s.to_s for s in changed(scene(), "home:chen@9:30").shifts}
    assert ends[AgentId("chen")] == 9.5 * 3600


def test_rules_and_callers() -> None:
    every = changed(scene(), "strategy=linear,gap=0,wrap-up:help=5").configuration.queues
    assert {rules.strategy for rules in every.values()} == {Strategy.LINEAR}
    assert every[SALES].gap_time == timedelta(0)
    assert (every[SALES].wrap_up_time, every[HELP].wrap_up_time) == (
        timedelta(seconds=30),
        timedelta(seconds=5),
    )
    assert [t.calls for t in changed(scene(), "calls*1.5").traffics] == [15, 15]
    assert {t.talk.mean_s for t in changed(scene(), "aht*0.5").traffics} == {75}
    seen = replace(scene().traffics[0], talk=Observed((10, 20)))
    assert changed(replace(scene(), traffics=(seen,)), "aht*2").traffics[0].talk == Observed(
        (20, 40)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("more agents", "'more agents' isn't understood; write it like agents"),
        ("agents+2@billing", "nobody serves billing; queues are help, sales"),
        ("agents-3", "leaves nobody; there are 3"),
        ("home@18:00", "nobody is there at 18:00"),
        ("home:dora@14:00", "dora isn't there at 14:00; there are anna, ben, chen"),
        ("strategy=best", "there is no strategy best; there are longest_idle"),
        ("strategy:billing=linear", "there is no queue billing; there are help, sales"),
    ],
)
def test_what_is_not_understood_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        changed(scene(), text)


def test_more_agents_help_the_same_callers() -> None:
    few = replace(scene(), traffics=tuple(t.scaled(3) for t in scene().traffics))
    present = play("as it is", few, (1, 2), 20)
    more = play("agents+2", changed(few, "agents+2"), (1, 2), 20)
    assert [f.offered for f in more.days] == [f.offered for f in present.days]
    assert more.less(present, lambda f: f.service_level)[0] > 0.1
    assert more.less(present, lambda f: f.abandonment)[0] < 0
    assert all(f.overtakings == 0 for f in present.days)


def test_the_drawing_is_well_formed_and_has_a_line_a_scenario() -> None:
    results = [play("as it is", scene(), (1,), 20), play("a < b", scene(), (1,), 20)]
    root = ET.fromstring(drawing(results, "Days & nights", 20))  # noqa: S314 - our own
    lines = [e for e in root.iter() if e.tag.endswith("polyline")]
    assert len(lines) == 2 * len(results)
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert {"Days & nights", "as it is", "a < b", "answered within 20 s"} <= set(texts)
    for line in lines:
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 860
            assert 0 <= y <= 800
