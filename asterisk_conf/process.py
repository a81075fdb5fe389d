"""One Asterisk process of a deployment: start it, find it again, speak to it, stop it.

Asterisk is nobody's child: it is started through ``setsid --fork``, so that it outlives the service
that started it and the next service finds it again. The order of things at a start:

1. take the lock of the run folder (two starts at once become one);
2. a small shell writes its own process id into ``pbx.pid`` and becomes Asterisk (``-f``, so that
   the id stays the same); output goes to ``pbx.log``;
3. ``core waitfullybooted`` is asked over the control socket until it answers or the deadline passes.

A process counts as ours only if its command line names our ``asterisk.conf``: an id in ``pbx.pid``
that the kernel has given to somebody else is never signalled. A lost ``pbx.pid`` does no harm, since
the process list is searched for that command line too.

Everything here blocks (a start about one second): call it from a thread in a service.
"""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from asterisk_conf.errors import CommandFailed, NotRunning, StartFailed
from asterisk_conf.installation import AsteriskInstall
from asterisk_conf.listening import PortNeed, check_ports_free

__all__ = ["AsteriskProcess", "PbxStatus", "PortNeed", "check_ports_free"]

_SOCKET_NAME_LIMIT = 107  # sun_path of unix(7), without its final NUL
_OPEN_FILES = 65_536
_POLL_SECONDS = 0.05

# Asterisk says this at every start without a stasis.conf; it uses its defaults then.
_HARMLESS = re.compile(r"[Ss]tasis")

# $0 is the pid file, $@ the command. A soft limit of 1024 files would end calls at about 300 channels.
_BECOME = (
    f'hard=$(ulimit -H -n); [ "$hard" = unlimited ] && hard={_OPEN_FILES}; '
    f'[ "$hard" -gt {_OPEN_FILES} ] && hard={_OPEN_FILES}; ulimit -S -n "$hard"; '
    'echo $$ >"$0" && exec "$@"'
)


@dataclass(frozen=True, slots=True)
class PbxStatus:
    """What a running Asterisk says of itself."""

    pid: int
    version: str
    uptime_time: timedelta
    channels: int
    calls: int


