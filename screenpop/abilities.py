"""What an agent can do with the call on his desktop now, and why not what he can't. Pure.

The page shows the reason beside a disabled button; a command that comes all the same is refused with the same words.
One table, ``_WHEN``, says in which states of a call an action makes sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_TALKING = frozenset({"talking", "on_hold", "conference"})
_WHEN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "answer": frozenset({"offered", "ringing"}),
        "decline": frozenset({"offered", "ringing"}),
        "hang_up": frozenset({"dialling", "talking", "on_hold", "conference", "agent_lost"}),
        "hold": frozenset({"talking"}),
        "retrieve": frozenset({"on_hold"}),
        "mute": _TALKING,
        "pause_recording": _TALKING,
        "send_digits": frozenset({"talking", "conference"}),
        "transfer": frozenset({"talking", "on_hold"}),
        "consult": frozenset({"talking", "on_hold"}),
        "complete": frozenset({"consulting"}),
        "cancel": frozenset({"consulting"}),
        "conference": frozenset({"consulting"}),
        "add_party": frozenset({"talking", "conference"}),
        "drop_party": frozenset({"conference"}),
        "park": frozenset({"talking", "on_hold"}),
        "menu": frozenset({"talking", "on_hold"}),
        "fetch_back": frozenset({"on_hold"}),
        "move": frozenset({"talking"}),
    }
)
ACTIONS = tuple(_WHEN)

Words = Mapping[str, str]
REASONS: Mapping[str, Words] = MappingProxyType(
    {
        "not_ringing": {"en": "The call doesn't ring (any more).", "zh": "来电已不在振铃。"},
        "not_connected": {
            "en": "You aren't connected with this caller.",
            "zh": "您未与该来电接通。",
        },
        "not_talking": {
            "en": "Only while you talk with the caller.",
            "zh": "仅在与来电者通话时可用。",
        },
        "on_hold": {
            "en": "The caller is on hold: take him back first.",
            "zh": "请先取回保持的来电。",
        },
        "not_on_hold": {"en": "The caller isn't on hold.", "zh": "来电未处于保持状态。"},
        "consulting": {
            "en": "First hand the caller over, or end the consultation.",
            "zh": "请先完成转接或结束咨询。",
        },
        "not_consulting": {"en": "You aren't consulting anybody.", "zh": "当前没有咨询。"},
        "not_answered": {
            "en": "The one you called has not answered yet.",
            "zh": "被咨询方尚未接听。",
        },
        "no_conference": {"en": "This is no conference.", "zh": "当前不是会议通话。"},
        "conference": {
            "en": "A conference can't do this: let the others leave first.",
            "zh": "会议中不可用，请先移出其他成员。",
        },
        "consulted": {
            "en": "Your colleague leads this call; you can leave it.",
            "zh": "该通话由同事主导，您只能退出。",
        },
        "must_take": {
            "en": "Calls of this queue can't be declined.",
            "zh": "该队列的来电不可拒接。",
        },
        "not_recording": {"en": "This call is not being recorded.", "zh": "该通话未在录音。"},
        "rings_first": {
            "en": "Answer or decline the first call before.",
            "zh": "请先接听或拒接第一个来电。",
        },
        "dialling": {
            "en": "You are calling somebody: hang up first.",
            "zh": "您正在呼出，请先挂断。",
        },
        "reconnecting": {
            "en": "Your phone is being called again for the first caller.",
            "zh": "正在为第一位来电者重新呼叫您的话机。",
        },
        "on_phone": {
            "en": "Your phone holds this call by its own key: take it back there.",
            "zh": "该通话由话机按键保持，请在话机上取回。",
        },
        "in_menu": {
            "en": "The caller is in a menu: fetch him back first.",
            "zh": "来电者正在语音菜单中，请先接回。",
        },
        "not_in_menu": {"en": "The caller is in no menu.", "zh": "来电者不在语音菜单中。"},
        "no_caller": {
            "en": "Only a caller can be sent to a menu, no colleague.",
            "zh": "只能将来电者送入菜单，同事不可。",
        },
        "not_waiting": {"en": "No call is waiting.", "zh": "当前没有等待中的来电。"},
    }
)
_IDS: Mapping[str, str] = MappingProxyType({"not_recording": "not_recording"})


@dataclass(frozen=True, slots=True)
class Situation:
    """What counts: the call's state here, and what it is to this agent."""

    state: str
    is_consulted: bool = False  # a colleague asks him; the caller is that one's
    consult_is_up: bool = False
    is_recording: bool = False
    may_decline: bool = True
    is_in_menu: bool = False  # his caller, and he waits for him
    is_internal: bool = False  # a colleague is at the other end


def reason_id(action: str, now: Situation) -> str:
    """Why an action can't be done now, as a key of ``REASONS``; empty: it can."""
    if now.is_consulted and action not in ("answer", "decline", "hang_up"):
        return "consulted"
    if action == "menu" and now.is_internal:
        return "no_caller"
    if now.is_in_menu and action not in ("answer", "decline", "hang_up", "fetch_back"):
        return "in_menu"
    if now.state in _WHEN[action]:
        if action == "fetch_back" and not now.is_in_menu:
            return "not_in_menu"
        if action == "conference" and not now.consult_is_up:
            return "not_answered"
        if action == "pause_recording" and not now.is_recording:
            return "not_recording"
        if action == "decline" and not now.may_decline:
            return "must_take"
        return ""
    if action in ("answer", "decline"):
        return "not_ringing"
    if now.state == "consulting":
        return "on_hold" if action == "retrieve" else "consulting"
    if action in ("complete", "cancel", "conference"):
        return "not_consulting"
    if action == "fetch_back":
        return "not_in_menu"
    if action == "drop_party":
        return "no_conference"
    if now.state == "conference":
        return "conference"
    if action == "retrieve":
        return "not_on_hold"
    if action == "hold" and now.state == "on_hold":
        return "on_hold"
    if action == "hang_up":
        return "not_connected"
    return "on_hold" if now.state == "on_hold" else "not_talking"


def accept_reason(now: Situation) -> str:
    """Why a second call can't be taken now, as a key of ``REASONS``; empty: the first one can be put on hold."""
    if now.is_consulted:
        return "consulted"
    if now.is_in_menu:
        return "in_menu"
    if now.state in ("talking", "on_hold"):
        return ""
    others = {"offered": "rings_first", "ringing": "rings_first", "agent_lost": "reconnecting"}
    return others.get(now.state, now.state if now.state in REASONS else "")


def can(now: Situation, language: str) -> dict[str, str]:
    """Each action: empty where it can be done, else the reason in the page's language."""
    return {action: say(reason_id(action, now), language) for action in ACTIONS}


def say(reason: str, language: str) -> str:
    """A reason in words; empty for none."""
    words = REASONS.get(reason, {})
    return words.get(language, words.get("en", ""))


def error_id(reason: str) -> str:
    """The stable word of the refusal."""
    return _IDS.get(reason, "wrong_state")
