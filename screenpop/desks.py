"""All desktops: one document per person, and the pages that show it: the tabs of one browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from cti.domain.ids import AgentId, Endpoint, extension_of
from cti.domain.manners import Manner
from cti.domain.people import PERMISSIONS, User
from screenpop.connection import CloseCode, Connection, to_json
from screenpop.day_values import NO_CALLBACKS, NO_MESSAGES, NOTHING_MISSED
from screenpop.model import DesktopState, Update
from screenpop.pops import NO_RULES, CardOf, PopRules
from screenpop.sections import (
    AgentSection,
    CallerIdValue,
    Labels,
    MeSection,
    OfferedMenuValue,
    OutsidePhoneValue,
    PhoneSection,
    ReasonValue,
    SectionName,
    Sections,
    SharedPhoneValue,
    iso,
)
from screenpop.today import Today

LANGUAGES = frozenset({"en", "zh"})


@dataclass(frozen=True, slots=True)
class DeskConfig:
    """What desktops must know of the company."""

    queue_labels: Mapping[str, Labels]
    reasons: Sequence[ReasonValue]
    zone: tzinfo
    country: str = "CN"
    disposition_labels: Mapping[str, Labels] = field(default_factory=dict)
    has_outside: bool = False  # numbers outside may be dialled
    caller_ids: Mapping[str, Sequence[CallerIdValue]] = field(default_factory=dict)
    """By extension: what its owner may show outside, his default first."""
    park_time: timedelta = timedelta(seconds=120)  # then a parked caller goes back
    shared_phones: Sequence[SharedPhoneValue] = ()
    outside_numbers: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    """By extension: where who may take calls outside can be called; none: wherever he says."""
    manners: Mapping[str, Manner] = field(default_factory=dict)  # by queue
    pops: PopRules = NO_RULES
    waiting_extensions: frozenset[str] = frozenset()  # for whom a second call waits
    call_menus: Sequence[OfferedMenuValue] = ()


def _outside_phone(numbers: Sequence[str] | None) -> OutsidePhoneValue | None:
    return None if numbers is None else {"numbers": list(numbers)}


def me_section(user: User, language: str, now: datetime, config: DeskConfig) -> MeSection:
    """Who sits here."""
    return MeSection(
        user_id=user.user_id,
        name=user.name,
        staff_number=user.staff_number,
        extension=user.extension,
        role=user.role.value,
        language=language if language in LANGUAGES else user.language,
        server_time=iso(now),
        permissions=sorted(p.value for p in PERMISSIONS[user.role]),
        queue_labels=dict(config.queue_labels),
        shared_phones=list(config.shared_phones),
        outside_phone=_outside_phone(config.outside_numbers.get(user.extension)),
        call_menus=list(config.call_menus),
        time_zone=str(config.zone),
    )


MAX_PAGES = 8
"""Tabs of one browser that follow; the oldest makes room for one more."""


class Desk:
    """One person's document and pages."""

    def __init__(
        self,
        user: User,
        config: DeskConfig,
        boot: str,
        now: datetime,
        name_of: Callable[[str], str] = str,
        card_of: CardOf = lambda _who, _phone: None,
    ) -> None:
        self.today = Today(config.zone)
        self.pages: list[Connection] = []  # the oldest first
        self._boot = boot
        sections = Sections(
            me=me_section(user, user.language, now, config),
            phone=PhoneSection(kind=None, endpoint=None, state="unknown", sip=None),
            agent=AgentSection(
                state="LOGGED_OUT",
                reason="",
                kind="",
                since=iso(now),
                next_state="",
                next_reason="",
                until=None,
                reasons=list(config.reasons),
                queues=[],
                notice="",
                warn_at=None,
                late_at=None,
                overrun_at=None,
                extensions_left=None,
            ),
            call=None,
            customer=None,
            ticket=None,
            queues=[],
            today=self.today.figures(),
            link={"switch": "down", "text": ""},
            parked=[],
            directory=None,
            missed=NOTHING_MISSED,
            callbacks=NO_CALLBACKS,
            messages=NO_MESSAGES,
            colleague=None,
            outside_page=None,
            gone=None,
            tickets=None,
            opened=None,
            ticket_form=None,
            second=None,
        )
        self.state = DesktopState(
            user, sections, config.queue_labels, config.country, name_of, config.manners
        )
        self.state.pops, self.state.card_of = config.pops, card_of

    @property
    def user(self) -> User:
        """Whose desktop it is."""
        return self.state.user

    @property
    def language(self) -> str:
        """The language of the page."""
        return self.state.sections["me"]["language"]

    def send(self, updates: Sequence[Update]) -> None:
        """Tell the pages that are open."""
        for update in updates:
            self._send(update, None)

    def put(self, section: SectionName, value: Any, text: str | None = None) -> None:
        """Replace a section and tell the pages; ``text`` is the value's JSON where it is known."""
        for update in self.state.put(section, value):
            self._send(update, text)

    def _send(self, update: Update, text: str | None) -> None:
        if self.pages:
            head = f'{{"type":"update","boot":"{self._boot}","seq":{update.seq},"section":"{update.section}"'
            message = f'{head},"value":{text or to_json(update.value)}}}'
            for page in self.pages:
                page.put_text(message)

    async def written(self) -> bool:
        """Return when all that was sent so far is on the socket of one page: True; False if there is none."""
        if len(self.pages) == 1:
            return await self.pages[0].written()
        waiting = {page.written() for page in self.pages}
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if any(mark.result() for mark in done):
                return True
        return False

    def attach(self, connection: Connection, boot: str | None, seq: int) -> bool:
        """A page opened; those before stay if they are tabs of the same browser. Returns whether one was closed.

        The page gets what it missed where its cursor is still held, else the whole document.
        """
        beside = [page for page in self.pages if page.stands_beside(connection)][-MAX_PAGES + 1 :]
        replaced = [page for page in self.pages if page not in beside and page is not connection]
        for page in replaced:
            page.close(CloseCode.REPLACED)
        self.pages = [*beside, connection]
        missed = self.state.since(seq) if boot == self._boot else None
        if missed is None:
            connection.put(
                {
                    "type": "snapshot",
                    "boot": self._boot,
                    "seq": self.state.seq,
                    "sections": self.state.snapshot(),
                }
            )
        else:
            self.send(missed)
        return bool(replaced)

    def shut(self) -> None:
        """Close all pages: the service stops."""
        for page in self.pages:
            page.close(CloseCode.GOING_AWAY)

    def detach(self, connection: Connection) -> None:
        """A page is gone."""
        if connection in self.pages:
            self.pages.remove(connection)


