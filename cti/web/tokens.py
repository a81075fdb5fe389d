"""Tokens by which a program (a CRM, a script) acts for one person, in the few things that are open to programs.

A token has 256 random bits and is shown once; the database holds its SHA-256. It ends when its owner revokes it or is
deactivated. No cookie stands in its place: a page somewhere else that makes a browser send a request brings no token.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from cti.domain.events import SecurityNoted
from cti.domain.ids import AgentId
from cti.domain.people import User
from cti.ports import Accounts, ApiToken, ApiTokens, Clock, EventBus
from cti.web.routing import ApiError, SignedIn
from cti.web.signin import token_hash

PREFIX = "rdt_"
"""What each token begins with, so that one that was published by mistake is found."""
MOST = 10
"""Tokens of one person."""
_TOLD_EVERY = timedelta(minutes=10)


class TokenDesk:
    """Makes, lists, revokes and recognises tokens."""

    def __init__(self, accounts: Accounts, tokens: ApiTokens, clock: Clock, bus: EventBus) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._clock = clock
        self._bus = bus

    async def make(self, user: User, label: str) -> tuple[ApiToken, str]:
        """A new token of a person, and the token itself, which nobody can learn later.

        Raises:
            ApiError: 409, he has as many as one may have.
        """
        if len(await self._tokens.of(user.user_id)) >= MOST:
            raise ApiError(409, "too_many_tokens", f"Revoke one first: {MOST} are the most.")
        text = PREFIX + secrets.token_urlsafe(32)
        token = ApiToken(
            token_id=secrets.token_hex(6),
            token_hash=token_hash(text),
            user_id=user.user_id,
            label=label,
            created_at=self._clock.now(),
        )
        await self._tokens.add(token)
        self._note("token_made", user.user_id, token.token_id)
        return token, text

    async def of(self, user: User) -> Sequence[ApiToken]:
        """A person's tokens, oldest first."""
        return await self._tokens.of(user.user_id)

    async def revoke(self, user: User, token_id: str) -> None:
        """End a token.

        Raises:
            ApiError: 404, he has none of this id.
        """
        if not await self._tokens.remove(user.user_id, token_id):
            raise ApiError(404, "no_such_token", "There is no such token (any more).")
        self._note("token_revoked", user.user_id, token_id)

    async def find(self, text: str | None) -> SignedIn:
        """For whom a program acts.

        Raises:
            ApiError: 401, there is no token, or it isn't one of ours (any more).
        """
        challenge = {"WWW-Authenticate": "Bearer"}
        if not text:
            raise ApiError(401, "token_needed", "Send a token as a bearer token.", challenge)
        token = await self._tokens.find(token_hash(text)) if len(text) <= 128 else None
        user = await self._accounts.by_id(token.user_id) if token is not None else None
        if token is None or user is None or not user.is_active:
            self._note("token_refused", AgentId(""), token.token_id if token is not None else "")
            raise ApiError(401, "token_refused", "This token isn't ours (any more).", challenge)
        now = self._clock.now()
        if token.last_used_at is None or now - token.last_used_at > _TOLD_EVERY:
            await self._tokens.used(token.token_id, now)
        return SignedIn.by_token(user)

    def _note(self, what: str, by: AgentId, token_id: str) -> None:
        self._bus.publish(SecurityNoted(at=self._clock.now(), what=what, by=by, detail=token_id))
