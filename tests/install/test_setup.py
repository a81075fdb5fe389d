"""The set-up's refusals: each is one clear line that names the remedy, and a non-zero exit.

The set-up runs in a copy of the checkout with a PATH of the test's own, so that programs can be
missing and apt can fail without touching the machine.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.install

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "tools", "asterisk_conf", "cti/__init__.py", "cti/places.py", "cti/domain", "pyproject.toml",
)  # fmt: skip
NOBODY = 65534


class Checkout:
    """A copy of what the set-up needs, a home and a PATH of its own, usable by any user."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "checkout"
        self.bin = folder / "bin"
        self.home = folder / "home"
        for new in (self.path, self.bin, self.home):
            new.mkdir()
        for name in COPIED:
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(ROOT / name, target)
        for source in ("/usr/sbin", "/usr/bin"):
            for program in Path(source).iterdir():
                link = self.bin / program.name
                if not link.is_symlink():
                    link.symlink_to(program)

    def without(self, *names: str) -> "Checkout":
        for name in names:
            (self.bin / name).unlink(missing_ok=True)
        return self

    def with_program(self, name: str, script: str) -> "Checkout":
        self.without(name)
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)
        return self

    def run(
        self, *command: str, as_nobody: bool = False, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        prefix: list[str] = []
        if as_nobody and os.getuid() == 0:
            subprocess.run(["chown", "-R", str(NOBODY), str(self.path.parent)], check=True)
            prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        return subprocess.run(
            [*prefix, *command], cwd=self.path, env=self._environment(environment), check=False,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=110,
        )  # fmt: skip

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            "RINGDESK_CACHE": str(self.home / "cache"),
            "LC_ALL": "C.UTF-8",
            **more,
        }


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    """A checkout outside pytest's own folder, which only its owner may enter."""
    folder = Path(tempfile.mkdtemp(prefix="ringdesk-setup-"))
    folder.chmod(0o755)
    yield Checkout(folder)
    shutil.rmtree(folder)


def test_an_ordinary_user_is_told_what_an_administrator_must_install(checkout: Checkout) -> None:
    done = checkout.without("ffmpeg", "espeak-ng", "sudo").run(
        "tools/setup", "demo", as_nobody=True
    )
    assert done.returncode == 1
    missing, remedy = done.stderr.splitlines()
    assert missing.startswith("setup: these system packages are missing and you may not install")
    assert missing.endswith(": ffmpeg espeak-ng")
    assert remedy.endswith("apt-get install --no-install-recommends ffmpeg espeak-ng")
    assert not (checkout.path / ".venv").exists(), "it stops before the first change"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, or the set-up would ask for sudo")
def test_a_program_that_stays_missing_after_the_installation_is_told(checkout: Checkout) -> None:
    done = checkout.without("ffmpeg").with_program("apt-get", "exit 0").run("tools/setup", "demo")
    assert done.returncode == 1
    assert "system packages to install on" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("setup: still missing after the installation: ffmpeg;")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, or the set-up would ask for sudo")
@pytest.mark.parametrize(
    ("complaint", "told"),
    [
        ("Err: Temporary failure resolving 'mirror.example'", "no network: check the connection"),
        ("Err: Could not connect to mirror.example:80", "the package mirror does not answer"),
        ("E: You don't have enough free space in /var", "the disk is full"),
    ],
)
def test_a_failed_system_installation_is_one_line(
    checkout: Checkout, complaint: str, told: str
) -> None:
    checkout.without("ffmpeg").with_program("apt-get", f'echo "{complaint}"; exit 100')
    done = checkout.run("tools/setup", "demo")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert told in line
    assert ".stamps/log/" in line


def test_an_unreachable_package_index_is_one_line(checkout: Checkout) -> None:
    done = checkout.run(
        "tools/setup", "demo", as_nobody=True,
        PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_NO_INPUT="1",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    (line,) = done.stderr.splitlines()
    assert "installing the Python packages into .venv: the package mirror does not answer" in line


def test_a_python_without_venv_is_told(checkout: Checkout) -> None:
    for name in sorted(checkout.bin.glob("python3*")):
        checkout.with_program(name.name, "exit 1")
    done = checkout.run("tools/setup", "demo", as_nobody=True)
    assert done.returncode == 1
    assert "python3-venv" in done.stderr


@pytest.mark.parametrize(
    ("mirror", "told"),
    [
        (
            "http://127.0.0.1:9/debian",
            "the package mirror http://127.0.0.1:9/debian does not answer",
        ),
        (
            "http://mirror.invalid/debian",
            "no network: http://mirror.invalid/debian cannot be found",
        ),
    ],
)
def test_an_unreachable_mirror_of_the_private_asterisk_is_one_line(
    checkout: Checkout, mirror: str, told: str
) -> None:
    done = checkout.run("python3", "tools/install_asterisk", RINGDESK_APT_MIRROR=mirror)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert told in line
    left = [path.name for path in (checkout.home / "cache/asterisk").iterdir()]
    assert left == [".lock"], "nothing is left behind"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_one_line_before_and_during_the_work(checkout: Checkout) -> None:
    disk = checkout.home / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], check=True)
    try:
        before = checkout.run("python3", "tools/install_asterisk", RINGDESK_CACHE=str(disk))
        # apt finds room, and the unpacking then does not.
        checkout.with_program(
            "apt-get",
            'for w; do case $w in Dir::Cache=*) c=${w#*=};; install) : >"$c/archives/a.deb";; '
            "esac; done",
        )
        checkout.with_program("apt-cache", "echo '  Candidate: 1:22.10.1'")
        checkout.with_program("dpkg-deb", 'head -c 20000000 /dev/zero >"$3/x"')
        during = checkout.run(
            "python3", "-c",
            "import sys; sys.path.insert(0, '.'); from pathlib import Path\n"
            "from asterisk_conf import errors, installer\n"
            "try: installer.install(Path(sys.argv[1]), progress=lambda p: None, needed_mb=1)\n"
            "except errors.DiskFull as error: sys.exit(str(error))",
            str(disk),
        )  # fmt: skip
        left = sum(file.stat().st_size for file in disk.rglob("*") if file.is_file())
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    for done in (before, during):
        assert done.returncode == 1, done.stderr
        (line,) = done.stderr.splitlines()
        assert "the disk of" in line
        assert "set RINGDESK_CACHE to a folder on another disk" in line
    assert left == 0, "a failed installation leaves the disk as it found it"


