"""Small adapters to the rest of the centre: whose phone it is, which calls are live, alarms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta

import structlog

from cti.domain.calls import CallTable
from cti.domain.events import Event, SwitchLinkChanged
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName, extension_of
from cti.ports import Accounts, Clock, EventBus

log = structlog.get_logger(__name__)

_PEOPLE_TIME = timedelta(minutes=1)


class AccountStaff:
    """``Staff`` by extension: a person's phones are ``<extension>`` and ``<extension>w``.

    ``queues``: which queues a login serves, by the company's word.
    """

    def __init__(
        self,
        accounts: Accounts,
        clock: Clock,
        queues: Callable[[], Mapping[str, Collection[str]]] = dict,
        sitting: Callable[[Endpoint], AgentId | None] = lambda _: None,
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._queues = queues  # by login
        self._sitting = sitting  # at a phone that may be nobody's
        self._by_login: dict[str, AgentId] = {}
        self._by_extension: dict[str, AgentId] = {}
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def agent_on(self, endpoint: Endpoint) -> AgentId | None:
        """See the port; what was read holds for a minute."""
        await self._read()
        return self._by_extension.get(extension_of(endpoint)) or self._sitting(endpoint)

    async def serving(self, queue: QueueName) -> Sequence[AgentId]:
        """See the port."""
        await self._read()
        logins = [login for login, served in self._queues().items() if queue in served]
        return [self._by_login[login] for login in logins if login in self._by_login]

    async def _read(self) -> None:
        async with self._lock:  # else all who ask at once would read, each for himself
            if self._clock.monotonic() - self._read_at > _PEOPLE_TIME.total_seconds():
                people = await self._accounts.all()
                self._by_extension = {user.extension: user.user_id for user in people}
                self._by_login = {user.login: user.user_id for user in people}
                self._read_at = self._clock.monotonic()


class KnownCalls:
    """``LiveCalls`` from the call table, believed only while the link to the switch is up."""

    def __init__(self, calls: CallTable, bus: EventBus) -> None:
        self._calls = calls
        self._is_up = False
        self._unsubscribe = bus.subscribe(self._on_link, SwitchLinkChanged)

    def is_live(self, call_id: CallId) -> bool | None:
        """See the port."""
        call = self._calls.get(call_id)
        if call is not None and call.is_live:
            return True
        return False if self._is_up else None

    def _on_link(self, event: Event) -> None:
        self._is_up = isinstance(event, SwitchLinkChanged) and event.is_up


class LoggedAlarms:
    """``Alarms`` as log lines; ``active`` is what stands now, for the health page."""

    def __init__(self) -> None:
        self.active: dict[str, str] = {}

    def raise_alarm(self, name: str, text: str) -> None:
        """See the port."""
        if name not in self.active:
            log.error("alarm", alarm=name, text=text)
        self.active[name] = text

    def clear_alarm(self, name: str) -> None:
        """See the port."""
        if self.active.pop(name, None) is not None:
            log.info("alarm over", alarm=name)
