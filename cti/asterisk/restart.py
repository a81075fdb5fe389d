"""Asterisk was started anew while we did not look: what ended with the old one ended when we lost it.

A snapshot only shows that a call is gone. Where Asterisk says that it is another one than before (``CoreStatus``: when it
was started), nobody hung up: the system took the call with it, at the moment at which the link broke. That is what the
journal says then, and what the recording is measured by: a killed Asterisk leaves the last second or two unwritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from cti.domain import events as ev
from cti.wire.ami import Message


def startup_of(answer: Message) -> str:
    """When this Asterisk was started, in its own words; empty where it doesn't say."""
    return f"{answer.get('CoreStartupDate')} {answer.get('CoreStartupTime')}".strip()


def ended_with_it(repairs: Iterable[ev.Event], lost_at: datetime) -> list[ev.Event]:
    """The same repairs, with the ends at their true instant and by their true cause."""
    found = list(repairs)
    gone = {e.call_id for e in found if isinstance(e, ev.CallEnded)}
    return [_dated(e, lost_at) if getattr(e, "call_id", None) in gone else e for e in found]


def _dated(event: ev.Event, lost_at: datetime) -> ev.Event:
    if isinstance(event, ev.CallEnded):
        return replace(event, at=lost_at, ended_by="system")
    return replace(event, at=lost_at)
