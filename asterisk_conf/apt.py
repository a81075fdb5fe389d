"""Download Debian packages with apt into a private folder, as any user, touching nothing of the host.

apt takes all its places from options, so a folder with an empty ``status`` file and one source list is
a complete apt of its own: it sees no installed package and therefore fetches the whole closure of
what is asked for, down to the C library. apt checks signatures and hashes; nothing is installed and
no maintainer script runs.

What apt prints is read for two purposes: its status channel (``APT::Status-Fd``) gives progress, and
its complaints are turned into the errors of `asterisk_conf.errors`.
"""

import os
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asterisk_conf.apt_sources import Suite
from asterisk_conf.errors import (
    DiskFull,
    DownloadDamaged,
    InstallError,
    MirrorUnreachable,
    MirrorUntrusted,
    NoNetwork,
    PackagesMissing,
    UnsupportedHost,
)

Step = Literal["wait", "index", "download", "extract", "check"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long step is.

    ``done`` and ``total`` count what ``unit`` says: ``"MB"`` for a download, ``"%"`` for an index,
    ``"packages"`` for an extraction. ``total`` is 0 while it is unknown.
    """

    step: Step
    done: float = 0.0
    total: float = 0.0
    unit: str = ""


Report = Callable[[Progress], None]

# "Need to get 13.2 MB/107 MB of archives.": what is still to be fetched comes first.
_NEED = re.compile(r"Need to get ([\d.,]+) (B|kB|MB|GB)\S* .*archives")
_UNITS = {"B": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}

# Checked in this order: the first phrase found in apt's complaints names the error. Phrases are those
# of apt 2.4 to 3.0 with LC_ALL=C.
_COMPLAINTS: tuple[tuple[tuple[str, ...], type[InstallError], str], ...] = (
    (
        ("No space left on device", "You don't have enough free space"),
        DiskFull,
        "the disk of {folder} is full: free about 1 GB there, or set RINGDESK_CACHE to another disk",
    ),
    (
        ("Could not resolve", "Temporary failure resolving", "Network is unreachable"),
        NoNetwork,
        "no network: {uri} cannot be found; check the network, the name service and the proxy",
    ),
    (
        ("Hash Sum mismatch", "File has unexpected size", "Clearsigned file isn't valid"),
        DownloadDamaged,
        "a download from {uri} was damaged on its way; start again in a few minutes",
    ),
    (
        ("NO_PUBKEY", "is not signed", "signatures couldn't be verified", "Missing key"),
        MirrorUntrusted,
        "the signature of {uri} does not verify with {keyring}; bring the keyring package up to date",
    ),
    (
        ("Unable to locate package", "has no installation candidate", "unmet dependencies",
         "held broken packages", "Unable to satisfy dependencies", "Unable to find a source package",
         "does not have a Release file", "404  Not Found", "403  Forbidden"),
        PackagesMissing,
        "{uri} has no {suite} with the packages needed; set RINGDESK_APT_MIRROR to another mirror",
    ),
    (
        ("Could not connect", "Unable to connect", "Connection failed", "Connection timed out",
         "Connection refused", "Failed to fetch"),
        MirrorUnreachable,
        "the package mirror {uri} does not answer; try later, or set RINGDESK_APT_MIRROR to another",
    ),
)  # fmt: skip


class Meter:
    """Makes progress reports of what apt prints and of its status channel, line by line."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._total_mb = 0.0

    def output(self, line: str) -> None:
        """Take a line of apt's output; one of them tells the size of all downloads."""
        match = _NEED.search(line)
        if match:
            self._total_mb = float(match.group(1).replace(",", "")) * _UNITS[match.group(2)]

    def status(self, line: str) -> Progress | None:
        """Take a status line; return the progress it tells, if any.

        Format: ``dlstatus:FILE:PERCENT:text`` (apt, README.progress-reporting).
        """
        parts = line.split(":", 3)
        if len(parts) < 3 or parts[0] != "dlstatus":
            return None
        try:
            percent = float(parts[2])
        except ValueError:
            return None
        if self._step == "download" and self._total_mb:
            return Progress(self._step, self._total_mb * percent / 100, self._total_mb, "MB")
        return Progress(self._step, percent, 100.0, "%")


class PrivateApt:
    """An apt with its own state under ``folder``, reading one suite.

    Args:
        folder: is created; holds the state, indexes and downloads; the caller removes it.
        suite: where packages come from.
        report: is told the progress.
    """

    def __init__(self, folder: Path, suite: Suite, report: Report) -> None:
        self.folder = folder
        self.suite = suite
        self._report = report

    def update(self, *, sources: bool = False) -> None:
        """Fetch the suite's index; with ``sources`` that of source packages instead.

        Raises:
            InstallError: the kind that apt's complaint tells.
        """
        for part in ("etc", "lists/partial", "cache/archives/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        kind = "deb-src" if sources else "deb"
        (self.folder / "etc" / "sources.list").write_text(self.suite.lines(kind=kind))
        self._run("index", "update")

    def candidate_version(self, package: str) -> str | None:
        """Return the version of ``package`` in the suite, or None when the suite lacks it."""
        out = self._query("apt-cache", "policy", package)
        match = re.search(r"^ +Candidate: (\S+)$", out, re.MULTILINE)
        return match.group(1) if match and match.group(1) != "(none)" else None

    def download(self, packages: list[str]) -> list[Path]:
        """Download ``packages`` with all they depend on; return the package files.

        Raises:
            InstallError: the kind that apt's complaint tells.
        """
        self._run("download", "-y", "--download-only", "install", *packages)
        return sorted((self.folder / "cache" / "archives").glob("*.deb"))

    def download_source(self, package: str, target: Path) -> list[Path]:
        """Download the source files of ``package`` into ``target`` (created); return them.

        Raises:
            InstallError: the kind that apt's complaint tells.
        """
        target.mkdir(parents=True, exist_ok=True)
        self._run("download", "source", "--download-only", package, cwd=target)
        return sorted(target.iterdir())

    def _options(self) -> list[str]:
        places = {
            "Dir::State": self.folder,
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "Dir::Etc": self.folder / "etc",
            # The suite's index may be older than its own validity on an archive snapshot.
            "Acquire::Check-Valid-Until": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
            "APT::Install-Recommends": "false",
            "APT::Update::Error-Mode": "any",
            # apt's own download user cannot read a folder in somebody's home.
            "APT::Sandbox::User": "root",
        }
        return [word for name, value in places.items() for word in ("-o", f"{name}={value}")]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}

    def _query(self, program: str, *words: str) -> str:
        done = subprocess.run(
            [program, *self._options(), *words],
            env=self._environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout

    def _run(self, step: Step, *words: str, cwd: Path | None = None) -> None:
        self._report(Progress(step))
        read_end, write_end = os.pipe()
        try:
            process = subprocess.Popen(
                ["apt-get", *self._options(), "-o", f"APT::Status-Fd={write_end}", *words],
                env=self._environment(), cwd=cwd, pass_fds=(write_end,), text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except FileNotFoundError as error:
            os.close(read_end)
            raise UnsupportedHost(
                "apt-get is not on this host: install Asterisk 20 or newer yourself and set "
                'pbx.asterisk = "host"'
            ) from error
        finally:
            os.close(write_end)
        output = self._follow(process, read_end, step)
        if process.wait() != 0:
            raise explain(output, suite=self.suite, folder=self.folder)

    def _follow(self, process: subprocess.Popen[str], read_end: int, step: Step) -> str:
        """Read apt's output and status channel to their ends; return the output."""
        meter = Meter(step)

        # Two pipes, so two readers: neither can fill up while the other is waited for.
        def watch() -> None:
            with os.fdopen(read_end, encoding="utf-8", errors="replace") as status:
                for line in status:
                    progress = meter.status(line)
                    if progress is not None:
                        self._report(progress)

        watcher = threading.Thread(target=watch, name="apt-status", daemon=True)
        watcher.start()
        lines = []
        with process:
            for line in process.stdout or ():
                lines.append(line)
                meter.output(line)
        watcher.join(timeout=10)
        return "".join(lines)


def explain(output: str, *, suite: Suite, folder: Path) -> InstallError:
    """Turn what a failed apt printed into one error whose message names the remedy."""
    complaints = "\n".join(
        line for line in output.splitlines() if line.startswith(("E:", "W:", "Err:", "  "))
    )
    for phrases, kind, message in _COMPLAINTS:
        if any(phrase in complaints for phrase in phrases):
            return kind(
                message.format(
                    uri=suite.uri, suite=suite.name, keyring=suite.keyring, folder=folder.parent
                )
            )
    lines = [line for line in output.splitlines() if line.strip()]
    reason = next((line for line in lines if line.startswith("E:")), (lines or ["no reason"])[-1])
    return InstallError(
        f"apt failed on {suite.uri} {suite.name}: {reason.removeprefix('E:').strip()}"
    )
