"""The sections of the day as values: missed calls, callbacks, messages. Pure.

Numbers are masked for everybody: whoever calls back doesn't need them, and whoever may see them does so in the call.
"""

from __future__ import annotations

from typing import TypedDict

Labels = dict[str, str]


class MissedValue(TypedDict):
    """One number's missed calls. ``agents`` and ``phones``: at whom it rang."""

    call_id: str  # names the entry
    number: str
    place: str
    name: str
    count: int
    first_at: str
    last_at: str
    queue: str
    queue_label: Labels
    agents: list[str]
    phones: list[str]
    voicemail: bool
    taken_by: str  # an agent's id; empty: nobody
    taken_name: str
    tries: int
    last_try: str  # how it ended: no_answer, busy, …
    last_try_at: str | None
    last_try_by: str
    closed_at: str | None  # None: open
    how: str  # got_through, called_back, by_hand
    closed_by: str  # a name
    result: str  # the outcome that was named, or what was chosen by hand
    result_label: Labels


class MissedSection(TypedDict):
    """The open ones, who called last first, and those closed today. ``more``: open ones that aren't listed."""

    open: list[MissedValue]
    closed: list[MissedValue]
    more: int


class PromiseValue(TypedDict):
    """A callback that an agent promised. ``keeper`` empty: whoever serves the queue."""

    call_id: str
    due_at: str
    is_due: bool
    made_at: str
    made_by: str
    keeper: str
    keeper_id: str
    is_signed_out: bool  # its keeper
    queue: str
    queue_label: Labels
    number: str
    place: str
    name: str
    text: str


class StandingValue(TypedDict):
    """A callback that a caller asked a queue for; the queue's agents are given it in its turn."""

    call_id: str
    queue: str
    queue_label: Labels
    number: str
    stage: str
    requested_at: str
    due_at: str
    expires_at: str
    attempts: int


class CallbacksSection(TypedDict):
    """``mine``: one's own and those of one's queues; ``team``: due ones of those whom one watches."""

    mine: list[PromiseValue]
    team: list[PromiseValue]
    queue: list[StandingValue]
    due: int  # of mine


class ReceivedValue(TypedDict):
    """A message that one was sent."""

    message_id: str
    at: str
    by: str
    audience: str
    text: str
    is_read: bool


class SentValue(TypedDict):
    """A message that one sent, and who has seen it."""

    message_id: str
    at: str
    audience: str
    to: str
    text: str
    recipients: int
    read: int
    unread_by: list[str]  # names, the first few


class MessagesSection(TypedDict):
    """The day's, the newest first. ``teams``: those to which one may write; ``may_send``: whether at all."""

    received: list[ReceivedValue]
    sent: list[SentValue]
    unread: int
    teams: list[str]
    may_send: bool


class TeamValue(TypedDict):
    """The mean of those of one's team who worked today, oneself among them; at least three."""

    members: int
    calls: float
    talk_s: float
    hold_s: float
    wrap_up_s: float
    occupancy: float | None


NOTHING_MISSED = MissedSection(open=[], closed=[], more=0)
NO_CALLBACKS = CallbacksSection(mine=[], team=[], queue=[], due=0)
NO_MESSAGES = MessagesSection(received=[], sent=[], unread=0, teams=[], may_send=False)
