"""Sections as the service would send them in each state of an agent's day: what the page's own tests look at."""

from __future__ import annotations

import copy
import io
import math
import struct
import wave
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.browser import scenes_day, scenes_menus
from tests.browser import scenes_pop as pop

Json = dict[str, Any]

CALL_ID = "pbx1-1763770000.17-4711"
SAMPLE_RATE = 8000
RECORDING_S = 6
PIXEL = 80


def ago(seconds: float) -> str:
    """An instant so many seconds back, as the protocol writes it; negative is ahead."""
    instant = datetime.now(UTC) - timedelta(seconds=seconds)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _base() -> Json:
    return {
        "me": {
            "user_id": "u7",
            "name": "Li Na",
            "staff_number": "8007",
            "extension": "1001",
            "role": "agent",
            "language": "en",
            "server_time": ago(0),
            "permissions": ["take_calls", "read_customers", "hear_team_recordings"],
            "queue_labels": {"billing": {"en": "Billing", "zh": "账单"}},
            "shared_phones": [],
            "outside_phone": None,
            "call_menus": scenes_menus.MENUS,
            "time_zone": "Asia/Shanghai",
        },
        "phone": {"kind": "desk", "endpoint": "1001", "state": "idle", "sip": None},
        "agent": _agent("READY", since=ago(761)),
        "call": None,
        "customer": None,
        "ticket": None,
        "queues": [
            _queue("billing", "Billing", "账单", waiting=3, longest=42, ready=2),
            _queue("help", "Help", "技术支持", waiting=0, longest=None, ready=4),
        ],
        "today": {
            "calls": 23, "talk_s": 6130, "hold_s": 412, "wrap_up_s": 1261, "missed": 1,
            "occupancy": 0.74, "team": scenes_day.TEAM,
        },
        "link": {"switch": "up", "text": ""},
        "parked": [parked("3")],
        "directory": None,
        "second": None,
        "missed": {"open": [scenes_day.missed()], "closed": [], "more": 0},
        "callbacks": {"mine": [], "team": [], "queue": [], "due": 0},
        "messages": {"received": [], "sent": [], "unread": 0, "teams": [], "may_send": False},
        **pop.NO_POP,
        "tickets": tickets(),
        "opened": None,
        "ticket_form": ticket_form(),
    }  # fmt: skip


SECOND_ID = "pbx1-1763770099.30-8"


def second(state: str = "waiting", **fields: Any) -> Json:
    """Another call at the agent's phones."""
    return {
        "call_id": SECOND_ID,
        "state": state,
        "kind": "internal",
        "since": ago(9),
        "name": "Otto Lindqvist",
        "number": "1004",
        "queue": "",
        "queue_label": {},
        "accept": "",
        "decline": "" if state == "waiting" else "No call is waiting.",
        **fields,
    }


CALLER_IDS: list[Json] = [
    {"number": "+864001234567", "label": {}},
    {"number": "+862155550100", "label": {"en": "Shanghai office", "zh": "上海办公室"}},
]
"""What may be shown outside: the company's number, and one more."""


def parked(slot: str, seconds: int = 42, **fields: Any) -> Json:
    """A caller in a parking place, so long since."""
    return {
        "slot": slot,
        "name": "王小明",
        "number": "138****8000",
        "since": ago(seconds),
        "parked_by": "Tom Becker",
        "returns_at": ago(seconds - 120),
        "rings_at": "",
        "is_over": False,
        **fields,
    }


def directory(**fields: Any) -> Json:
    """Whom a call can reach, as the service sends it to a page that looks."""
    return {
        "colleagues": [
            _colleague("Li Na", "1001", "READY", 761),
            _colleague("Tom Becker", "1002", "READY", 94),
            _colleague("陈美", "1003", "TALKING", 212),
            _colleague("Otto Lindqvist", "1004", "NOT_READY", 1_520),
            _colleague("Sofia Marques", "1010", "WRAP_UP", 9),
            _colleague("Zhang Wei", "1011", "LOGGED_OUT", 40_000),
        ],
        "queues": [
            {"name": "billing", "label": {"en": "Billing", "zh": "账单"}, "waiting": 3, "ready": 2},
            {"name": "help", "label": {"en": "Help", "zh": "技术支持"}, "waiting": 0, "ready": 4},
        ],
        "outside": True,
        "caller_ids": CALLER_IDS[:1],
        **fields,
    }


