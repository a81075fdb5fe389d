"""Sizes, docstrings, and words that must not stand in the source."""

from __future__ import annotations

import ast
import subprocess

import pytest

from tests.architecture.tree import ROOT, modules

pytestmark = pytest.mark.architecture

_MAX_MODULE = 500
_MAX_FUNCTION = 60
_PERSONAL = {"ani", "ani_name", "number", "caller_name", "digits", "password", "name", "login"}


def tracked() -> list[str]:
    """The files git knows."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return listed.stdout.split()


def test_every_module_says_what_it_is_for() -> None:
    for name, tree in modules():
        assert ast.get_docstring(tree), f"{name} has no docstring"


def test_modules_and_functions_are_of_readable_length() -> None:
    for name, tree in modules():
        last = max((getattr(n, "end_lineno", 0) or 0 for n in ast.walk(tree)), default=0)
        assert last <= _MAX_MODULE, f"{name}: {last} lines"
        if name == "cti.bootstrap":
            continue  # the composition root is one list of constructors, in order
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= _MAX_FUNCTION, f"{name}.{node.name}: {length} lines"


def test_no_personal_data_in_log_calls() -> None:
    for name, tree in modules():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"log", "logger"}
            ):
                words = {keyword.arg for keyword in node.keywords} & _PERSONAL
                assert not words, f"{name}:{node.lineno} logs {words}"
                message = node.args[0] if node.args else None
                assert not isinstance(message, ast.JoinedStr), f"{name}:{node.lineno} formats a log"


def test_no_file_names_a_package_registry() -> None:
    # Put together here, so that this file isn't found by itself.
    hosts = ["pypi." + "org", "npmjs." + "org", "deb." + "debian.org", "pythonhosted." + "org"]
    for path in tracked():
        file = ROOT / path
        if file.suffix in {".png", ".wav", ".ogg", ".opus"} or not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        for host in hosts:
            assert host not in text, f"{path} names {host}"


def test_nothing_third_party_and_no_secret_is_tracked() -> None:
    for path in tracked():
        assert "node_modules/" not in path
        assert not path.startswith("cti/web/static/")
        assert not path.endswith(("secrets.json", ".db", ".pem", ".key"))
        assert (ROOT / path).stat().st_size < 1_000_000, path
