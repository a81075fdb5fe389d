"""How a queue hands its callers to its agents. Pure; a rule of the queue, carried out by the dialplan.

Where nothing of it is asked for, the caller is sent to ring the phone and nothing else: each of these costs something.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Manner:
    """What happens between the agent's answer and the caller's first word, and whether he is asked at all."""

    is_automatic: bool = False  # the phone answers by itself, with a beep for the agent
    whispers_name: bool = False  # he hears the queue's name first, the caller music meanwhile
    says_staff_number: bool = False  # the caller hears who serves him
    may_decline: bool = True  # else a declined call counts like one that he let ring

    @property
    def is_plain(self) -> bool:
        """Whether the caller is simply connected."""
        return not (self.is_automatic or self.whispers_name or self.says_staff_number)


PLAIN = Manner()
