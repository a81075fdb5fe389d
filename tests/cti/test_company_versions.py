"""Documents that were in use are kept in the order in which they came into use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cti.company import Company, parse_company
from cti.company_text import DIGITS, Versions, digest_of, text_of

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def company(name: str) -> Company:
    return parse_company(
        f"name: {name}\nqueues: [{{name: sales, label: {{en: Sales}}}}]\n"
        "flows: [{name: main, start: w, nodes: [{name: w, kind: queue, queue: sales}]}]\n"
        "numbers: []\ndefault_flow: main\n"
    )


@pytest.mark.parametrize("step", [timedelta(0), timedelta(hours=-1), timedelta(hours=1)])
def test_the_newest_is_the_one_kept_last_whatever_the_clock_says(
    tmp_path: Path, step: timedelta
) -> None:
    versions = Versions(tmp_path / "versions")
    all_kept = [company(name) for name in ("One", "Two", "Three", "One")]
    for number, one in enumerate(all_kept):
        versions.keep(one, NOW + step * number)
        versions.keep(one, NOW)  # the newest already: not again
    digests = [version.digest for version in versions.all()]
    assert digests == [digest_of(one)[:DIGITS] for one in reversed(all_kept)]


def test_each_part_of_the_text_begins_with_its_name() -> None:
    with_more = company("One").model_dump() | {
        "queues": [{"name": "sales", "label": {"en": "Sales"}, "wrap_up_time": "PT9S"}]
    }
    text = text_of(Company.model_validate(with_more))
    assert "- name: sales\n  wrap_up_time: PT9S\n" in text
    assert parse_company(text) == Company.model_validate(with_more)
