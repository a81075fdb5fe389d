"""A ``CallbackLine`` that writes down what it is told, and remembers what the switch would."""

from __future__ import annotations

from datetime import timedelta

from cti.domain.errors import SwitchUnavailable
from cti.domain.ids import CallId, Endpoint
from cti.domain.targets import Target


class RecordingCallbackLine:
    """Calls are made, dropped and asked for; nothing happens by itself."""

    def __init__(self) -> None:
        self.called: list[tuple[CallId, Endpoint, str]] = []
        self.dropped: list[tuple[CallId | None, CallId | None]] = []
        self.asked: list[CallId] = []
        self.answered: set[CallId] = set()
        """Callbacks whose customer has answered."""
        self.is_linked = True

    async def call_back(
        self,
        call_id: CallId,
        callback_id: CallId,
        endpoint: Endpoint,
        target: Target,
        ring_timeout: timedelta,
    ) -> None:
        assert ring_timeout > timedelta(0)
        if not self.is_linked:
            raise SwitchUnavailable("no link to Asterisk")
        self.called.append((call_id, endpoint, target.value))

    async def drop_callback(self, callback_id: CallId | None, call_id: CallId | None) -> None:
        self.dropped.append((callback_id, call_id))

    async def was_answered(self, callback_id: CallId) -> bool:
        self.asked.append(callback_id)
        return callback_id in self.answered
