"""Every refusal that a page can meet has its words in each language."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cti.asterisk import ami_actions
from cti.domain.errors import CommandRefused
from screenpop.abilities import REASONS, error_id
from screenpop.refusals import REFUSALS, refusal, refused

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
LANGUAGES = ("en", "zh")
REACHED = ("screenpop", "acd", "tickets", "cti/asterisk")
"""Whose refusals come to a desktop."""
PREFIX = "refusal."
NOW = "now"
"""What stands for ``why`` where the switch refused, which has no words for it."""


def catalogue(language: str) -> dict[str, str]:
    path = ROOT / "pages" / "src" / "i18n" / f"{language}.json"
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return {k.removeprefix(PREFIX): v for k, v in texts.items() if k.startswith(PREFIX)}


def written() -> Iterator[tuple[str, str]]:
    """Each id that the code writes, with its place."""
    for package in REACHED:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                found: ast.expr | None = None
                match node:
                    case ast.Call(func=ast.Name(id="CommandRefused" | "refusal"), args=[first, *_]):
                        found = first
                    case ast.keyword(arg="otherwise", value=ast.Tuple(elts=[first, *_])):
                        found = first
                if isinstance(found, ast.Constant) and isinstance(found.value, str):
                    yield found.value, f"{path.relative_to(ROOT)}:{found.lineno}"


def test_what_the_code_refuses_is_known() -> None:
    ids = list(written())
    assert len(ids) > 60  # the search finds them
    assert [place for name, place in ids if name not in REFUSALS] == []
    from_asterisk = {word for _, word in ami_actions._REASONS}
    assert from_asterisk <= set(REFUSALS)
    assert {error_id(reason) for reason in REASONS} <= set(REFUSALS)


def test_nothing_is_listed_that_nobody_refuses() -> None:
    said = {name for name, _ in written()} | {error_id(reason) for reason in REASONS}
    assert set(REFUSALS) - said - {"refused"} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_has_a_text_with_its_blanks(language: str) -> None:
    texts = catalogue(language)
    assert set(texts) - {NOW} == set(REFUSALS)
    blanks = {name: set(re.findall(r"\{(\w+)\}", text)) for name, text in texts.items()}
    assert {n: b for n, b in blanks.items() if b != set(REFUSALS.get(n, ()))} == {}
    assert [name for name, text in texts.items() if not text.strip()] == []


def test_chinese_is_chinese() -> None:
    foreign = [n for n, text in catalogue("zh").items() if not re.search("[\u4e00-\u9fff]", text)]
    assert foreign == ["wrong_state"]  # only a blank: the button's own sentence
    assert [k for k, w in REASONS.items() if not re.search("[\u4e00-\u9fff]", w["zh"])] == []


def test_the_protocol_names_each() -> None:
    text = (ROOT / "docs" / "desktop-protocol.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", text))
    assert set(REFUSALS) - named == set()


def test_what_goes_over_the_socket() -> None:
    assert refusal("slot_empty", "x") == {"id": "slot_empty", "message": "x", "values": {}}
    busy = CommandRefused("busy_target", "Tom is in a call at the moment.", name="Tom")
    assert refused(busy)["values"] == {"name": "Tom"}
    # The switch's own wrong_state has no sentence of a button: the page says its general one.
    assert refused(CommandRefused("wrong_state", "x"))["values"] == {"why": ""}
    assert refusal("of_tomorrow", "x")["id"] == "refused"
