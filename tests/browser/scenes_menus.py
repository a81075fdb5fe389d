"""Scripted states of menus during a call: the caller is in one, or back with a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Ago = Callable[[float], str]

MENUS: list[Json] = [
    {"name": "verify_pin", "label": {"en": "Verify PIN", "zh": "验证密码"}, "comes_back": True},
    {"name": "survey", "label": {"en": "Survey", "zh": "满意度调查"}, "comes_back": False},
]
IN_MENU = "The caller is in a menu: fetch him back first."


def menu(since: str, **fields: Any) -> Json:
    """Where the caller was sent; in it, unless told otherwise."""
    return {
        "name": "verify_pin",
        "since": since,
        "waiting": True,
        "result": "",
        "tries": 0,
        "answers": [],
        **fields,
    }


def back(since: str, result: str, tries: int = 0, **fields: Any) -> Json:
    """He is back, with a result."""
    return menu(since, waiting=False, result=result, tries=tries, **fields)


def in_menu(call: Json, since: str) -> Json:
    """The call of an agent who waits for his caller."""
    can = {**dict.fromkeys(call["can"], IN_MENU), "hang_up": "", "fetch_back": ""}
    return {**call, "menu": menu(since), "can": can}


def scenes(talking: Json, held: Json, ended: Json, ago: Ago) -> dict[str, Json]:
    """By name; ``talking`` and ``ended`` are whole states, ``held`` is a call on hold."""
    answers = [{"label": "Service", "digits": "5"}, {"label": "Solved", "digits": "1"}]
    survey = back(ago(40), "answered", name="survey", answers=answers)
    return {
        "in_menu": {**talking, "call": in_menu(held, ago(12))},
        "menu_verified": {
            **talking,
            "call": {**talking["call"], "menu": back(ago(60), "verified", 1)},
        },
        "menu_failed": {
            **talking,
            "call": {**talking["call"], "menu": back(ago(60), "failed", 3)},
        },
        "menu_survey": {**ended, "call": {**ended["call"], "menu": survey}},
    }
