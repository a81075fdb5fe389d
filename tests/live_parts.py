"""``python -m tests.live_parts contract|asterisk|browser SECONDS``: a part in real time, with a second look at failures.

Real servers, phones, browsers and an Asterisk share two cores with whatever else the machine does. A test that
fails is run once more, alone; what fails again has failed. What passed only then is named, so that it can be
mended: it is no secret. There is no second look when many failed, or when the session ended before its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST_FAILURES = 5
_CACHE = Path(__file__).parents[1] / ".pytest_cache/v/cache/lastfailed"


def failed() -> list[str]:
    """What the last run's cache says of failures."""
    try:
        return sorted(json.loads(_CACHE.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []


def run(*arguments: str) -> tuple[int, str]:
    """Run pytest, showing and keeping what it prints."""
    command = [sys.executable, "-m", "pytest", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        said: list[str] = []
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            said.append(line)
    return process.returncode, "".join(said[-2000:])


def tell(what: str, names: list[str]) -> None:
    """Say it so that nobody overlooks it."""
    sys.stdout.write("\n   ".join([f"== {what}:", *names]) + "\n")
    sys.stdout.flush()


def main(part: str, seconds: str) -> int:
    """Run a part; returns the exit status."""
    _CACHE.unlink(missing_ok=True)
    status, said = run("tests", "-m", part, f"--session-timeout={seconds}")
    names = failed()
    was_cut_short = "session-timeout" in said or "Interrupted" in said
    if status != 1 or was_cut_short or not 0 < len(names) <= MOST_FAILURES:
        return status
    tell(f"{len(names)} failed; once more, alone", names)
    status, _ = run(f"--session-timeout={seconds}", *names)
    if status == 0:
        tell("passed only at the second attempt (mend these)", names)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