def _colleague(name: str, extension: str, state: str, seconds: int) -> Json:
    kind = "queue" if state == "TALKING" else ""
    return {
        "name": name,
        "extension": extension,
        "state": state,
        "kind": kind,
        "since": ago(seconds),
        "waits": False,
    }


def _can(state: str, *, has_answered: bool) -> Json:
    """What the service allows in a state: nothing stands beside what can be done, a reason beside the rest."""
    speaking = {"hold", "mute", "pause_recording", "send_digits", "transfer", "consult", "park"}
    speaking.add("menu")
    possible = {
        "offered": {"answer", "decline"},
        "ringing": {"answer", "decline"},
        "dialling": {"hang_up"},
        "talking": {"hang_up", "add_party", "move", *speaking},
        "on_hold": {
            "hang_up",
            "retrieve",
            "mute",
            "pause_recording",
            "transfer",
            "consult",
            "park",
            "menu",
        },
        "consulting": {"complete", "cancel", *({"conference"} if has_answered else ())},
        "conference": {
            "hang_up",
            "mute",
            "pause_recording",
            "send_digits",
            "add_party",
            "drop_party",
        },
        "agent_lost": {"hang_up"},
    }
    reasons = {
        "consulting": "First hand the caller over, or end the consultation.",
        "conference": "A conference can't do this: let the others leave first.",
    }
    reason = reasons.get(state, "Only while you talk with the caller.")
    actions = set().union(*possible.values(), {"conference", "fetch_back"})
    can = {action: "" if action in possible.get(state, ()) else reason for action in actions}
    if state == "consulting" and not has_answered:
        can["conference"] = "The one you called has not answered yet."
    return can


def _queue(name: str, en: str, zh: str, *, waiting: int, longest: int | None, ready: int) -> Json:
    return {
        "name": name,
        "label": {"en": en, "zh": zh},
        "waiting": waiting,
        "longest_since": ago(longest) if longest is not None else None,
        "ready": ready,
    }


def _agent(state: str, **fields: Any) -> Json:
    return {
        "state": state,
        "reason": "",
        "kind": "",
        "since": ago(12),
        "next_state": "",
        "next_reason": "",
        "until": None,
        "reasons": [
            {"name": "lunch", "label": {"en": "Lunch", "zh": "午餐"}, "paid": False},
            {"name": "break", "label": {"en": "Short break", "zh": "小休"}, "paid": True},
            {"name": "training", "label": {"en": "Training", "zh": "培训"}, "paid": True},
        ],
        "queues": ["billing", "help"],
        "notice": "",
        "warn_at": None,
        "late_at": None,
        "overrun_at": None,
        "extensions_left": 5,
        **fields,
    }


def call(state: str, **fields: Any) -> Json:
    """The call section; a ringing or talking known caller unless told otherwise."""
    return {
        "call_id": CALL_ID,
        "token": "token-1",
        "state": state,
        "direction": "inbound",
        "queue": "billing",
        "queue_label": {"en": "Billing", "zh": "账单"},
        "number": "+86 138 0013 8000",
        "number_place": "Beijing",
        "number_masked": False,
        "can_reveal": False,
        "caller_name": "Wang Xiaoming",
        "menu_path": ["Main menu", "Billing", "Invoice"],
        "digits": "2",
        "waited_s": 38,
        "chosen_at": ago(5),
        "ringing_since": None if state == "offered" else ago(4),
        "connected_at": None if state in {"offered", "ringing", "dialling"} else ago(192),
        "held_at": ago(24) if state in {"on_hold", "consulting"} else None,
        "ended_at": ago(12) if state in {"ended", "transferring", "parked"} else None,
        "muted": False,
        "recording": "off" if state in {"offered", "ringing", "dialling"} else "on",
        "auto_answer": False,
        "consult": None,
        "parties": [],
        "slot": "",
        "menu": None,
        **pop.RULES,
        "can": _can(state, has_answered=(fields.get("consult") or {}).get("state") == "talking"),
        **fields,
    }


