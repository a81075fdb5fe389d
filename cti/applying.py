"""A running installation takes another company: checked as a whole, then taken at one instant, or not at all.

Order, in ``Applying.apply``. Whatever fails before the last step leaves everything as it was:

1. The document is read and checked; it must follow the version that the sender knows (``expected``).
2. Each department makes its new configuration of it (``Part``) and says what is wrong with it; nothing is changed yet.
3. Prompts are spoken, Asterisk's files written and loaded again where they changed. Live calls notice nothing. If Asterisk
   can't load them, the old ones are written and loaded, and the sender is told.
4. Accounts, the company's file, the version and the journal (``CompanyChanged``: who, when, which hash) are written.
5. At one instant, without a pause in between, every department takes its new configuration.

Who isn't in the new company is signed out, at once or after his call, and only then loses account and session: his
page carries his phone. Callers keep their places (``acd/reconfiguring.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from cti.builtin import complete_like, is_simulated
from cti.company import Company, parse_company
from cti.company_text import Difference, Versions, differences, digest_of, text_of
from cti.domain.errors import ConfigError, RingdeskError
from cti.domain.events import AgentStateChanged, CompanyChanged, Event
from cti.domain.ids import AgentId
from cti.domain.people import Role, User
from cti.ports import Accounts, Clock, EventBus, Journal, Sessions
from cti.private_file import write_private

log = structlog.get_logger(__name__)

Swap = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Change:
    """What the departments are asked to take; ``users`` as they sign in, the simulators' active."""

    company: Company
    users: Sequence[User]


class Part(Protocol):
    """A department."""

    def __call__(self, change: Change) -> Swap:
        """Make the new configuration; the function returned takes it and can't fail.

        Raises:
            ConfigError: the department can't work with this company; names the place.
        """


