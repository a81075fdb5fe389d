"""What a pop can show besides the call: for the scenes (``scenes.py``) and the pop's own tests."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

FIELDS = [
    "warning", "company", "group", "number", "menu_path", "queue", "digits", "wait", "note",
    "contacts", "tickets",
]  # fmt: skip
RULES: Json = {"sent_by": None, "fields": FIELDS, "mute": "none"}
"""Of a queue that says nothing."""
NO_POP: Json = {"colleague": None, "outside_page": None, "gone": None}
CARD: Json = {
    "user_id": "u8",
    "name": "Tom Becker",
    "staff_number": "8002",
    "extension": "1002",
    "team": "day",
    "state": "RINGING",
    "kind": "internal",
    "since": "2026-11-22T09:00:00.000Z",
}


def around(**more: Any) -> Json:
    """The parts of a customer section that tell of the rest."""
    return {"open_tickets": [], "is_file_of_call": False, "has_number": True, **more}


def warning(at: str, text: str = "Legal dispute: promise nothing, call Ms Zhou first.") -> Json:
    """What whoever answers must know."""
    return {"text": text, "by": "Sofia Marques", "at": at}


def outside_page(call_id: str, url: str, **more: Any) -> Json:
    """The queue's outside page for a call."""
    page = {"call_id": call_id, "url": url, "label": {"en": "CRM", "zh": "客户系统"}}
    return {**page, "place": "frame", "opens": "click", **more}


def gone(call_id: str, at: str, why: str, who: str = "") -> Json:
    """A pop that was withdrawn."""
    return {"call_id": call_id, "at": at, "why": why, "who": who}


def scenes(ringing: Json, known: Json, ago: Any) -> dict[str, Json]:
    """States of the pop, of the ringing call."""
    call = ringing["call"]
    warned = {
        **known,
        "customer": {**known["customer"], "warning": warning(ago(200_000))},
        "open_tickets": [
            {"ticket_id": 4650, "subject": "Invoice charged twice", "created_at": ago(300_000)}
        ],
    }
    nobody: Json = {"match": "none", "customer": None, "candidates": [], "history": []}
    internal = {
        **call, "direction": "internal", "queue": "", "queue_label": {}, "menu_path": [],
        "digits": "", "number": "1002", "number_place": "", "caller_name": "Tom Becker",
    }  # fmt: skip
    return {
        "ringing_sent": {
            **ringing,
            "call": {**call, "sent_by": {"name": "Tom Becker", "how": "transfer"}},
            "customer": warned,
        },
        "ringing_new": {
            **ringing,
            "call": {**call, "caller_name": ""},
            "customer": {**nobody, **around()},
        },
        "ringing_colleague": {
            **ringing,
            "call": internal,
            "colleague": {**CARD, "since": ago(4)},
            "customer": {**nobody, **around()},
        },
        "withdrawn": {"gone": gone(call["call_id"], ago(1), "taken", "Tom Becker")},
    }
