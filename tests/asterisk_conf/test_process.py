"""A real private Asterisk, started, found again by other processes, and ended."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from asterisk_conf.errors import CommandFailed, NotRunning, StartFailed
from asterisk_conf.installer import AsteriskInstall, default_cache, find, find_host
from asterisk_conf.process import AsteriskProcess
from tests.until import until

pytestmark = pytest.mark.asterisk

MODULES = ("res_timing_timerfd.so",)


@pytest.fixture(scope="module")
def install() -> AsteriskInstall:
    found = find(default_cache()) or find_host()
    assert found, "no Asterisk: run make setup"
    return found


@pytest.fixture
def pbx(install: AsteriskInstall, tmp_path: Path) -> Iterator[AsteriskProcess]:
    """A PBX with the smallest configuration that boots; ended after the test."""
    process = AsteriskProcess(install, write_minimal_conf(tmp_path, install), tmp_path / "run")
    yield process
    process.stop()


def write_minimal_conf(folder: Path, install: AsteriskInstall) -> Path:
    etc = folder / "etc"
    etc.mkdir()
    places = {"astetcdir": etc, "astmoddir": install.module_dir, "astdatadir": install.data_dir}
    for name in ("varlib", "db", "spool", "run", "log", "key", "agi"):
        key = {"key": "astkeydir", "agi": "astagidir"}.get(name, f"ast{name}dir")
        places[key] = folder / name
        places[key].mkdir()
    lines = "".join(f"{name} => {path}\n" for name, path in places.items())
    (etc / "asterisk.conf").write_text(f"[directories]\n{lines}\n[options]\n")
    loads = "".join(f"load = {name}\n" for name in MODULES)
    (etc / "modules.conf").write_text(f"[modules]\nautoload = no\n{loads}")
    (etc / "logger.conf").write_text("[logfiles]\nmessages = notice,warning,error\n")
    return etc


def test_starts_answers_and_stops(pbx: AsteriskProcess) -> None:
    assert pbx.status() is None
    pid = pbx.start()

    status = pbx.status()
    assert status is not None
    assert status.pid == pid
    assert status.version.startswith(pbx.install.version)
    assert (status.channels, status.calls) == (0, 0)
    assert status.uptime_time < timedelta(seconds=30)

    assert pbx.stop() is True
    assert not pbx.is_running()
    asyncio.run(until(lambda: not Path(f"/proc/{pid}").exists(), within=10))
    assert pbx.stop() is False
    with pytest.raises(NotRunning, match="ringdesk pbx start"):
        pbx.rx("core show uptime")


def test_is_nobodys_child_and_outlives_its_starter(pbx: AsteriskProcess) -> None:
    script = (
        "import sys; from pathlib import Path; from asterisk_conf.installer import *;"
        "from asterisk_conf.process import AsteriskProcess;"
        "install = find(default_cache()) or find_host();"
        "print(AsteriskProcess(install, Path(sys.argv[1]), Path(sys.argv[2])).start())"
    )
    starter = subprocess.run(
        [sys.executable, "-c", script, str(pbx.conf.parent), str(pbx.run_dir)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    pid = int(starter.stdout)

    assert pbx.pid() == pid
    assert os.getsid(pid) != os.getsid(0)
    assert pbx.start() == pid, "a second start finds the first one's process"


def test_is_found_again_without_its_pid_file(pbx: AsteriskProcess) -> None:
    pid = pbx.start()
    pbx.pid_file.unlink()
    assert pbx.pid() == pid
    pbx.pid_file.write_text(f"{os.getpid()}\n")
    assert pbx.pid() == pid, "a stranger's process id is not believed"


def test_two_starts_at_once_make_one_process(pbx: AsteriskProcess) -> None:
    with ThreadPoolExecutor(2) as pool:
        pids = list(pool.map(lambda _: pbx.start(), range(2)))
    assert pids[0] == pids[1]


def test_a_frozen_process_is_ended_too(pbx: AsteriskProcess) -> None:
    pid = pbx.start()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(CommandFailed, match="did not answer"):
        pbx.rx("core show uptime", timeout=timedelta(seconds=0.5))
    assert pbx.is_running()
    assert pbx.stop(timeout=timedelta(seconds=2)) is True
    assert not pbx.is_running()


def test_a_killed_process_is_seen_and_replaced(pbx: AsteriskProcess) -> None:
    pid = pbx.start()
    os.kill(pid, signal.SIGKILL)
    asyncio.run(until(lambda: not pbx.is_running()))
    assert pbx.start() != pid


def test_a_failed_start_tells_the_reason(pbx: AsteriskProcess) -> None:
    modules = pbx.conf.parent / "modules.conf"
    modules.write_text(modules.read_text() + "require = no_such_module.so\n")
    with pytest.raises(StartFailed, match="no_such_module"):
        pbx.start()
    assert not pbx.is_running()


def test_a_missing_configuration_is_named(install: AsteriskInstall, tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"asterisk\.conf cannot be read"):
        AsteriskProcess(install, tmp_path, tmp_path / "run").start()


def test_a_too_long_socket_path_is_refused_before_the_start(pbx: AsteriskProcess) -> None:
    text = pbx.conf.read_text().replace(
        f"astrundir => {pbx.directories()['astrundir']}", f"astrundir => /tmp/{'x' * 120}"
    )
    pbx.conf.write_text(text)
    with pytest.raises(StartFailed, match="138 characters and 107 are allowed"):
        pbx.start()


def test_a_command_with_a_line_break_never_reaches_asterisk(pbx: AsteriskProcess) -> None:
    pbx.start()
    with pytest.raises(CommandFailed, match="one line"):
        pbx.rx("core show uptime\ncore stop now")
    assert pbx.is_running()
