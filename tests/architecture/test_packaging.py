"""What is shipped: the packages, and a wheel that works outside the repository."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, packages

pytestmark = pytest.mark.architecture

_NOT_SHIPPED = {"tests", "docs", "pages", "tools", "bench", "dist", "build", "var"}


def test_every_folder_with_code_is_listed_or_known_as_not_shipped() -> None:
    found = {
        path.name for path in ROOT.iterdir() if path.is_dir() and (path / "__init__.py").exists()
    }
    assert found - _NOT_SHIPPED == set(packages())


def test_the_wheel_can_be_imported_outside_the_repository(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), "."],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=100,
    )
    [wheel] = tmp_path.glob("*.whl")
    target = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
        names = archive.namelist()
    assert not [n for n in names if n.startswith(("tests/", "bench/"))]
    assert any(n.startswith("cti/web/static/") and n.endswith(".js") for n in names)
    assert "cti/sample/company.yaml" in names
    assert any(n.startswith("asterisk_conf/templates/") for n in names)
    code = "import sys; sys.path.insert(0, sys.argv[1])\n" + "\n".join(
        f"import {name}; assert {name}.__file__.startswith(sys.argv[1]), {name}.__file__"
        for name in packages()
    )
    code += "\nimport cti.bootstrap, cti.cli"
    # The current folder is empty and the wheel stands first: the checkout can't help out.
    subprocess.run([sys.executable, "-c", code, str(target)], cwd=tmp_path, check=True, timeout=60)
