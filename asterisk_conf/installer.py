"""Put a private Asterisk into the cache.

The private copy needs no root and touches nothing on the host: the packages of Asterisk with their
whole closure, down to the C library, are downloaded by a private apt (`asterisk_conf.apt`) and unpacked
into one folder; the binary is then started by the dynamic loader of that folder. The cache lies outside
the checkout, so that a second clone pays nothing::

    CACHE/asterisk/.lock                   one installation at a time
    CACHE/asterisk/.incoming-…             an installation under way; removed by the next one if it died
    CACHE/asterisk/22.10.1-amd64/root      the unpacked packages
    CACHE/asterisk/22.10.1-amd64/manifest.json

The folder gets its name by one rename after everything in it is complete and the binary has run once:
whatever `find` (`asterisk_conf.installation`, offered here too) returns is whole.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from asterisk_conf.apt import PrivateApt, Progress, Report
from asterisk_conf.apt_sources import Suite, host_suites
from asterisk_conf.errors import DiskFull, InstallError, PackagesMissing, UnsupportedHost
from asterisk_conf.installation import (
    MINIMUM_MAJOR,
    AsteriskInstall,
    describe,
    find,
    find_host,
    host_architecture,
    loader_argv,
    numbers,
    require,
    version_of,
)
from cti.places import default_cache

__all__ = [
    "MINIMUM_MAJOR",
    "AsteriskInstall",
    "check_room",
    "default_cache",
    "find",
    "find_host",
    "install",
    "require",
]

PACKAGES = ("asterisk", "asterisk-modules", "asterisk-core-sounds-en-wav")
OPTIONAL_PACKAGES = ("asterisk-moh-opsound-wav",)

NEEDED_MB = 700
"""Room for the indexes (50 MB), the downloads (110 MB) and the unpacked copy (320 MB), with a margin."""


def install(
    cache: Path,
    *,
    progress: Report,
    suites: Sequence[Suite] | None = None,
    needed_mb: int = NEEDED_MB,
) -> AsteriskInstall:
    """Return the private Asterisk in ``cache``, after installing it there if need be.

    Safe to call from several processes at once: one installs, the others wait for it.

    Args:
        cache: the cache folder, see `default_cache`; is created.
        progress: is called with each step and, within it, several times a second.
        suites: where to install from, best first; the host's own sources decide when left out.
        needed_mb: refuse to begin with less room than this.

    Raises:
        InstallError: one of its kinds; the message names the remedy.
    """
    existing = find(cache)
    if existing is not None:
        return existing
    folder = cache / "asterisk"
    with _no_room_told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / ".lock", lambda: progress(Progress("wait"))):
            existing = find(cache)
            if existing is not None:
                return existing
            for stale in folder.glob(".incoming-*"):
                shutil.rmtree(stale, ignore_errors=True)
            check_room(folder, needed_mb)
            return _install_from(list(suites or host_suites()), folder, progress)


def check_room(folder: Path, needed_mb: int) -> None:
    """Raise `DiskFull` when ``folder``'s disk has less than ``needed_mb`` left."""
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < needed_mb:
        raise DiskFull(
            f"the disk of {folder} has {free_mb} MB left and {needed_mb} MB are needed: free some "
            "room, or set RINGDESK_CACHE to a folder on another disk"
        )


def _install_from(suites: list[Suite], folder: Path, progress: Report) -> AsteriskInstall:
    missing: InstallError | None = None
    for suite in suites:
        incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=folder))
        try:
            return _install_suite(suite, folder, incoming, progress)
        except PackagesMissing as error:
            missing = missing or error
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
    raise missing or PackagesMissing("there is no suite to install Asterisk from")


def _install_suite(suite: Suite, folder: Path, incoming: Path, progress: Report) -> AsteriskInstall:
    architecture = host_architecture()
    apt = PrivateApt(incoming / "apt", suite, progress)
    apt.update()
    package_version = apt.candidate_version("asterisk")
    if package_version is None or numbers(package_version)[0] < MINIMUM_MAJOR:
        raise PackagesMissing(
            f"{suite.uri} has no Asterisk {MINIMUM_MAJOR} or newer in {suite.name}"
        )
    wanted = [*PACKAGES, *(name for name in OPTIONAL_PACKAGES if apt.candidate_version(name))]
    archives = apt.download(wanted)
    ready = incoming / "ready"
    _unpack(archives, ready / "root", progress)
    shutil.rmtree(incoming / "apt")  # 160 MB that nobody needs again
    progress(Progress("check"))
    version = _check_runs(ready / "root", architecture)
    manifest = {
        "version": version,
        "package_version": package_version,
        "suite": suite.name,
        "architecture": architecture,
        "packages": len(archives),
    }
    (ready / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    final = folder / f"{version}-{architecture}"
    if final.exists():  # without a readable manifest, else find() had returned it
        shutil.rmtree(final)
    ready.rename(final)
    return describe(final / "root", version, architecture)


def _unpack(archives: list[Path], root: Path, progress: Report) -> None:
    root.mkdir(parents=True)
    for number, archive in enumerate(archives):
        progress(Progress("extract", number, len(archives), "packages"))
        try:
            done = subprocess.run(
                ["dpkg-deb", "--extract", str(archive), str(root)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise UnsupportedHost("dpkg-deb is not on this host: apt-get install dpkg") from error
        if "No space left" in done.stderr:
            raise OSError(28, "No space left on device", str(root))
        if done.returncode != 0:
            raise InstallError(f"{archive.name} cannot be unpacked: {done.stderr.strip()[-200:]}")
        archive.unlink()
    progress(Progress("extract", len(archives), len(archives), "packages"))
    # What the sound packages' maintainer script would do: the language's own folder.
    sounds = root / "usr/share/asterisk/sounds"
    if (sounds / "en_US_f_Allison").is_dir() and not (sounds / "en").exists():
        (sounds / "en").symlink_to("en_US_f_Allison")


def _check_runs(root: Path, architecture: str) -> str:
    argv = loader_argv(root, architecture)
    version = version_of(argv)
    if version is None:
        raise UnsupportedHost(
            f"the unpacked Asterisk does not run on this kernel ({os.uname().release}): install "
            'Asterisk 20 or newer yourself and set pbx.asterisk = "host"'
        )
    return version


@contextmanager
def _locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock that ends with the process, whatever kills it."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _no_room_told(folder: Path) -> Iterator[None]:
    """Turn a failed write into an error with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno == 28:
            raise DiskFull(
                f"the disk of {folder} is full: free {NEEDED_MB} MB there, or set RINGDESK_CACHE to "
                "a folder on another disk"
            ) from error
        raise InstallError(
            f"{error.filename or folder} cannot be written ({error.strerror}): set RINGDESK_CACHE to "
            "a folder that you can write"
        ) from error
