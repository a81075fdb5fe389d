"""An AGI script as a customer may have one: pyst2's AGI class on stdin and stdout.

Run by the bridge of test_agi_pyst2.py; writes what each step gave, as JSON, to the file named by its argument.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asterisk.agi import AGI

STABLE = ("agi_network", "agi_type", "agi_callerid", "agi_dnid", "agi_context", "agi_extension")


def main() -> None:
    agi = AGI()
    steps: list[tuple[str, Any]] = [
        ("environment", {name: agi.env.get(name) for name in STABLE}),
        (
            "names",
            sorted(set(agi.env) & {"agi_request", "agi_channel", "agi_uniqueid", "agi_language"}),
        ),
    ]

    def step(name: str, act: Callable[[], Any]) -> None:
        try:
            steps.append((name, act()))
        except Exception as exc:  # noqa: BLE001 - the kind of error is what is compared
            steps.append((name, type(exc).__name__))

    step("answer", agi.answer)
    step("set", lambda: agi.set_variable("RD_LANG", "zh (x) ok"))
    step("get", lambda: agi.get_variable("RD_LANG"))
    step("get nothing", lambda: agi.get_variable("RD_NO_SUCH"))
    step("state", lambda: agi.get_variable("RD_STATE"))
    step("play", lambda: agi.stream_file("beep", "1"))
    step("play nothing", lambda: agi.stream_file("no/such/prompt", "1"))
    step("key", lambda: agi.wait_for_digit(100))
    step("data", lambda: agi.get_data("beep", 200, 3))
    step("number", lambda: agi.say_number("2"))
    step("digits", lambda: agi.say_digits("12"))
    step("noop", lambda: agi.execute("NOOP")["result"][0])
    step("verbose", lambda: agi.execute("VERBOSE", '"hello"', "3")["result"][0])
    step("exec", lambda: agi.execute("EXEC", "NoOp", "x")["result"][0])
    step("exec nothing", lambda: agi.execute("EXEC", "NoSuchApplication", "x")["result"][0])
    step("unknown", lambda: agi.execute("NO SUCH COMMAND"))
    step("usage", lambda: agi.execute("STREAM FILE"))
    step("status", lambda: agi.execute("CHANNEL STATUS")["result"][0])
    step("next", lambda: agi.set_variable("RD_NEXT", "hangup"))
    Path(sys.argv[1]).write_text(json.dumps(steps), encoding="utf-8")


if __name__ == "__main__":
    main()
