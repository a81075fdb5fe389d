"""What the system itself says to callers, in whole sentences: retries, goodbye, the place in the line.

Whole sentences, since Chinese and English order a number and its words differently, and pieces put
together sound like pieces. Each can be replaced by a recorded file of its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cti.company_base import Language
from ivr import voicemail
from ivr.adapters.callback_sentences import CALLBACK_TEXTS
from ivr.model import GIVE_UP, RETRY_KEY, RETRY_SILENCE
from ivr.waiting import MAX_POSITION, POSITION_MANY, wait_prompt
from ivr.waiting import position_prompt as _name

_NUMBERS: tuple[tuple[str, str], ...] = (
    ("one", "一"),
    ("two", "二"),
    ("three", "三"),
    ("four", "四"),
    ("five", "五"),
    ("six", "六"),
    ("seven", "七"),
    ("eight", "八"),
    ("nine", "九"),
    ("ten", "十"),
    ("eleven", "十一"),
    ("twelve", "十二"),
    ("thirteen", "十三"),
    ("fourteen", "十四"),
    ("fifteen", "十五"),
    ("sixteen", "十六"),
    ("seventeen", "十七"),
    ("eighteen", "十八"),
    ("nineteen", "十九"),
    ("twenty", "二十"),
)

SYSTEM_TEXTS: dict[str, dict[Language, str]] = {
    RETRY_SILENCE: {
        "en": "Sorry, I did not hear a key.",
        "zh": "对不起，没有听到您的按键。",
    },
    RETRY_KEY: {
        "en": "Sorry, that key is not on the menu.",
        "zh": "对不起，您的按键有误。",
    },
    GIVE_UP: {
        "en": "Sorry, we could not help you here. Please call again. Goodbye.",
        "zh": "对不起，暂时无法为您服务，请稍后再拨。再见。",
    },
    # A tone, not a text, unless a recorded file takes its place.
    voicemail.BEEP: {"en": "beep", "zh": "滴"},
    voicemail.MENU: {
        "en": "To keep your message, press one or hang up. To record it again, press two.",
        "zh": "保留留言请按一或直接挂机，重新录制请按二。",
    },
    voicemail.KEPT: {
        "en": "Thank you. Your message has been recorded. Goodbye.",
        "zh": "谢谢，您的留言已经录下。再见。",
    },
    voicemail.EMPTY: {
        "en": "Nothing was recorded. Goodbye.",
        "zh": "没有录到留言。再见。",
    },
}

SYSTEM_TEXTS |= CALLBACK_TEXTS


def position_texts() -> dict[str, dict[Language, str]]:
    """The sentences of a caller's place, by prompt name."""
    texts: dict[str, dict[Language, str]] = {}
    for position, (english, chinese) in enumerate(_NUMBERS[:MAX_POSITION], start=1):
        texts[_name(position)] = {
            "en": f"You are number {english} in the line. Please hold.",
            "zh": f"您排在第{chinese}位，请稍候。",
        }
    texts[_name(1)] = {
        "en": "You are number one in the line. The next free agent will take your call.",
        "zh": "您排在第一位，下一位空闲的座席将接听您的来电。",
    }
    texts[POSITION_MANY] = {
        "en": "There are more than twenty callers in the line. Please hold.",
        "zh": "您排在二十位以后，请稍候。",
    }
    return texts


_DIGITS = "零一二三四五六七八九"


def chinese(number: int) -> str:
    """A number from 1 to 199 as it is said before a measure word."""
    if number == 2:
        return "两"
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    text = f"{_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        text += "十" if tens == 1 and not hundreds else f"{_DIGITS[tens]}十"
    elif hundreds and ones:
        text += "零"
    return text + (_DIGITS[ones] if ones else "")


def wait_texts(minutes: Iterable[int], longest: Iterable[int]) -> dict[str, dict[Language, str]]:
    """The sentences of a caller's wait, by prompt name; ``longest``: beyond which it is "more than"."""
    texts: dict[str, dict[Language, str]] = {}
    for number, is_more in [*((n, False) for n in minutes), *((n, True) for n in longest)]:
        about, zh = ("more than", "超过") if is_more else ("about", "大约需要")
        unit = "minute" if number == 1 else "minutes"
        texts[wait_prompt(number, is_more=is_more)] = {
            "en": f"Your waiting time is {about} {number} {unit}.",
            "zh": f"您的等待时间{zh}{chinese(number)}分钟。",
        }
    return texts


def staff_number_text(number: str) -> dict[Language, str]:
    """Who serves the caller; digit by digit, as staff numbers are read."""
    spelled = " ".join(number.replace("-", ""))
    return {"en": f"Agent {spelled} is here for you.", "zh": f"工号 {spelled} 为您服务。"}


def key_text(label: Mapping[Language, str]) -> dict[Language, str]:
    """What whoever answers an agent's phone outside is asked; ``label``: the queue's name, if it is known."""
    english = label.get("en") or label.get("zh", "")
    chinese_name = label.get("zh") or english
    whose = f" for {english}" if english else ""
    return {
        "en": f"A call{whose}. To take it, press one. To decline it, press two.",
        "zh": f"{chinese_name}来电，接听请按一，拒接请按二。",
    }
