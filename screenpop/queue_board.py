"""The queues' live figures, as desktops show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from cti.domain import events as ev
from cti.domain.ids import QueueName
from cti.ports import Clock
from screenpop.connection import to_json
from screenpop.desks import Desks
from screenpop.sections import Labels, LineValue, QueueValue, iso_or_none

TOLD_EVERY = timedelta(seconds=1)
"""Each time is a message to every desktop; nobody reads faster."""


class QueueBoard:
    """Keeps the newest figures and tells the desks whose agents serve the queue."""

    def __init__(self, desks: Desks, clock: Clock, labels: Mapping[str, Labels]) -> None:
        self._desks = desks
        self._clock = clock
        self._labels = labels
        self._changed: set[str] = set()  # not told yet
        self._is_due = False
        self._figures: dict[QueueName, ev.QueueChanged] = {}

    def configure(self, labels: Mapping[str, Labels]) -> None:
        """The company has changed: other queues, or other names."""
        self._labels = labels
        self._figures = {q: figures for q, figures in self._figures.items() if q in labels}

    def start(self, figures: Iterable[ev.QueueChanged]) -> None:
        """Take all figures as they are."""
        self._figures = {view.queue: view for view in figures}

    def changed(self, event: ev.QueueChanged) -> None:
        """Tell those whom it concerns, of all queues that change together once, and not too often."""
        self._figures[event.queue] = event
        self._changed.add(event.queue)
        if not self._is_due:
            self._tell_after(timedelta(0))

    def _tell_after(self, delay: timedelta) -> None:
        self._is_due = True
        self._clock.call_later(delay, self._tell)

    def _tell(self) -> None:
        changed, self._changed = self._changed, set()
        self._is_due = False
        if not changed:
            return
        self._tell_after(TOLD_EVERY)
        # Agents of a team serve the same queues: what they see is made and written out once.
        seen: dict[tuple[str, ...], tuple[list[QueueValue], str]] = {}
        for desk in self._desks:
            served = tuple(desk.state.sections["agent"]["queues"])
            if changed.isdisjoint(served):
                continue
            if served not in seen:
                values = self.values(served)
                seen[served] = values, to_json(values)
            desk.put("queues", *seen[served])

    def values(self, served: Iterable[str]) -> list[QueueValue]:
        """The figures of these queues, for the top of the page."""
        return [
            QueueValue(
                name=name,
                label=self._labels.get(name, {}),
                waiting=figures.waiting,
                longest_since=iso_or_none(figures.longest_since),
                ready=figures.ready,
            )
            for name in served
            if (figures := self._figures.get(QueueName(name))) is not None
        ]

    def lines(self) -> list[LineValue]:
        """All queues, for the directory."""
        return [
            LineValue(
                name=name,
                label=self._labels.get(name, {}),
                waiting=figures.waiting,
                ready=figures.ready,
            )
            for name, figures in self._figures.items()
        ]