def test_a_cache_that_cannot_be_written_is_told(checkout: Checkout) -> None:
    done = checkout.run("tools/setup", "demo", as_nobody=True, RINGDESK_CACHE="/proc/nowhere")
    assert done.returncode == 1
    assert done.stderr == (
        "setup: /proc/nowhere cannot be written: set RINGDESK_CACHE to a folder of your own\n"
    )


def test_an_unknown_set_is_refused() -> None:
    done = subprocess.run(
        ["tools/setup", "everything"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "usage: tools/setup demo|test|pjsua2\n"


def test_a_second_set_up_takes_under_ten_seconds() -> None:
    began = time.monotonic()
    done = subprocess.run(
        ["tools/setup", "test"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    taken = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert "installing" not in done.stdout, "all was there: this test runs after make setup"
    assert taken < 10


@pytest.mark.parametrize(
    ("log", "local", "told"),
    [
        ("npm error code EAI_AGAIN", False, "fetch: no network"),
        ("npm error code ECONNREFUSED", False, "fetch: the package mirror does not answer"),
        ("OSError: [Errno 28] No space left on device", True, "fetch: the disk is full"),
        ('X [ERROR] Could not resolve "./a.css"\nError: Build failed', True,
         'fetch failed: X [ERROR] Could not resolve "./a.css"'),
        ("a.c:1:2: error: no such header\nmake: *** [a.o] Error 1", True,
         "fetch failed: a.c:1:2: error: no such header"),
        ("first\nlast words\n", False, "fetch failed: last words"),
    ],
)  # fmt: skip
def test_a_steps_log_is_explained(tmp_path: Path, log: str, local: bool, told: str) -> None:
    (tmp_path / "log").write_text(log)
    script = f". {ROOT}/tools/lib.sh; step_is_local={'1' if local else ''}; explain_log fetch log"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(told)
    assert done.stdout.count("\n") == 1


def pretended_python(place: Path, microseconds: int, *, headers: bool = True) -> str:
    """A program that answers what the set-up asks a Python, as one of that speed would."""
    status = 0 if headers else 1
    return (
        f'case "$2" in *venv*) echo {place};; *Python.h*) exit {status};;'
        f" *process_time*) echo {microseconds};; *) exit 2;; esac"
    )


@pytest.mark.parametrize(
    ("others", "environment", "found"),
    [
        ({}, {}, "python3"),
        ({"python3.12": pretended_python(Path("/b"), 700)}, {}, "python3.12"),
        # A difference that chance may make is none.
        ({"python3.12": pretended_python(Path("/b"), 850)}, {}, "python3"),
        # The quickest of all, not the first that is quicker.
        (
            {
                "python3.12": pretended_python(Path("/b"), 700),
                "python3.11": pretended_python(Path("/c"), 500),
            },
            {},
            "python3.11",
        ),
        # Another name of the same one isn't asked how quick it is.
        ({"python3.12": pretended_python(Path("/a"), 1)}, {}, "python3"),
        # The phones of the tests couldn't be built with it; the demo needs none.
        ({"python3.12": pretended_python(Path("/b"), 700, headers=False)}, {}, "python3"),
        (
            {"python3.12": pretended_python(Path("/b"), 700, headers=False)},
            {"what": "demo"},
            "python3.12",
        ),
        ({"python3.12": pretended_python(Path("/b"), 1)}, {"PYTHON": "python3"}, "python3"),
        ({"python3.12": "exit 1"}, {"PYTHON": "python3.12"}, "python3"),
    ],
)
def test_the_quickest_python_is_taken(
    tmp_path: Path, others: dict[str, str], environment: dict[str, str], found: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in {"python3": pretended_python(Path("/a"), 1000), **others}.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", "-c", f". {ROOT}/tools/lib.sh; find_python"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"PATH": str(programs), **environment},
    )  # fmt: skip
    assert done.stdout == f"{programs / found}\n"
