"""Accounts and sessions on SQL. Where the database is away, their methods raise ``OSError``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import BindParameter, Boolean, String, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from cti.domain.ids import AgentId
from cti.domain.people import Role, User
from cti.ports import ApiToken, Session
from cti.storage.base import Base, UtcDateTime
from cti.storage.database import Database
from cti.storage.prepared import Prepared

P = ParamSpec("P")
R = TypeVar("R")


class UserRow(Base):
    """A person with an account."""

    __tablename__ = "users"

    user_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    staff_number: Mapped[str] = mapped_column(String(16), unique=True)
    extension: Mapped[str] = mapped_column(String(5), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    team: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(8))
    is_active: Mapped[bool] = mapped_column(Boolean)
    password_hash: Mapped[str | None] = mapped_column(String(256))


class SessionRow(Base):
    """A signed-in browser."""

    __tablename__ = "sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64), index=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


_KEY: BindParameter[str] = bindparam("key")
_USERS = Base.metadata.tables[UserRow.__tablename__]
_SESSIONS = Base.metadata.tables[SessionRow.__tablename__]
_USER = Prepared(select(_USERS).where(_USERS.c.user_id == _KEY))
_EVERYBODY = Prepared(select(_USERS).order_by(_USERS.c.name))
_SESSION = Prepared(select(_SESSIONS).where(_SESSIONS.c.token_hash == _KEY))


def _user(row: Any) -> User:
    return User(
        user_id=AgentId(row.user_id),
        login=row.login,
        name=row.name,
        staff_number=row.staff_number,
        extension=row.extension,
        role=Role(row.role),
        team=row.team,
        language=row.language,
        is_active=row.is_active,
    )


def _told_plainly(
    method: Callable[P, Coroutine[Any, Any, R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    """Whatever is wrong with the database is an ``OSError``, and never a lost connection of our caller's."""

    @wraps(method)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError) as exc:
            raise OSError("accounts and sessions can't be read or written now") from exc

    return wrapper


class ApiTokenRow(Base):
    """A program that acts for a person."""

    __tablename__ = "api_tokens"

    token_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(String(64), index=True)
    label: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SqlAccounts:
    """``cti.ports.Accounts`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @_told_plainly
    async def by_login(self, login: str) -> User | None:
        """See the port."""
        async with self._database.read() as session:
            row = await session.scalar(select(UserRow).where(UserRow.login == login))
        return _user(row) if row else None

    @_told_plainly
    async def by_id(self, user_id: AgentId) -> User | None:
        """See the port."""
        # Asked at every ping of every desktop, hence prepared.
        row = await self._database.look(lambda c: _USER.first(c, {"key": user_id}))
        return _user(row) if row else None

    @_told_plainly
    async def all(self) -> Sequence[User]:
        """See the port."""
        return [_user(row) for row in await self._database.look(_EVERYBODY.rows)]

    @_told_plainly
    async def password_hash(self, user_id: AgentId) -> str | None:
        """See the port."""
        async with self._database.read() as session:
            return await session.scalar(
                select(UserRow.password_hash).where(UserRow.user_id == user_id)
            )

    @_told_plainly
    async def save(self, user: User, password_hash: str | None = None) -> None:
        """See the port."""
        async with self._database.write() as session:
            row = await session.get(UserRow, user.user_id)
            if row is None:
                row = UserRow(user_id=user.user_id)
                session.add(row)
            row.login, row.name, row.staff_number = user.login, user.name, user.staff_number
            row.extension, row.role, row.team = user.extension, user.role.value, user.team
            row.language, row.is_active = user.language, user.is_active
            if password_hash is not None:
                row.password_hash = password_hash


class SqlSessions:
    """``cti.ports.Sessions`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @_told_plainly
    async def add(self, session: Session) -> None:
        """See the port."""
        async with self._database.write() as db:
            db.add(SessionRow(**asdict(session)))

    @_told_plainly
    async def find(self, token_hash: str) -> Session | None:
        """See the port."""
        row = await self._database.look(lambda c: _SESSION.first(c, {"key": token_hash}))
        if row is None:
            return None
        return Session(
            token_hash=row.token_hash,
            user_id=AgentId(row.user_id),
            csrf_token=row.csrf_token,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
        )

    @_told_plainly
    async def touch(self, token_hash: str, last_seen_at: datetime, expires_at: datetime) -> None:
        """See the port."""
        async with self._database.write() as db:
            await db.execute(
                update(SessionRow)
                .where(SessionRow.token_hash == token_hash)
                .values(last_seen_at=last_seen_at, expires_at=expires_at)
            )

    @_told_plainly
    async def remove(self, token_hash: str) -> None:
        """See the port."""
        async with self._database.write() as db:
            await db.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))

    @_told_plainly
    async def remove_of(self, user_id: AgentId) -> None:
        """See the port."""
        async with self._database.write() as db:
            await db.execute(delete(SessionRow).where(SessionRow.user_id == user_id))


class SqlApiTokens:
    """``cti.ports.ApiTokens`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @_told_plainly
    async def add(self, token: ApiToken) -> None:
        """See the port."""
        async with self._database.write() as db:
            db.add(ApiTokenRow(**asdict(token)))

    @_told_plainly
    async def find(self, token_hash: str) -> ApiToken | None:
        """See the port."""
        async with self._database.read() as db:
            row = await db.scalar(select(ApiTokenRow).where(ApiTokenRow.token_hash == token_hash))
        return _token(row) if row else None

    @_told_plainly
    async def of(self, user_id: AgentId) -> Sequence[ApiToken]:
        """See the port."""
        query = select(ApiTokenRow).where(ApiTokenRow.user_id == user_id)
        async with self._database.read() as db:
            rows = await db.scalars(query.order_by(ApiTokenRow.created_at, ApiTokenRow.token_id))
            return [_token(row) for row in rows]

    @_told_plainly
    async def used(self, token_id: str, at: datetime) -> None:
        """See the port."""
        async with self._database.write() as db:
            await db.execute(
                update(ApiTokenRow).where(ApiTokenRow.token_id == token_id).values(last_used_at=at)
            )

    @_told_plainly
    async def remove(self, user_id: AgentId, token_id: str) -> bool:
        """See the port."""
        async with self._database.write() as db:
            done = await db.execute(
                delete(ApiTokenRow)
                .where(ApiTokenRow.user_id == user_id, ApiTokenRow.token_id == token_id)
                .returning(ApiTokenRow.token_id)
            )
            return done.first() is not None


def _token(row: ApiTokenRow) -> ApiToken:
    return ApiToken(
        token_id=row.token_id,
        token_hash=row.token_hash,
        user_id=AgentId(row.user_id),
        label=row.label,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
