"""A ``WaitingLine`` of the menus that tells what a test wants told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cti.domain.ids import CallId, QueueName

SALES = QueueName("sales")


@dataclass(frozen=True, slots=True)
class Waits:
    """A waiting caller."""

    position: int
    says: frozenset[str] = frozenset({"place"})
    queue: QueueName = SALES


@dataclass(frozen=True, slots=True)
class Told:
    """What he is told of his wait."""

    minutes: int
    is_more: bool = False


@dataclass
class HandLine:
    """Who waits, and what can be said of his wait."""

    waiting: dict[CallId, Waits] = field(default_factory=dict)
    wait: Told | None = None
    visits: list[tuple[CallId, bool]] = field(default_factory=list)
    asked: list[tuple[int, ...]] = field(default_factory=list)
    """The minutes among which it was to choose, for each wait that counts as told."""

    def describe(self, call_id: CallId) -> Waits | None:
        return self.waiting.get(call_id)

    def visit(self, call_id: CallId, is_on: bool) -> None:
        self.visits.append((call_id, is_on))

    def tell_wait(self, call_id: CallId, minutes: Sequence[int]) -> Told | None:
        if self.wait is not None:
            self.asked.append(tuple(minutes))
        return self.wait
