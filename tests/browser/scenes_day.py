"""Rows of the day as the service would send them: missed calls, callbacks, messages, figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.browser import scenes

Json = dict[str, Any]

TEAM: Json = {
    "members": 6, "calls": 19.5, "talk_s": 5400.0, "hold_s": 300.0, "wrap_up_s": 1500.0,
    "occupancy": 0.71,
}  # fmt: skip
"""The mean of the team."""


def missed(call_id: str = "pbx1-1763760000.1-1", **fields: Any) -> Json:
    """A number's missed calls."""
    return {
        "call_id": call_id,
        "number": "139****4567",
        "place": "Beijing",
        "name": "",
        "count": 1,
        "first_at": scenes.ago(1_800),
        "last_at": scenes.ago(600),
        "queue": "billing",
        "queue_label": {"en": "Billing", "zh": "账单"},
        "agents": [],
        "phones": [],
        "voicemail": False,
        "taken_by": "",
        "taken_name": "",
        "tries": 0,
        "last_try": "",
        "last_try_at": None,
        "last_try_by": "",
        "closed_at": None,
        "how": "",
        "closed_by": "",
        "result": "",
        "result_label": {},
        **fields,
    }


def promised(call_id: str = "pbx1-1763750000.1-1", due_s: float = 3_600, **fields: Any) -> Json:
    """A callback that the agent promised, due in so many seconds."""
    return {
        "call_id": call_id,
        "due_at": scenes.ago(-due_s),
        "is_due": due_s <= 0,
        "made_at": scenes.ago(7_200),
        "made_by": "Li Na",
        "keeper": "Li Na",
        "keeper_id": "u7",
        "is_signed_out": False,
        "queue": "",
        "queue_label": {},
        "number": "138****8000",
        "place": "Beijing",
        "name": "王小明",
        "text": "Invoice 2026-118",
        **fields,
    }


def received(message_id: str = "00000000000000a1", **fields: Any) -> Json:
    """A message from the supervisor."""
    return {
        "message_id": message_id,
        "at": scenes.ago(30),
        "by": "Sofia Marques",
        "audience": "team",
        "text": "Line 2 is closed until three",
        "is_read": False,
        **fields,
    }


def figures() -> Json:
    """The agent's day by quarter hour."""
    begins = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    parts = [
        {
            "begins": (begins + n * timedelta(minutes=15)).isoformat(),
            "figures": {
                "talk_s": 300 + 45 * (n % 5), "hold_s": 30, "wrap_up_s": 90, "ready_s": 200,
            },
        }
        for n in range(24)
    ]  # fmt: skip
    return {"agents": [{"agent_id": "u7", "parts": parts}]}
