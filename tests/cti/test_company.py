"""The company document: what it refuses, and what can be dialled."""

from __future__ import annotations

import pytest

from cti.company import Company, parse_company
from cti.domain.errors import ConfigError

pytestmark = pytest.mark.unit

BASE = """
people:
  - {login: ann, name: Ann, staff_number: "1", extension: "1001"}
queues:
  - {name: sales, label: {en: Sales}, extension: "2001"}
flows: [{name: main, start: w, nodes: [{name: w, kind: queue, queue: sales}]}]
numbers:
  - {dnis: "4000", flow: main}
  - {dnis: "4009", extension: "1001"}
default_flow: main
"""
OUTBOUND = 'outbound: {address: "sip.example.net:5060", caller_id: "+864001234567"%s}\n'


def company(outbound: str = "", base: str = BASE) -> Company:
    return parse_company(base + outbound)


def test_without_an_outbound_part_nothing_can_be_dialled_outside() -> None:
    assert company().outbound is None
    line = company(OUTBOUND % "").outbound
    assert line is not None
    assert (line.allowed, line.emergency, line.endpoint) == ((), (), "trunk_carrier")


def test_transfers_have_sensible_times() -> None:
    whole = company()
    assert whole.conference_goes_on
    assert (whole.back_time.total_seconds(), whole.park_time.total_seconds()) == (15, 120)


@pytest.mark.parametrize(
    "extra",
    [
        ', allowed: [""]',
        ', allowed: ["0X"]',
        ', allowed: ["_."]',
        ', allowed: ["0&PJSIP/1001"]',
        ', allowed: ["+86 "]',
        ', emergency: ["1"]',
        ", trunk: demo",
        ", trunk: 'a b'",
        ", address: 'a;b'",
        ", address: 'host:port'",
        ", caller_id: Ringdesk",
    ],
)
def test_an_outbound_part_that_could_mean_more_than_it_says_is_refused(extra: str) -> None:
    with pytest.raises(ConfigError, match="outbound"):
        company(OUTBOUND % extra)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('extension: "2001"', 'extension: "1001"'),
        ('dnis: "4000"', 'dnis: "1001"'),
        ('dnis: "4000"', 'dnis: "2001"'),
        ('dnis: "4000"', 'dnis: "110"'),
    ],
)
def test_what_is_dialled_means_one_thing(old: str, new: str) -> None:
    with pytest.raises(ConfigError, match="dialled for two things"):
        company(OUTBOUND % ', emergency: ["110"]', BASE.replace(old, new))


@pytest.mark.parametrize(
    "number", ['{dnis: "4010"}', '{dnis: "4010", flow: main, extension: "1001"}']
)
def test_a_number_has_either_a_flow_or_a_person(number: str) -> None:
    with pytest.raises(ConfigError, match="4010: give it either"):
        company(base=BASE.replace('{dnis: "4009", extension: "1001"}', number))


def test_a_number_rings_only_people_who_are_there() -> None:
    with pytest.raises(ConfigError, match="no extension is named 1009"):
        company(base=BASE.replace('"4009", extension: "1001"', '"4009", extension: "1009"'))


PEOPLE = """
people:
  - {login: ann, name: Ann, staff_number: "1", extension: "1001", queues: [%s], caller_id: "%s"}
"""


def shown(caller_id: str, *, queue: str = "", extra: str) -> list[str]:
    """What ann may show outside, her default first."""
    people = PEOPLE % (queue, caller_id)
    described = company(OUTBOUND % f", shown: [{extra}]" + people)
    assert described.outbound is not None
    return [number.number for number in described.outbound.shown_by(described.people[0])]


def test_what_somebody_may_show_outside() -> None:
    queue = company().queues[0].name
    office, hers = '{number: "400100"}', '{number: "400200", people: [ann]}'
    line = f'{{number: "400300", queues: [{queue}]}}'
    every = f"{office}, {hers}, {line}"
    assert shown("+864001234567", extra=every) == ["+864001234567", "400100", "400200"]
    assert shown("400200", extra=every)[0] == "400200"
    assert "400300" in shown("400100", queue=queue, extra=every)


@pytest.mark.parametrize(
    ("caller_id", "extra"),
    [
        ("+864001234567", '{number: "12x"}'),
        ("+864001234567", '{number: "+864001234567"}'),
        ("+864001234567", '{number: "400100"}, {number: "400100"}'),
        ("+864001234567", '{number: "400100", people: [nobody]}'),
        ("+864001234567", '{number: "400100", queues: [moon]}'),
        ("400999", '{number: "400100"}'),
    ],
)
def test_a_shown_number_that_fits_nobody_is_refused(caller_id: str, extra: str) -> None:
    with pytest.raises(ConfigError):
        shown(caller_id, extra=extra)
