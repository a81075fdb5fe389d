"""How property tests draw their examples: the same ones each time, or new ones.

A change must not fail, or pass, by the luck of a draw, so ``make test`` draws the same examples each time. New ones are
drawn with ``pytest --hypothesis-profile=random``: worth an hour of a machine's time after work on a rule. How long an
example takes is the machine's affair and fails nothing.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

_AT_ANY_SPEED: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
}

settings.register_profile("same", derandomize=True, **_AT_ANY_SPEED)
settings.register_profile("random", print_blob=True, **_AT_ANY_SPEED)
settings.load_profile("same")
