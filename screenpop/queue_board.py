"""The queues' live figures, as desktops show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cti.domain import events as ev
from cti.domain.ids import QueueName
from cti.ports import Clock
from screenpop.connection import to_json
from screenpop.desks import Desk, Desks
from screenpop.pacing import Paced, in_turn
from screenpop.sections import Labels, LineValue, QueueValue, iso_or_none


class QueueBoard:
    """Keeps the newest figures and tells the desks whose agents serve the queue."""

    def __init__(self, desks: Desks, clock: Clock, labels: Mapping[str, Labels]) -> None:
        self._desks = desks
        self._clock = clock
        self._labels = labels
        self._changed: set[str] = set()  # not told yet
        self._telling = Paced(clock, self._tell)
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
        self._telling.ask()

    def _tell(self) -> None:
        changed, self._changed = self._changed, set()
        # Agents of a team serve the same queues: what they see is made and written out once.
        seen: dict[tuple[str, ...], tuple[list[QueueValue], str]] = {}

        def visit(desk: Desk) -> None:
            served = tuple(desk.state.sections["agent"]["queues"])
            if changed.isdisjoint(served):
                return
            if served not in seen:
                values = self.values(served)
                seen[served] = values, to_json(values)
            desk.put("queues", *seen[served])

        in_turn(self._clock, self._desks, visit)

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
