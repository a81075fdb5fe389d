"""What is said to callers who want to be called back; numbers are spoken digit by digit."""

from __future__ import annotations

from cti.company_base import Language
from ivr import callback

_DIGITS = (
    ("zero", "零"),
    ("one", "一"),
    ("two", "二"),
    ("three", "三"),
    ("four", "四"),
    ("five", "五"),
    ("six", "六"),
    ("seven", "七"),
    ("eight", "八"),
    ("nine", "九"),
)

CALLBACK_TEXTS: dict[str, dict[Language, str]] = {
    callback.FROM: {
        "en": "We can call you back at this number:",
        "zh": "我们可以回拨这个号码：",
    },
    callback.KEYS: {
        "en": "Press 1 to be called back at this number, 2 for another number, or star to go on waiting.",
        "zh": "用这个号码请按1，用其他号码请按2，继续等候请按星号键。",
    },
    callback.ENTER: {
        "en": "Enter the number at which we shall call you back, then press hash. Star leads back to the line.",
        "zh": "请输入回电号码，按井号键结束。继续等候请按星号键。",
    },
    callback.ENTERED: {"en": "You entered:", "zh": "您输入的号码是："},
    callback.CONFIRM: {
        "en": "Press 1 if this is right, 2 to enter it again, or star to go on waiting.",
        "zh": "正确请按1，重新输入请按2，继续等候请按星号键。",
    },
    callback.DONE: {
        "en": "Thank you. You keep your place in the line, and we call you back when it is your turn. Goodbye.",
        "zh": "谢谢。您的排位已为您保留，轮到您时我们会给您回电。再见。",
    },
    callback.REFUSED: {
        "en": "Sorry, we can not call this number. Please wait in the line.",
        "zh": "对不起，我们无法拨打这个号码。请您继续等候。",
    },
    callback.FAILED: {
        "en": "Sorry, a callback is not possible at the moment. Please wait in the line.",
        "zh": "对不起，暂时无法登记回电。请您继续等候。",
    },
    callback.STANDS: {
        "en": "There is a callback for your number already. Its place in the line is:",
        "zh": "您的号码已经登记了回电，目前的排位是：",
    },
    callback.CANCEL: {
        "en": "Press 1 to keep it and hang up, 9 to cancel it, or stay on the line to wait.",
        "zh": "保留回电并挂机请按1，取消回电请按9，继续等候请不要挂机。",
    },
    callback.CANCELLED: {
        "en": "Your callback is cancelled. Please wait in the line.",
        "zh": "您的回电已取消。请您继续等候。",
    },
    callback.KEPT: {"en": "We will call you back. Goodbye.", "zh": "我们会给您回电。再见。"},
    **{
        callback.digit_prompts(str(value))[0]: {"en": english, "zh": chinese}
        for value, (english, chinese) in enumerate(_DIGITS)
    },
}