def _history() -> list[Json]:
    rows = [
        (3, "billing", "answered", 250, "李娜", "r1"),
        (9, "billing", "answered", 731, "Zhang Wei", "r2"),
        (16, "help", "abandoned", 41, "", None),
        (34, "help", "answered", 95, "李娜", "r3"),
        (81, "billing", "answered", 312, "Chen Jie", "gone"),
    ]
    return [
        {
            "call_id": f"old-{days}",
            "at": ago(days * 86_400 + 4_000),
            "direction": "inbound",
            "queue": queue,
            "outcome": outcome,
            "duration_s": seconds,
            "agent": agent,
            "recording_id": recording,
            "disposition": "Solved" if outcome == "answered" else "",
            "disposition_label": {"en": "Solved", "zh": "已解决"},
        }
        for days, queue, outcome, seconds, agent, recording in rows
    ]


def known() -> Json:
    """A customer with a file."""
    return {
        "match": "known",
        "customer": {
            "id": 12,
            "name": "王小明",
            "company": "Acme GmbH",
            "group": "Gold",
            "note": "Prefers to be called back after 15:00. Contract ends in March.",
            "is_provisional": False,
            "warning": None,
        },
        "candidates": [],
        "history": _history(),
        **pop.around(),
    }


def maybe() -> Json:
    """A number of several people."""
    return {
        "match": "maybe",
        "customer": None,
        "candidates": [
            {
                "id": 12,
                "name": "王小明",
                "company": "Acme GmbH",
                "last": {"at": ago(260_000), "outcome": "answered", "agent": "李娜"},
            },
            {"id": 31, "name": "Liu Fang", "company": "Acme GmbH", "last": None},
            {"id": 44, "name": "Front desk", "company": "Acme GmbH", "last": None},
        ],
        "history": [],
        **pop.around(),
    }


def new_caller() -> Json:
    """Nobody knows the number; a file has been started."""
    customer = {
        "id": 90,
        "name": "",
        "company": "",
        "group": "",
        "note": "",
        "is_provisional": True,
        "warning": None,
    }
    nobody = {"match": "none", "customer": customer, "candidates": [], "history": []}
    return {**nobody, **pop.around(is_file_of_call=True)}


def ticket(**fields: Any) -> Json:
    """The ticket of this call, with another one open."""
    return {
        "ticket_id": 4711,
        "subject": "Billing › Invoice",
        "status": "open",
        "category": "invoice",
        "customer_name": "王小明",
        "priority": "normal",
        "group": "",
        "owner_id": "u7",
        "owner": "Li Na",
        "due_at": None,
        "revision": 2,
        "fields": [
            _field("contract", "Contract", "合同号", "text", is_required=True),
            _field("product", "Product", "产品", "choice", value="tea"),
        ],
        "comments": [
            {
                "comment_id": 1,
                "author": "Tom Becker",
                "at": ago(86_400),
                "text": "The same as #4650, I think.",
            },
        ],
        "is_attached": False,
        "created_at": ago(192),
        "note": "Invoice 2026-10 was charged twice. Promised a correction by Friday.",
        "version": 3,
        "disposition": "",
        "dispositions": ["Solved", "Call back", "Passed on", "Wrong number"],
        "disposition_labels": {"Solved": {"en": "Solved", "zh": "已解决"}},
        "open_tickets": [
            {"ticket_id": 4650, "subject": "Invoice charged twice", "created_at": ago(300_000)},
            {"ticket_id": 4602, "subject": "Change of address", "created_at": ago(900_000)},
        ],
        "timeline": [
            {
                "at": ago(192),
                "what": "talk",
                "text": "Li Na",
                "recording_id": None,
            },
            {"at": ago(230), "what": "queue", "text": "Billing, 0:38", "recording_id": None},
            {
                "at": ago(240),
                "what": "menu",
                "text": "Main menu › Billing › Invoice",
                "recording_id": None,
            },
        ],
        **fields,
    }


def _field(name: str, en: str, zh: str, kind: str, **more: Any) -> Json:
    choices = [{"name": "tea", "label": {"en": "Tea", "zh": "茶叶"}}] if kind == "choice" else []
    return {
        "name": name,
        "label": {"en": en, "zh": zh},
        "kind": kind,
        "choices": choices,
        "is_required": False,
        "value": "",
        **more,
    }