_STEP_S = 0.5
"""A smaller difference between wall clock and monotonic time is the clock being slewed."""


class Desks:
    """All of them, found by person and by phone."""

    def __init__(self, config: DeskConfig, boot: str) -> None:
        self._origin: datetime | None = None  # wall clock minus monotonic time
        self._origin_s = float("nan")  # the same in seconds
        self._config = config
        self._boot = boot
        self.card_of: CardOf = lambda _who, _phone: None  # of a colleague
        self._by_agent: dict[AgentId, Desk] = {}
        self._by_extension: dict[str, Desk] = {}
        self._guests: dict[Endpoint, AgentId] = {}  # at shared phones

    def note_time(self, now: datetime, monotonic: float) -> None:
        """What both clocks say: when somebody set the wall clock, the durations of the day stay right."""
        origin_s = now.timestamp() - monotonic
        if abs(origin_s - self._origin_s) <= _STEP_S:
            return  # at every event but a few of a whole life
        self._origin_s = origin_s
        origin = now - timedelta(seconds=monotonic)
        step = origin - (self._origin or origin)
        self._origin = origin
        for desk in self:
            desk.today.shift(step)

    def configure(self, config: DeskConfig, users: Iterable[User], now: datetime) -> None:
        """The company has changed: desks for who is new; all show who sits there and what queues are called."""
        self._config = config
        for user in users:
            self.take(user, now)
        for desk in self:
            desk.state.configure(config.queue_labels)
            desk.state.pops = config.pops
            desk.put("me", me_section(desk.user, desk.language, now, config))

    def __iter__(self) -> Iterator[Desk]:
        return iter(list(self._by_agent.values()))

    def get(self, agent_id: AgentId) -> Desk | None:
        """Somebody's desk, if he has one."""
        return self._by_agent.get(agent_id)

    def at_phone(self, endpoint: Endpoint | None) -> Desk | None:
        """The desk of a phone's owner, or of who sits at a shared one."""
        if not endpoint:
            return None
        guest = self._guests.get(endpoint)
        return self._by_extension.get(extension_of(endpoint)) if guest is None else self.get(guest)

    def seat(self, desk: Desk, endpoint: Endpoint | None) -> None:
        """Somebody signed in with a phone, his own or a shared one; None: signed out."""
        desk.state.seat = endpoint
        agent_id = desk.user.user_id
        self._guests = {e: who for e, who in self._guests.items() if who != agent_id}
        if endpoint is not None and extension_of(endpoint) != desk.user.extension:
            self._guests[endpoint] = agent_id

    def name_of(self, phone: str) -> str:
        """The name of a phone's or an extension's owner; what is nobody's stays as it is."""
        desk = self.at_phone(Endpoint(phone))
        return desk.user.name if desk is not None else phone

    def take(self, user: User, now: datetime) -> Desk:
        """Somebody's desk; a new one for a new person. The account is read anew each time."""
        desk = self._by_agent.get(user.user_id)
        if desk is None:
            desk = self._by_agent[user.user_id] = Desk(
                user,
                self._config,
                self._boot,
                now,
                self.name_of,
                lambda who, phone: self.card_of(who, phone),
            )
        if desk.user.extension != user.extension:
            self._by_extension.pop(desk.user.extension, None)
        desk.state.user = user
        self._by_extension[user.extension] = desk
        return desk
