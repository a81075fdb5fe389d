"""What a queue means for its agents: how its calls are handed to them, and what comes after a call (docs/agents.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from cti.company_base import Extension, Language, Part, Text, WrapUp
from cti.domain.manners import Manner


class DeskPhone(Part):
    """A desk phone that is everybody's: whoever signs in there has his calls there."""

    extension: Extension
    label: Text = Field(default_factory=dict)
    language: Language = "en"  # of the phone


class AgentRules(Part):
    """A queue's part for those who serve it."""

    wrap_up_time: WrapUp = timedelta(seconds=30)  # after its calls
    requires_disposition: bool = False  # until it is named its agents get no other call
    answer: Literal["manual", "automatic"] = "manual"  # automatic: the phone does, with a beep
    whispers_name: bool = False  # agents hear the queue's name before they hear the caller
    says_staff_number: bool = False  # callers hear the number of the agent who serves them
    may_decline: bool = True  # else a declined call counts like one that rang in vain

    @property
    def fallback_wrap_up_time(self) -> timedelta:
        """Between two calls while the service is down: nobody can say then that he is done."""
        return timedelta(seconds=30) if self.wrap_up_time == "until_done" else self.wrap_up_time

    @property
    def manner(self) -> Manner:
        """How it hands callers to agents."""
        return Manner(
            is_automatic=self.answer == "automatic",
            whispers_name=self.whispers_name,
            says_staff_number=self.says_staff_number,
            may_decline=self.may_decline,
        )

    @model_validator(mode="after")
    def _one_at_a_time(self) -> Self:
        if getattr(self, "strategy", "") == "ring_all" and not self.manner.is_plain:
            raise ValueError(
                "who answers isn't known where all are rung: say nothing, answer by hand"
            )
        return self
