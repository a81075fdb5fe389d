"""Where the built SIP library of the test phones lies, and where its source comes from.

The library (pjsua2) is built by tools/build_pjsua2 into
``CACHE/pjsua2/VERSION-pyX.Y-MACHINE/site``; whoever imports it puts that folder on ``sys.path`` first.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from asterisk_conf.apt import PrivateApt, Report
from asterisk_conf.apt_sources import Suite, host_suites
from asterisk_conf.errors import InstallError, PackagesMissing
from cti.places import default_cache

_SOURCE_NAME = "*.orig-Xpjproject.tar.*"


def find_site(cache: Path | None = None) -> Path | None:
    """Return the folder that makes ``import pjsua2`` work for this Python, or None.

    Each candidate is loaded once, in a process of its own: a library built on another release of the
    distribution may miss a shared library here, and loading is what tells.
    """
    tag = f"py{sys.version_info[0]}.{sys.version_info[1]}-{os.uname().machine}"
    candidates = (cache or default_cache()).glob(f"pjsua2/[0-9]*-{tag}/site")
    for site in sorted(candidates, reverse=True):
        loaded = subprocess.run(
            [sys.executable, "-c", "import pjsua2"],
            env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, check=False,
        )  # fmt: skip
        if loaded.returncode == 0:
            return site
    return None


def fetch_source(
    folder: Path, incoming: Path, progress: Report, *, suites: Sequence[Suite] | None = None
) -> Path:
    """Return the pjproject archive in ``folder``, after fetching it there if need be.

    Args:
        folder: keeps the archive.
        incoming: an empty folder on the same disk for the download; the caller removes it.
        progress: is told the progress.
        suites: where to fetch from, best first; the host's own sources decide when left out.

    Raises:
        InstallError: one of its kinds; the message names the remedy.
    """
    kept = sorted(folder.glob(_SOURCE_NAME))
    if kept:
        return kept[-1]
    missing: InstallError | None = None
    for suite in suites or host_suites():
        apt = PrivateApt(incoming / suite.name, suite, progress)
        try:
            apt.update(sources=True)
            apt.download_source("asterisk", incoming / f"{suite.name}-source")
        except PackagesMissing as error:
            missing = missing or error
            continue
        for archive in (incoming / f"{suite.name}-source").glob(_SOURCE_NAME):
            return archive.rename(folder / archive.name)
    raise missing or PackagesMissing("Asterisk's source package holds no pjproject here")
