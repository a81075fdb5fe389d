"""A question for a PIN, as the interpreter and whoever carries it out speak of it: no digits on either side. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class AskPin:
    """Play prompts, read keys, compare them with the customer's PIN; sensitive. Heard: ``PinHeard``."""

    prompts: tuple[str, ...]
    max_digits: int
    timeout: timedelta
    keeps_keys: bool = True


@dataclass(frozen=True, slots=True)
class PinHeard:
    """What came of it: whoever asked has compared the digits, and they stay there."""

    result: Literal["match", "no_match", "no_input", "locked", "no_pin"]

    @property
    def noted(self) -> Literal["match", "no_match", "no_input"]:
        """The same as the answer to a question."""
        if self.result == "match" or self.result == "no_input":
            return self.result
        return "no_match"
