"""Who may import whom, beyond what import-linter checks in ``make check``."""

from __future__ import annotations

import re
import sys

import pytest

from tests.architecture.tree import DEPARTMENTS, ROOT, imports, modules

pytestmark = pytest.mark.architecture

_PURE = re.compile(r"cti\.domain(\..*)?|cti\.wire(\..*)?|(\w+)\.model")
_FORBIDDEN_IN_PURE = {"asyncio", "socket", "time", "random", "secrets", "subprocess", "threading"}
_ORDER = ["model", "ports", "service", "adapters", "wiring"]


def layer(module: str) -> int | None:
    """The floor of a department's module; None for helpers beside them."""
    parts = module.split(".")
    return _ORDER.index(parts[1]) if len(parts) > 1 and parts[1] in _ORDER else None


def test_the_pure_core_imports_no_io_clock_or_chance() -> None:
    for name, tree in modules():
        if _PURE.fullmatch(name):
            roots = {imported.split(".")[0] for imported in imports(tree)}
            assert not roots & _FORBIDDEN_IN_PURE, name
            third_party = roots - set(sys.stdlib_module_names) - {"cti", *DEPARTMENTS}
            assert third_party <= {"phonenumbers", "numpy"}, f"{name}: {third_party}"


def test_only_adapters_touch_infrastructure() -> None:
    infrastructure = ("cti.web", "cti.storage", "cti.bus", "cti.asterisk")
    for name, tree in modules(*DEPARTMENTS):
        if ".adapters" in name:
            continue
        touched = {i for i in imports(tree) if i.startswith(infrastructure)}
        assert not touched or name.endswith(".wiring"), f"{name} imports {touched}"


def test_inside_a_department_imports_go_down_only() -> None:
    for department in DEPARTMENTS:
        for name, tree in modules(department):
            floor = layer(name)
            if floor is None:
                continue
            for imported in imports(tree):
                if imported.startswith(f"{department}."):
                    below = layer(imported)
                    assert below is None or below <= floor, f"{name} imports {imported}"


def test_every_department_has_the_same_rooms() -> None:
    for department in DEPARTMENTS:
        for room in ("__init__.py", "model.py", "ports.py", "service.py", "wiring.py", "adapters"):
            assert (ROOT / department / room).exists(), f"{department}/{room}"


def test_only_the_translator_knows_how_asterisk_names_things() -> None:
    for name, _ in modules():
        path = ROOT / (name.replace(".", "/") + ".py")
        if not name.startswith("cti.asterisk") and path.exists():
            assert "Linkedid" not in path.read_text(encoding="utf-8"), name