def ticket_form() -> Json:
    """What the company says of its tickets."""
    return {
        "groups": [
            _group("billing", "Billing", "账务", is_mine=True),
            _group("second", "Second line", "二线", needs_note=True),
        ],
        "categories": [
            {"name": "invoice", "label": {"en": "Invoice", "zh": "发票"}},
            {"name": "delivery", "label": {"en": "Delivery", "zh": "配送"}},
        ],
        "people": [
            {"agent_id": "u7", "name": "Li Na"},
            {"agent_id": "u8", "name": "Tom Becker"},
            {"agent_id": "u9", "name": "陈美"},
        ],
        "texts": [
            {"name": "greeting", "text": "Dear {customer}, {agent} here.", "is_own": False},
            {"name": "refund", "text": "Refund promised, see {ticket}.", "is_own": True},
            {"name": "稍后", "text": "稍后回电给{customer}。", "is_own": True},
        ],
    }


def _group(name: str, en: str, zh: str, **more: bool) -> Json:
    label = {"en": en, "zh": zh}
    return {"name": name, "label": label, "is_mine": False, "needs_note": False, **more}


def listed(ticket_id: int, **fields: Any) -> Json:
    """A row of a list of tickets."""
    return {
        "ticket_id": ticket_id,
        "subject": "Invoice charged twice",
        "status": "open",
        "priority": "normal",
        "group": "",
        "owner_id": "u7",
        "owner": "Li Na",
        "due_at": None,
        "created_at": ago(300_000),
        "customer_name": "王小明",
        "revision": 1,
        **fields,
    }


def tickets(view: str = "mine", **fields: Any) -> Json:
    """A list of tickets, as the service sends it to a page that looks."""
    rows = [
        listed(4711, subject="Billing › Invoice", priority="urgent", due_at=ago(90_000)),
        listed(4650, due_at=ago(-86_400), customer_name="Otto Lindqvist"),
        listed(4602, subject="Change of address", status="pending", group="billing"),
        listed(4511, subject="发票抬头有误，需要重新开具增值税专用发票", customer_name="港湾贸易"),
    ]
    return {
        "view": view,
        "question": "",
        "rows": rows,
        "total": len(rows),
        "has_more": False,
        "counts": {"mine": len(rows), "group": 7, "due": 2},
        **fields,
    }


def _talking(**fields: Any) -> Json:
    return {
        "agent": _agent("TALKING", since=ago(192)),
        "call": call("talking", **fields),
        "customer": known(),
        "ticket": ticket(),
    }


def consult(state: str) -> Json:
    """Somebody who is asked while the caller is on hold."""
    return {"state": state, "target": "1002", "label": "Tom Becker"}


def parties() -> list[Json]:
    """Two others in a conference: a colleague and a number outside."""
    return [
        {"endpoint": "1002w", "label": "Tom Becker"},
        {"endpoint": "out-7", "label": "+86 574 8712 0000"},
    ]


def _wrap_up() -> Json:
    return {
        "agent": _agent("WRAP_UP", since=ago(9), until=ago(-21)),
        "call": call("ended"),
        "customer": known(),
        "ticket": _recorded(),
    }


def _recorded() -> Json:
    row = {"at": ago(10), "what": "recording", "text": "3:12", "recording_id": "r9"}
    return ticket(disposition="Call back", timeline=[row, *ticket()["timeline"]])


