"""Rules about the pages' sources: types, two languages with the same keys, no way for data to become markup."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from screenpop.refusals import REFUSALS

pytestmark = pytest.mark.architecture

PAGES = Path(__file__).resolve().parents[2] / "pages"
SOURCES = sorted([*PAGES.glob("src/**/*.ts"), *PAGES.glob("src/**/*.tsx")])
KEY = re.compile(r'"([a-z_]+\.[a-z_0-9]+|pending)"')


def book(language: str) -> dict[str, str]:
    """The words of a language."""
    return dict(json.loads((PAGES / f"src/i18n/{language}.json").read_text(encoding="utf-8")))


def test_both_languages_say_the_same_things() -> None:
    en, zh = book("en"), book("zh")
    assert en.keys() == zh.keys()
    assert all(text.strip() for text in [*en.values(), *zh.values()])
    for key, text in en.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", zh[key])), key


def test_no_key_is_unused() -> None:
    """A missing one doesn't compile. The refusals' are used by the service (tests/screenpop/test_refusals.py)."""
    used = {key for path in SOURCES for key in KEY.findall(path.read_text(encoding="utf-8"))}
    used |= {f"refusal.{error_id}" for error_id in REFUSALS}
    assert book("en").keys() - used == set()


def test_every_step_of_a_journey_has_a_word() -> None:
    """What a call's file notes (tickets/model.py) isn't shown to people as the service calls it."""
    tree = ast.parse((PAGES.parent / "tickets/model.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    said = {
        step.value
        for call in calls
        for name, place in (("note", 2), ("TimelineItem", 1))
        if isinstance(call.func, ast.Name) and call.func.id == name
        for step in call.args[place : place + 1]
        if isinstance(step, ast.Constant)
    }
    assert len(said) > 15
    said |= {"callback_expired", "callback_withdrawn"}  # by the callback's result
    journey = (PAGES / "src/journey.ts").read_text(encoding="utf-8")
    words = re.search(r"const WORDS[^{]*\{(.*?)\};", journey, re.DOTALL)
    assert words is not None
    assert said - set(re.findall(r"^  (\w+): ", words[1], re.MULTILINE)) == set()


@pytest.mark.parametrize(
    "word",
    ["innerHTML", "outerHTML", "dangerouslySet", "insertAdjacentHTML", "document.write", "eval("],
)
def test_data_never_becomes_markup(word: str) -> None:
    assert [path.name for path in SOURCES if word in path.read_text(encoding="utf-8")] == []


def test_colours_stand_in_the_token_file_alone() -> None:
    sheets = [path for path in PAGES.glob("src/styles/*.css") if path.name != "tokens.css"]
    assert len(sheets) > 2
    for sheet in sheets:
        assert re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(", sheet.read_text(encoding="utf-8")) == []


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((PAGES / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


def test_the_types_hold() -> None:
    node = PAGES.parent / ".venv/bin"
    if not (PAGES / "node_modules").is_dir():
        pytest.fail("the packages of the pages are missing: run make setup")
    done = subprocess.run(
        [str(node / "npm"), "--prefix", str(PAGES), "run", "--silent", "check"],
        env={**os.environ, "PATH": f"{node}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
