"""The table of shapes names every test of a shape, and each test that the tables name exists."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.tree import ROOT

pytestmark = pytest.mark.architecture

NAMED = re.compile(r"`((?:[a-z_]+/)*test_\w+\.py)::(test_\w+)`")


def cases_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {n.name for n in ast.walk(tree) if isinstance(n, functions) and n.name[:5] == "test_"}


def named(document: str) -> set[tuple[str, str]]:
    return set(NAMED.findall((ROOT / document).read_text(encoding="utf-8")))


def test_the_table_of_shapes_is_complete() -> None:
    files = sorted((ROOT / "tests/asterisk").glob("test_shapes_*.py"))
    there = {(f.name, test) for f in files for test in cases_in(f"tests/asterisk/{f.name}")}
    assert len(there) > 30
    assert named("docs/shapes.md") == there


def test_every_test_that_stands_for_a_case_of_the_asterisk_testsuite_exists() -> None:
    rows = named("docs/r0.md")
    assert len(rows) > 30
    for file, test in sorted(rows):
        assert test in cases_in(f"tests/{file}"), f"{file}::{test}"
