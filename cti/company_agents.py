"""What a queue means for its agents: how its calls are handed to them, and what comes after a call (docs/agents.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, model_validator

from cti.company_base import Extension, Language, Part, Text, WrapUp
from cti.company_overflow import Outside, is_allowed
from cti.domain.manners import Manner


class DeskPhone(Part):
    """A desk phone that is everybody's: whoever signs in there has his calls there."""

    extension: Extension
    label: Text = Field(default_factory=dict)
    language: Language = "en"  # of the phone


class OutsidePhone(Part):
    """Somebody may take a queue's calls at a phone outside, which is called through the trunk."""

    # Which; none: he names it when he signs in. Always one that the rules of calls to the outside allow.
    numbers: tuple[Annotated[str, Field(pattern=r"^\+?[0-9]{3,20}$")], ...] = ()


class SomebodyOutside(Protocol):
    """A person (``cti.company.Person``)."""

    @property
    def login(self) -> str:
        """Who."""

    @property
    def queues(self) -> tuple[str, ...]:
        """What he serves."""

    @property
    def outside_phone(self) -> OutsidePhone | None:
        """Whether he may take calls outside, and where."""


class QueueOfSomebody(Protocol):
    """A queue (``cti.company.Queue``)."""

    @property
    def name(self) -> str:
        """Which."""

    @property
    def strategy(self) -> str:
        """Whom it asks."""


def outside_problems(
    people: Iterable[SomebodyOutside], queues: Iterable[QueueOfSomebody], outside: Outside | None
) -> Iterator[str]:
    """What is wrong with phones outside, one sentence each; no number stands in it."""
    ringing_all = {queue.name for queue in queues if queue.strategy == "ring_all"}
    for person in people:
        if person.outside_phone is None:
            continue
        where = f"person {person.login}, outside_phone"
        if outside is None:
            yield f"{where}: the company has no line to the outside (outbound)"
        if both := ringing_all & set(person.queues):
            # Who answers first must have been asked for the key: the others' phones would ring on.
            yield f"{where}: queue {min(both)} rings all, which a phone outside can't take part in"
        if not all(is_allowed(number, outside) for number in person.outside_phone.numbers):
            yield f"{where}: a number of his may not be dialled outside"


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
