"""An Asterisk that can be started: what is known of it, and where it is found.

Two kinds: the private one, unpacked into the cache by `asterisk_conf.installer` and started by its own
dynamic loader, and the host's own, if it is new enough.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from asterisk_conf.errors import InstallError, UnsupportedHost

MINIMUM_MAJOR = 20
"""The oldest Asterisk that the configuration is written for."""

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
        return numbers(self.version)


def find(cache: Path) -> AsteriskInstall | None:
    """Return the newest private Asterisk for this machine in ``cache``, or None."""
    architecture = host_architecture()
    found = []
    for manifest in (cache / "asterisk").glob("[!.]*/manifest.json"):
        try:
            facts = json.loads(manifest.read_text(encoding="utf-8"))
            if facts["architecture"] != architecture:
                continue
            found.append(describe(manifest.parent / "root", facts["version"], architecture))
        except (OSError, ValueError, KeyError, TypeError, UnsupportedHost):
            continue  # an incomplete or foreign folder is no installation
    return max(found, key=lambda install: install.version_numbers, default=None)


def find_host(path: str | None = None) -> AsteriskInstall | None:
    """Return the host's own Asterisk if it is version 20 or newer, else None.

    Args:
        path: where to look for the binary, in the format of PATH; the sbin folders are always looked at.
    """
    places = os.pathsep.join([path or os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    binary = shutil.which("asterisk", path=places)
    version = version_of((binary,)) if binary else None
    if binary is None or version is None or numbers(version)[0] < MINIMUM_MAJOR:
        return None
    prefix = Path(binary).resolve().parent.parent
    triplet = _TRIPLETS.get(host_architecture(), ("", ""))[0]
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
        raise InstallError(
            f"the private Asterisk is not installed: run `ringdesk pbx install` (looked in {cache})"
        )
    return found


def describe(root: Path, version: str, architecture: str) -> AsteriskInstall:
    """Return what is known of the unpacked packages in ``root``.

    Raises:
        UnsupportedHost: they are not whole, or not for this architecture.
    """
    triplet = _triplet(architecture)[0]
    argv = loader_argv(root, architecture)
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


def loader_argv(root: Path, architecture: str) -> tuple[str, ...]:
    """Return the call of the binary in ``root`` by its own dynamic loader.

    Raises:
        UnsupportedHost: as `describe`.
    """
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


def version_of(argv: tuple[str, ...]) -> str | None:
    """Return the version that the binary tells, or None when it does not run."""
    try:
        done = subprocess.run(
            [*argv, "-V"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout)
    return match.group(1) if match else None


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version; an epoch (``1:``) is passed over."""
    match = re.match(r"\d+(?:\.\d+)*", version.split(":", 1)[-1])
    return tuple(int(part) for part in match.group().split(".")) if match else (0,)


def host_architecture() -> str:
    """Return this machine's architecture by Debian's name, such as ``amd64``."""
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
