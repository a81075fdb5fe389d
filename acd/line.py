"""The waiting line as it is told to callers: places from the service, waits from the estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from acd.figures_estimates import WaitEstimates
from acd.service import AcdService
from acd.views import WaitingCaller
from cti.domain.ids import CallId

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ToldWait:
    """So many minutes; ``is_more``: and longer than that."""

    minutes: int
    is_more: bool


class ToldLine:
    """What the menus ask of the ACD when they speak to a waiting caller."""

    def __init__(self, service: AcdService, estimates: WaitEstimates) -> None:
        self._service = service
        self._estimates = estimates

    def describe(self, call_id: CallId) -> WaitingCaller | None:
        """What he is to be told; None: he doesn't wait (any more)."""
        return self._service.describe(call_id)

    def visit(self, call_id: CallId, is_on: bool) -> None:
        """He is being spoken to from now on, or no longer."""
        self._service.visit(call_id, is_on)

    def tell_wait(self, call_id: CallId, minutes: Sequence[int]) -> ToldWait | None:
        """How long he has still to wait, rounded up to one of these; it counts as told."""
        found = self._estimates.tell(call_id, minutes)
        if found is None:
            return None
        is_more = found.estimate_time > minutes[-1] * _MINUTE
        return ToldWait(minutes[-1] if is_more else round(found.estimate_time / _MINUTE), is_more)
