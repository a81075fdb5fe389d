"""A look at the world while all seems well: is it still as believed?

Events tell what changed; one that never came, or that we misread, leaves a belief that nothing corrects: an agent who
talks with nobody, a call without a caller. So the lists that a snapshot is made of are asked for every few seconds and
compared with what is believed. The world moves on between two rows of a list, so a difference counts only when two looks
in a row show the very same one; then the snapshot of a new beginning repairs it (``Switch``), and is journalled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cti.asterisk.channels import ChannelRegistry
from cti.asterisk.reconcile import reconcile
from cti.asterisk.snapshot import Snapshot
from cti.domain.call import Call
from cti.domain.events import Event

AUDIT_TIME = timedelta(seconds=1.5)
"""From one look to the next: two of them and the repair take less than the 5 s that are promised."""
BUSY_FACTOR = 10
"""After a look that took long (a slow link, many calls), so many times as long is waited."""
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Look:
    """A snapshot that is to be compared when every event that came before it was read."""

    epoch: int
    snapshot: Snapshot


class Audit:
    """Remembers what the last look found."""

    def __init__(self) -> None:
        self._found: frozenset[Event] = frozenset()
        self.looks = 0
        """Looks taken, for the metrics."""

    def forget(self) -> None:
        """The world was read anew."""
        self._found = frozenset()

    def confirmed(
        self, registry: ChannelRegistry, look: Look, live: Iterable[Call]
    ) -> frozenset[Event]:
        """What this look and the last one found alike: the repairs that are due."""
        self.looks += 1
        before, self._found = self._found, differences(registry, look.snapshot, live)
        return before & self._found


def differences(
    registry: ChannelRegistry, snapshot: Snapshot, live: Iterable[Call]
) -> frozenset[Event]:
    """What would have to be told for the belief to be as the snapshot, without its instants."""
    # reconcile() rebuilds the registry that it is given: here a copy that nobody else sees.
    scratch = ChannelRegistry()
    scratch.calls.update(registry.calls)
    scratch.phones.update(registry.phones)
    return frozenset(replace(event, at=_NO_TIME) for event in reconcile(scratch, snapshot, live))
