"""What Asterisk is told to write of its calls: the same columns in both forms, and never a number or a name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment, PackageLoader

from asterisk_conf.modules import QUICK_RECORDS, has_quick_records
from tests.architecture.tree import ROOT

pytestmark = pytest.mark.unit

CEL = ["eventtype", "eventtime", "uniqueid", "channame", "context", "appname", "eventextra"]
CDR = [
    "start", "answer", "end", "disposition", "dcontext", "lastapp", "channel", "dstchannel", "uniqueid",
]  # fmt: skip


def columns(kind: str, *, is_quick: bool) -> list[str]:
    """The columns' names, in their order."""
    templates = Environment(loader=PackageLoader("asterisk_conf"), autoescape=False)  # noqa: S701
    text = templates.get_template(f"{kind}_custom.conf.j2").render(has_quick_records=is_quick)
    if is_quick:
        assert f"[{kind}.csv]" in text
        fields = text.partition("fields = ")[2].split("\n")[0].lower()
        return [re.sub(r"\(.*?\)", "", name) for name in fields.split(",")]
    return re.findall(r"CSV_QUOTE\(\$\{(?:CHANNEL|CDR)?\(?([a-z]+)", text)


@pytest.mark.parametrize("is_quick", [True, False])
def test_both_forms_have_the_columns_that_the_witness_reads(is_quick: bool) -> None:
    assert columns("cel", is_quick=is_quick) == CEL
    assert columns("cdr", is_quick=is_quick) == CDR


def test_no_event_is_written_that_carries_a_dialled_number() -> None:
    text = (ROOT / "asterisk_conf/templates/cel.conf.j2").read_text(encoding="utf-8")
    events = text.partition("events = ")[2].strip().split(",")
    assert not {"BLINDTRANSFER", "FORWARD", "ALL"} & set(events)


def test_the_quick_form_is_for_an_asterisk_that_has_it(tmp_path: Path) -> None:
    assert not has_quick_records(tmp_path)
    (tmp_path / f"{QUICK_RECORDS}.so").touch()
    assert has_quick_records(tmp_path)