class Exchange(Protocol):
    """What lies outside of the process and follows the company: Asterisk's files, the prompts."""

    async def load(self, company: Company) -> Swap:
        """Write, and load what changed; the function returned takes what was made on the way.

        Raises:
            RingdeskError: it can't be written or loaded.
        """


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a document. ``notes``: what somebody should know, in words."""

    digest: str
    changes: Sequence[Difference]
    notes: Sequence[str] = ()


class Conflict(RingdeskError):
    """The company was changed by somebody else meanwhile."""


class Applying:
    """The company in use, and the way to another one."""

    def __init__(
        self,
        company: Company,
        *,
        file: Path,
        versions: Versions,
        accounts: Accounts,
        sessions: Sessions,
        journal: Journal,
        bus: EventBus,
        clock: Clock,
        parts: Sequence[Part],
        exchanges: Sequence[Exchange],
        state_of: Callable[[AgentId], str],
        waiting_in: Callable[[str], int],
    ) -> None:
        self._whole = company
        self.company, self._complete = complete_like(company)
        self.digest = digest_of(self.company)
        self.versions = versions
        self._file = file
        self._accounts = accounts
        self._sessions = sessions
        self._journal = journal
        self._bus = bus
        self._clock = clock
        self._parts = parts
        self._exchanges = exchanges
        self._state_of = state_of
        self._waiting_in = waiting_in
        self._lock = asyncio.Lock()
        self._leaving: dict[AgentId, User] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        bus.subscribe(self._listen, AgentStateChanged)

    def start(self) -> None:
        """Keep the company that a start brought, if it is another one than the last."""
        try:
            self.versions.keep(self.company, self._clock.now())
        except OSError as exc:
            log.warning("company: this version can't be kept", error=exc.strerror)

    async def apply(
        self, text: str, by: str, *, expected: str | None = None, is_trial: bool = False
    ) -> Applied:
        """Take a document; ``expected``: the hash that it follows, None: whichever. A trial changes nothing.

        Raises:
            ConfigError: the document is wrong, or can't be taken while the service runs; names the place.
            Conflict: it follows another version than the present one.
            RingdeskError, OSError: something couldn't be written or loaded; everything is as it was.
        """
        async with self._lock:
            base = parse_company(text, "document")
            if expected is not None and expected != self.digest:
                raise Conflict("The company was changed meanwhile: read it again, then send yours.")
            changes = differences(self.company, base)
            whole = self._complete(base)
            staff = staff_of(await self._accounts.all(), whole)
            self._see_that_it_can_be_taken(staff)
            change = Change(whole, staff.working)
            swaps = [part(change) for part in self._parts]
            notes = self._notes(whole)
            if is_trial or not changes:
                return Applied(digest_of(base), changes, notes)
            swaps += await self._prepare(base, whole, staff, by, len(changes))
            for swap in swaps:
                swap()
            self._whole, self.company, self.digest = whole, base, digest_of(base)
            await self._retire(staff.gone)
            log.info("company changed", digest=self.digest[:12], changes=len(changes))
            return Applied(self.digest, changes, notes)

    # ---- before --------------------------------------------------------------------------------

    def _see_that_it_can_be_taken(self, staff: Staff) -> None:
        """What no running service can change."""
        old = {user.user_id: user for user in staff.before}
        for user in staff.changed:
            known = old.get(user.user_id)
            is_moved = known is not None and known.extension != user.extension
            if is_moved and self._state_of(user.user_id) not in ("", "LOGGED_OUT"):
                raise ConfigError(
                    f"people.{user.login}.extension: can't change while he is signed in; "
                    "ask him to sign out, or restart the service"
                )

    def _notes(self, new: Company) -> list[str]:
        kept = {queue.name for queue in new.queues}
        gone = [queue.name for queue in self._whole.queues if queue.name not in kept]
        return [
            f"queue {name} is no more: {count} callers still wait there, whoever takes calls serves them"
            for name in gone
            if (count := self._waiting_in(name))
        ]

    async def _prepare(
        self, base: Company, whole: Company, staff: Staff, by: str, changes: int
    ) -> list[Swap]:
        """Everything outside of the process; what was begun is undone when a later step fails."""
        old_text = self._file.read_text(encoding="utf-8") if self._file.is_file() else None
        try:
            swaps = [await exchange.load(whole) for exchange in self._exchanges]
            for user in staff.changed:
                await self._accounts.save(user)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._file, text_of(base))
            self.versions.keep(base, self._clock.now())
            await self._journal.flush()  # if it can't be written, nothing is said in it
            self._bus.publish(
                CompanyChanged(
                    at=self._clock.now(),
                    by=by,
                    digest=digest_of(base),
                    previous=self.digest,
                    changes=changes,
                )
            )
            await self._journal.flush()
        except (RingdeskError, OSError):
            await self._undo(old_text, staff)
            raise
        return swaps

    async def _undo(self, old_text: str | None, staff: Staff) -> None:
        for exchange in self._exchanges:
            try:
                await exchange.load(self._whole)
            except (RingdeskError, OSError) as exc:
                log.error("company: the old configuration can't be loaded", problem=str(exc))
        try:
            before = {user.user_id: user for user in staff.before}
            for user in staff.changed:
                new = replace(user, is_active=False)
                await self._accounts.save(before.get(user.user_id, new))
            if old_text is not None:
                write_private(self._file, old_text)
        except OSError as exc:
            log.error("company: what was begun can't be undone", problem=str(exc))

    # ---- who left ------------------------------------------------------------------------------

    async def _retire(self, gone: Sequence[User]) -> None:
        for user in gone:
            if self._state_of(user.user_id) in ("", "LOGGED_OUT"):
                await self._close(user)
            else:
                self._leaving[user.user_id] = user

    def _listen(self, event: Event) -> None:
        if not isinstance(event, AgentStateChanged) or event.state != "LOGGED_OUT":
            return
        user = self._leaving.pop(event.agent_id, None)
        if user is not None:
            task = asyncio.get_running_loop().create_task(self._close(user))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _close(self, user: User) -> None:
        """Nobody signs in with this account any more."""
        try:
            await self._accounts.save(replace(user, is_active=False))
            await self._sessions.remove_of(user.user_id)
        except OSError as exc:
            log.error("company: an account can't be closed", problem=str(exc))


# ---- people ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Staff:
    """Accounts as a company wants them. ``working``: as departments know them, the simulators' active."""

    people: Sequence[User]
    changed: Sequence[User]  # to be saved
    before: Sequence[User]  # those among them who were there, as they were
    gone: Sequence[User]

    @property
    def working(self) -> list[User]:
        """An inactive account can't sign in; the simulators' must only be known, for when they are opened."""
        return [replace(u, is_active=True) if is_simulated(u.login) else u for u in self.people]


def staff_of(accounts: Sequence[User], company: Company) -> Staff:
    """What has to become of the accounts; passwords stay, who left becomes inactive.

    The simulators' accounts stay as they are: a simulator opens its own for its run.

    Raises:
        ConfigError: somebody new has the extension or staff number of an account that is no more.
    """
    known = {user.login: user for user in accounts}
    logins = {person.login for person in company.people}
    gone = [user for user in accounts if user.login not in logins]
    people, changed, before = [], [], []
    for person in company.people:
        old = known.get(person.login)
        user = User(
            user_id=old.user_id if old else AgentId(person.login),
            login=person.login,
            name=person.name,
            staff_number=person.staff_number,
            extension=person.extension,
            role=Role(person.role),
            team=person.team,
            language=old.language if old else person.language,
            is_active=old.is_active if old else not is_simulated(person.login),
        )
        people.append(user)
        if user == old:
            continue
        for other in gone:
            for key in ("extension", "staff_number"):
                if getattr(other, key) == getattr(user, key):
                    raise ConfigError(
                        f"people.{person.login}.{key}: {getattr(user, key)} belongs to the account "
                        f"{other.login}, which is no more; take another one"
                    )
        changed.append(user)
        before += [old] if old is not None else []
    return Staff(people, changed, before, [user for user in gone if user.is_active])


async def keep_people(accounts: Accounts, company: Company) -> Sequence[User]:
    """Bring the accounts in line with the company, at a start."""
    staff = staff_of(await accounts.all(), company)
    for user in staff.changed:
        await accounts.save(user)
    for user in staff.gone:
        await accounts.save(replace(user, is_active=False))
    return staff.people
