"""Put a private Asterisk into the cache, find it again, or find the host's own.

The private copy needs no root and touches nothing on the host: the packages of Asterisk with their
whole closure, down to the C library, are downloaded by a private apt (`asterisk_conf.apt`) and unpacked
into one folder; the binary is then started by the dynamic loader of that folder. The cache lies outside
the checkout, so that a second clone pays nothing::

    CACHE/asterisk/.lock                   one installation at a time
    CACHE/asterisk/.incoming-…             an installation under way; removed by the next one if it died
    CACHE/asterisk/22.10.1-amd64/root      the unpacked packages
    CACHE/asterisk/22.10.1-amd64/manifest.json

The folder gets its name by one rename after everything in it is complete and the binary has run once:
whatever `find` returns is whole.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from asterisk_conf.apt import PrivateApt, Progress, Report
from asterisk_conf.apt_sources import Suite, host_suites
from asterisk_conf.errors import DiskFull, InstallError, PackagesMissing, UnsupportedHost

MINIMUM_MAJOR = 20
"""The oldest Asterisk that the configuration is written for."""

PACKAGES = ("asterisk", "asterisk-modules", "asterisk-core-sounds-en-wav")
OPTIONAL_PACKAGES = ("asterisk-moh-opsound-wav",)

NEEDED_MB = 700
"""Room for the indexes (50 MB), the downloads (110 MB) and the unpacked copy (320 MB), with a margin."""

_VERSION = re.compile(r"Asterisk (?:certified/)?(\d+(?:\.\d+)*)")
_TRIPLETS = {
    "amd64": ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "arm64": ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


@dataclass(frozen=True, slots=True)
class AsteriskInstall:
    """An Asterisk that can be started: the private one or the host's.

    ``argv`` is how its binary is called, the dynamic loader included; append Asterisk's own options.
    """

    origin: Literal["private", "host"]
    version: str
    root: Path
    argv: tuple[str, ...]
    module_dir: Path
    data_dir: Path
    sounds_dir: Path
    moh_dir: Path | None = field(default=None)

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The version for comparisons, such as ``(22, 10, 1)``."""
        return _numbers(self.version)


def default_cache(environ: "os._Environ[str] | dict[str, str]" = os.environ) -> Path:
    """Return the folder for downloads and builds: RINGDESK_CACHE, else ringdesk in the user's cache."""
    if environ.get("RINGDESK_CACHE"):
        return Path(environ["RINGDESK_CACHE"]).expanduser().resolve()
    base = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "ringdesk"


def find(cache: Path) -> AsteriskInstall | None:
    """Return the newest private Asterisk for this machine in ``cache``, or None."""
    architecture = _architecture()
    found = []
    for manifest in (cache / "asterisk").glob("[!.]*/manifest.json"):
        try:
            facts = json.loads(manifest.read_text(encoding="utf-8"))
            if facts["architecture"] != architecture:
                continue
            found.append(_describe(manifest.parent / "root", facts["version"], architecture))
        except (OSError, ValueError, KeyError, TypeError, UnsupportedHost):
            continue  # an incomplete or foreign folder is no installation
    return max(found, key=lambda install: install.version_numbers, default=None)


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