def _changes() -> dict[str, Json]:
    ringing = {"agent": _agent("RINGING", since=ago(4)), "call": call("ringing")}
    return {
        "ready": {},
        "signed_out": {
            "agent": _agent("LOGGED_OUT"),
            "phone": {"kind": None, "endpoint": None, "state": "unknown", "sip": None},
        },
        "not_ready": {"agent": _agent("NOT_READY", reason="lunch", since=ago(1_520))},
        "break_ending": {
            "agent": _agent(
                "NOT_READY", reason="lunch", since=ago(2_560), warn_at=ago(160), late_at=ago(-140)
            )
        },
        "break_late": {
            "agent": _agent(
                "NOT_READY",
                reason="lunch",
                since=ago(2_830),
                warn_at=ago(430),
                late_at=ago(130),
                overrun_at=ago(130),
            )
        },
        "outcome_missing": {
            **_wrap_up(),
            "agent": _agent("WRAP_UP", since=ago(75), overrun_at=ago(45), next_state="READY"),
            "ticket": ticket(disposition=""),
        },
        "missed": {
            "agent": _agent(
                "NOT_READY",
                reason="rona",
                notice="A call rang 15 s at your phone and went to a colleague. Press Ready when you are back.",
            )
        },
        "offered": {
            "agent": _agent("RESERVED"),
            "call": call("offered"),
            "customer": known(),
        },
        "ringing": {**ringing, "customer": known()},
        "ringing_automatic": {
            **ringing,
            "call": {
                **call("ringing", auto_answer=True),
                "can": {
                    **_can("ringing", has_answered=False),
                    "decline": "Calls of this queue can't be declined.",
                },
            },
            "customer": known(),
        },
        "ringing_maybe": {**ringing, "customer": maybe()},
        "ringing_unknown": {
            **ringing,
            "call": call("ringing", caller_name="", number="", number_place="", menu_path=[]),
            "customer": {
                "match": "none",
                "customer": None,
                "candidates": [],
                "history": [],
                **pop.around(has_number=False),
            },
        },
        **pop.scenes(ringing, known(), ago),
        "talking": _talking(),
        "talking_new": {
            **_talking(caller_name="", number="138****8000", number_masked=True),
            "customer": new_caller(),
            "ticket": ticket(note="", version=1, open_tickets=[]),
        },
        "talking_next": {
            **_talking(muted=True, recording="paused"),
            "agent": _agent("TALKING", since=ago(192), next_state="NOT_READY", next_reason="lunch"),
        },
        "on_hold": {
            **_talking(),
            "call": call("on_hold", held_at=ago(24)),
        },
        **scenes_menus.scenes(_talking(), call("on_hold"), _wrap_up(), ago),
        "dialling": {
            "agent": _agent("TALKING", since=ago(6)),
            "call": call(
                "dialling",
                direction="outbound",
                queue="",
                queue_label={},
                menu_path=[],
                digits="",
                waited_s=0,
            ),
            "customer": known(),
        },
        "consult_ringing": {**_talking(), "call": call("consulting", consult=consult("ringing"))},
        "consulting": {**_talking(), "call": call("consulting", consult=consult("talking"))},
        "conference": {**_talking(), "call": call("conference", parties=parties())},
        "second_waiting": {**_talking(), "second": second()},
        "second_on_hold": {
            **_talking(),
            "second": second("on_hold", kind="direct", name="王小明", number="138****8000"),
        },
        "second_consulting": {
            **_talking(),
            "call": call("consulting", consult=consult("talking")),
            "second": second(accept="First hand the caller over, or end the consultation."),
        },
        "transferring": {
            **_wrap_up(),
            "call": call("transferring"),
        },
        "parked": {**_wrap_up(), "call": call("parked", slot="3")},
        "agent_lost": {**_talking(), "call": call("agent_lost")},
        "wrap_up": _wrap_up(),
        "alarm": {"link": {"switch": "up", "text": "The disk is full: recordings are not kept."}},
        "switch_down": {
            **_talking(),
            "link": {"switch": "down", "text": "Being restarted. Calls that are up go on."},
        },
    }


NAMES = frozenset(_changes())


def scene(name: str) -> Json:
    """All sections of a state, with instants counted from now."""
    return copy.deepcopy({**_base(), **_changes()[name]})


def _loudness(second: float, channel: int) -> float:
    """Two people who take turns."""
    speaks = (math.sin(second * 2.1) > 0) == (channel == 0)
    return (0.25 + 0.6 * abs(math.sin(second * 9.7))) if speaks else 0.02


def peaks() -> Json:
    """The peaks of ``sound``."""
    data = []
    for pixel in range(RECORDING_S * SAMPLE_RATE // PIXEL):
        for channel in (0, 1):
            top = int(127 * _loudness(pixel * PIXEL / SAMPLE_RATE, channel))
            data += [-top, top]
    return {
        "version": 2,
        "channels": 2,
        "sample_rate": SAMPLE_RATE,
        "samples_per_pixel": PIXEL,
        "bits": 8,
        "length": RECORDING_S * SAMPLE_RATE // PIXEL,
        "data": data,
    }


def sound() -> bytes:
    """A short stereo file: two tones that take turns."""
    frames = bytearray()
    for sample in range(RECORDING_S * SAMPLE_RATE):
        second = sample / SAMPLE_RATE
        for channel, pitch in ((0, 440), (1, 330)):
            level = _loudness(second, channel) * math.sin(2 * math.pi * pitch * second)
            frames += struct.pack("<h", int(8_000 * level))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(bytes(frames))
    return buffer.getvalue()