class AsteriskProcess:
    """The Asterisk that runs with the configuration in ``etc_dir``.

    Args:
        install: which binary.
        etc_dir: holds ``asterisk.conf``, whose ``[directories]`` name every other place.
        run_dir: for the process id, the lock and the output; is created.
    """

    def __init__(self, install: AsteriskInstall, etc_dir: Path, run_dir: Path) -> None:
        self.install = install
        self.conf = etc_dir.absolute() / "asterisk.conf"
        self.run_dir = run_dir.absolute()
        self.pid_file = self.run_dir / "pbx.pid"
        self.log_file = self.run_dir / "pbx.log"

    def start(self, *, timeout: timedelta = timedelta(seconds=30)) -> int:
        """Start Asterisk, or find it running; return its process id once it is fully booted.

        Raises:
            StartFailed: with the reason from Asterisk's own output.
        """
        deadline = time.monotonic() + timeout.total_seconds()
        self._check_places()
        with self._locked():
            if self.pid() is None:
                self._spawn(deadline)
            return self._wait_booted(deadline)

    def pid(self) -> int | None:
        """Return the process id of our Asterisk, or None when it does not run."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self.pid_file.read_text(encoding="ascii"))
            if self._is_ours(pid):
                return pid
        return next((pid for pid in _all_pids() if self._is_ours(pid)), None)

    def is_running(self) -> bool:
        """Tell whether our Asterisk runs; a frozen one counts as running."""
        return self.pid() is not None

    def stop(self, *, timeout: timedelta = timedelta(seconds=10)) -> bool:
        """End our Asterisk: ``core stop now``, then SIGTERM, then SIGKILL; tell if it was running.

        Each of the first two ways gets half of ``timeout``.

        Raises:
            CommandFailed: it is still there after SIGKILL (a process in uninterruptible sleep).
        """
        with self._locked():
            pid = self.pid()
            if pid is None:
                self.pid_file.unlink(missing_ok=True)
                return False
            share = timeout.total_seconds() / 2
            if not self._end(pid, share):
                raise CommandFailed(f"Asterisk (process {pid}) does not end, not even by SIGKILL")
            self.pid_file.unlink(missing_ok=True)
            return True

    def rx(self, command: str, *, timeout: timedelta = timedelta(seconds=10)) -> str:
        """Send one CLI command over the control socket; return what Asterisk prints.

        Raises:
            NotRunning: nothing listens on the control socket.
            CommandFailed: no answer in time, or the command contains a line break.
        """
        if any(character in command for character in "\r\n\0"):
            raise CommandFailed("a control command must be one line")
        try:
            done = subprocess.run(
                [*self.install.argv, "-C", str(self.conf), "-rx", command],
                capture_output=True, stdin=subprocess.DEVNULL, check=False,
                timeout=timeout.total_seconds(), env=self._environment(),
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise CommandFailed(
                f"Asterisk did not answer within {timeout.total_seconds():.0f} s: it may hang; "
                "try ringdesk pbx stop and start"
            ) from error
        output = done.stdout.decode("utf-8", errors="replace")
        if done.returncode != 0:
            if "Unable to connect" in output + done.stderr.decode("utf-8", errors="replace"):
                raise NotRunning("the PBX is not running: start it with ringdesk pbx start")
            raise CommandFailed(f"Asterisk refused the command {command.split()[0]!r}")
        return output

    def status(self) -> PbxStatus | None:
        """Return what the running Asterisk says of itself, or None when it does not run.

        Raises:
            CommandFailed: it runs but does not answer.
        """
        pid = self.pid()
        if pid is None:
            return None
        seconds = _first_number(r"System uptime: (\d+)", self.rx("core show uptime seconds"))
        counts = self.rx("core show channels count")
        version = re.search(r"Asterisk (\S+)", self.rx("core show version"))
        return PbxStatus(
            pid=pid,
            version=version.group(1) if version else self.install.version,
            uptime_time=timedelta(seconds=seconds),
            channels=_first_number(r"(\d+) active channel", counts),
            calls=_first_number(r"(\d+) active call", counts),
        )

    def directories(self) -> dict[str, Path]:
        """Return the ``[directories]`` of our asterisk.conf.

        Raises:
            StartFailed: the file cannot be read.
        """
        try:
            text = self.conf.read_text(encoding="utf-8")
        except OSError as error:
            raise StartFailed(f"{self.conf} cannot be read ({error.strerror})") from error
        section = re.search(r"^\[directories\][ \t]*\n(.*?)(?=^\[|\Z)", text, re.M | re.S)
        pairs = re.findall(
            r"^\s*(ast\w+)\s*=>?\s*([^;\n]*)", section.group(1) if section else "", re.MULTILINE
        )
        return {name: Path(value.strip()) for name, value in pairs}

    def _check_places(self) -> None:
        places = self.directories()
        control = places.get("astrundir", Path("/var/run/asterisk")) / "asterisk.ctl"
        if len(os.fsencode(control)) > _SOCKET_NAME_LIMIT:
            raise StartFailed(
                f"the path of the control socket has {len(os.fsencode(control))} characters and "
                f"{_SOCKET_NAME_LIMIT} are allowed: choose a folder with a shorter name ({control})"
            )
        self.run_dir.mkdir(parents=True, exist_ok=True)

    def _spawn(self, deadline: float) -> None:
        self.pid_file.unlink(missing_ok=True)
        argv = [*self.install.argv, "-C", str(self.conf), "-f"]
        with self.log_file.open("wb") as log:
            subprocess.run(
                ["setsid", "--fork", "sh", "-c", _BECOME, str(self.pid_file), *argv],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.run_dir,
                env=self._environment(), check=True,
            )  # fmt: skip
        if not _wait_until(lambda: self.pid() is not None, deadline):
            raise StartFailed(f"Asterisk did not start: {self._reason()}")

    def _wait_booted(self, deadline: float) -> int:
        while (remaining := deadline - time.monotonic()) > 0:
            pid = self.pid()
            if pid is None:
                raise StartFailed(f"Asterisk ended while starting: {self._reason()}")
            with contextlib.suppress(NotRunning, CommandFailed):
                answer = self.rx("core waitfullybooted", timeout=timedelta(seconds=remaining))
                if "fully booted" in answer:
                    return pid
            time.sleep(_POLL_SECONDS)
        raise StartFailed(f"Asterisk was not ready in time: {self._reason()}")

    def _reason(self) -> str:
        """Return the last complaint Asterisk printed, or where to look."""
        try:
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in lines]
        told = [line for line in plain if line and not _HARMLESS.search(line)]
        fatal = [line for line in told if re.search(r"\*\*\*|ERROR", line)]
        marked = [line for line in told if re.search(r"fail|unable|cannot", line, re.IGNORECASE)]
        last = (fatal or marked or told or ["it printed nothing"])[-1][-300:]
        return f"{last} (all output is in {self.log_file})"

    def _end(self, pid: int, share: float) -> bool:
        """Try the three ways in turn; return whether the process is gone."""

        def is_gone() -> bool:
            return not self._is_ours(pid)

        with contextlib.suppress(NotRunning, CommandFailed):
            self.rx("core stop now", timeout=timedelta(seconds=share))
            if _wait_until(is_gone, time.monotonic() + share):
                return True
        for number in (signal.SIGTERM, signal.SIGKILL):
            if is_gone():
                return True
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if _wait_until(is_gone, time.monotonic() + share):
                return True
        return False

    def _is_ours(self, pid: int) -> bool:
        """Tell whether ``pid`` is a server (not a console) that runs with our configuration file."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            return False
        if words[-3:] != [b"-C", os.fsencode(self.conf), b"-f"] or len(words) < 4:
            return False
        # The starting shell carries the same words for a moment, after its own.
        is_binary = words[-4].rpartition(b"/")[2] == b"asterisk"
        return is_binary and words[0] not in {b"sh", b"setsid"}

    def _environment(self) -> dict[str, str]:
        # Nothing of a virtual environment or of our own settings reaches what the dialplan starts.
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME")
        return {name: os.environ[name] for name in kept if name in os.environ} | {"TERM": "dumb"}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.run_dir.mkdir(parents=True, exist_ok=True)
        with (self.run_dir / "pbx.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _wait_until(condition: Callable[[], bool], deadline: float) -> bool:
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _first_number(pattern: str, text: str) -> int:
    match = re.search(pattern, text)
    return int(match.group(1)) if match else 0