def find_host(path: str | None = None) -> AsteriskInstall | None:
    """Return the host's own Asterisk if it is version 20 or newer, else None.

    Args:
        path: where to look for the binary, in the format of PATH; the sbin folders are always looked at.
    """
    places = os.pathsep.join([path or os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    binary = shutil.which("asterisk", path=places)
    version = _version_of((binary,)) if binary else None
    if binary is None or version is None or _numbers(version)[0] < MINIMUM_MAJOR:
        return None
    prefix = Path(binary).resolve().parent.parent
    triplet = _TRIPLETS.get(_architecture(), ("", ""))[0]
    module_dir = _first_folder(
        [prefix / "lib" / triplet / "asterisk/modules"]
        + [prefix / lib / "asterisk/modules" for lib in ("lib", "lib64")]
    )
    data_dir = _first_folder([prefix / "share/asterisk", Path("/var/lib/asterisk")])
    if module_dir is None or data_dir is None:
        return None
    return _with_sounds("host", version, Path("/"), (binary,), module_dir, data_dir)


def require(cache: Path, which: Literal["private", "host"]) -> AsteriskInstall:
    """Return the installed Asterisk of the kind that the setting ``pbx.asterisk`` names.

    Raises:
        InstallError: there is none; the message names the command that mends it.
    """
    if which == "host":
        found = find_host()
        if found is None:
            raise InstallError(
                f"this host has no Asterisk {MINIMUM_MAJOR} or newer of its own: install one, or set "
                'pbx.asterisk = "private"'
            )
        return found
    found = find(cache)
    if found is None:
        raise InstallError(f"no private Asterisk is in {cache}: ringdesk pbx install")
    return found


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
    architecture = _architecture()
    apt = PrivateApt(incoming / "apt", suite, progress)
    apt.update()
    package_version = apt.candidate_version("asterisk")
    if package_version is None or _numbers(package_version)[0] < MINIMUM_MAJOR:
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
    return _describe(final / "root", version, architecture)


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
    argv = _loader_argv(root, architecture)
    version = _version_of(argv)
    if version is None:
        raise UnsupportedHost(
            f"the unpacked Asterisk does not run on this kernel ({os.uname().release}): install "
            'Asterisk 20 or newer yourself and set pbx.asterisk = "host"'
        )
    return version


def _describe(root: Path, version: str, architecture: str) -> AsteriskInstall:
    triplet = _triplet(architecture)[0]
    argv = _loader_argv(root, architecture)
    module_dir = root / "usr/lib" / triplet / "asterisk/modules"
    if not module_dir.is_dir():
        raise UnsupportedHost(f"{module_dir} is missing: remove {root.parent} and install again")
    return _with_sounds("private", version, root, argv, module_dir, root / "usr/share/asterisk")


def _with_sounds(
    origin: Literal["private", "host"],
    version: str,
    root: Path,
    argv: tuple[str, ...],
    module_dir: Path,
    data_dir: Path,
) -> AsteriskInstall:
    moh_dir = data_dir / "moh"
    has_music = moh_dir.is_dir() and any(moh_dir.iterdir())
    return AsteriskInstall(
        origin=origin,
        version=version,
        root=root,
        argv=argv,
        module_dir=module_dir,
        data_dir=data_dir,
        sounds_dir=data_dir / "sounds",
        moh_dir=moh_dir if has_music else None,
    )


def _loader_argv(root: Path, architecture: str) -> tuple[str, ...]:
    triplet, loader_name = _triplet(architecture)
    libraries = [root / lib / triplet for lib in ("usr/lib", "lib")]
    present = [folder for folder in libraries if folder.is_dir()]
    loader = next((f / loader_name for f in present if (f / loader_name).is_file()), None)
    binary = root / "usr/sbin/asterisk"
    if loader is None or not binary.is_file():
        raise UnsupportedHost(
            f"{root} is not a whole Asterisk: remove {root.parent}, install again"
        )
    path = ":".join(str(folder) for folder in present)
    return (str(loader), "--library-path", path, str(binary))


def _version_of(argv: tuple[str, ...]) -> str | None:
    try:
        done = subprocess.run(
            [*argv, "-V"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout)
    return match.group(1) if match else None


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version; an epoch (``1:``) is passed over."""
    match = re.match(r"\d+(?:\.\d+)*", version.split(":", 1)[-1])
    return tuple(int(part) for part in match.group().split(".")) if match else (0,)


def _architecture() -> str:
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _triplet(architecture: str) -> tuple[str, str]:
    try:
        return _TRIPLETS[architecture]
    except KeyError:
        raise UnsupportedHost(
            f"there is no private Asterisk for the architecture {architecture}: install Asterisk 20 "
            'or newer yourself and set pbx.asterisk = "host"'
        ) from None


def _first_folder(candidates: list[Path]) -> Path | None:
    return next((folder for folder in candidates if folder.is_dir()), None)


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
