"""How property tests draw their examples: the same ones each time, or new ones.

A change must not fail, or pass, by the luck of a draw, so ``make test`` draws the same examples each time. New ones are
drawn with ``pytest --hypothesis-profile=random``: worth an hour of a machine's time after work on a rule.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("random", print_blob=True)
settings.load_profile("same")
