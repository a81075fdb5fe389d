"""Identifiers. Each is a plain string on the wire and in the database, and a type of its own here."""

from __future__ import annotations

import re
from typing import NewType

from cti.domain.errors import InvalidValue

CallId = NewType("CallId", str)
"""Our own name of a call, ``<systemname>-<uniqueid>-<random>``; minted by the dialplan."""

LegId = NewType("LegId", str)
"""One party's connection (Asterisk: the channel's Uniqueid)."""

AgentId = NewType("AgentId", str)
"""A person who answers calls. Staff number, extension and login are three other things."""

QueueName = NewType("QueueName", str)
"""A waiting line."""

Endpoint = NewType("Endpoint", str)
"""A phone as Asterisk names it: ``1001`` (desk phone), ``1001w`` (browser phone) or ``1001r`` (the same person's phone
outside, reached through the trunk); of a customer's leg outside, the trunk."""

TicketId = NewType("TicketId", int)
CustomerId = NewType("CustomerId", int)
RecordingId = NewType("RecordingId", str)
"""Random, unguessable; part of addresses."""

_CALL_ID = re.compile(r"[A-Za-z0-9_]{1,32}-[0-9]{1,12}\.[0-9]{1,12}-[0-9]{1,10}")
_ENDPOINT = re.compile(r"[0-9]{2,6}[rw]?")
_MARKS = {"browser": "w", "outside": "r"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def parse_call_id(text: str) -> CallId:
    """Check a call id that came from outside.

    Raises:
        InvalidValue: the text is not of the form that the dialplan mints.
    """
    if not _CALL_ID.fullmatch(text):
        raise InvalidValue("call id", text)
    return CallId(text)


def parse_endpoint(text: str) -> Endpoint:
    """Check the name of a phone; only such names ever reach the dialplan.

    Raises:
        InvalidValue: not two to six digits, with ``w`` behind them for a browser phone, ``r`` for one outside.
    """
    if not _ENDPOINT.fullmatch(text):
        raise InvalidValue("endpoint", text)
    return Endpoint(text)


def is_phone(endpoint: str) -> bool:
    """Whether this is a phone of ours, and no trunk."""
    return _ENDPOINT.fullmatch(endpoint) is not None


def own_phone(extension: str, kind: str) -> Endpoint:
    """The phone of somebody with this extension: ``browser``, ``outside``, or else the one on his desk."""
    return Endpoint(extension + _MARKS.get(kind, ""))


def is_browser_phone(endpoint: str) -> bool:
    """Whether this is the phone in somebody's page: it may vanish without a word, and come back."""
    return is_phone(endpoint) and endpoint.endswith(_MARKS["browser"])


def is_outside_phone(endpoint: str) -> bool:
    """Whether this is somebody's own phone outside (remote): nobody sees whether it is there, and anybody may answer it."""
    return is_phone(endpoint) and endpoint.endswith(_MARKS["outside"])


def extension_of(endpoint: str) -> str:
    """The extension of a phone's owner; a trunk's name stays as it is."""
    return endpoint.rstrip("rw") if is_phone(endpoint) else endpoint


def parse_queue_name(text: str) -> QueueName:
    """Check a queue's technical name: a lower-case letter, then letters, digits, underscores.

    Raises:
        InvalidValue: the text is not such a name.
    """
    if not _NAME.fullmatch(text):
        raise InvalidValue("queue name", text)
    return QueueName(text)
