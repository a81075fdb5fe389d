"""Text that came from a caller, made fit to be shown: plain, short, and without tricks.

A caller's name is whatever his equipment sent: markup, formulas, paths, a thousand characters, or
characters that turn the reading direction round so that a line reads as something else. It stays
*data* everywhere; this module only takes away what could disturb the line it is shown in.
"""

from __future__ import annotations

import re
import unicodedata

MAX_NAME_LENGTH = 64

_SPACES = re.compile(r"\s+")
_LONG_DIGITS = re.compile(r"\+?[0-9](?:[ ().-]?[0-9]){5,}")

# Cc controls, Cf format characters (bidi, zero width, tags), Cs lone surrogates, Co private use,
# Zl/Zp line and paragraph separators. A joiner inside an Indic name or an emoji is lost: a price
# that is paid so that two names that look alike are alike.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_name(text: str, max_length: int = MAX_NAME_LENGTH) -> str:
    """Make one printable line of at most ``max_length`` characters; what was cut ends in ``…``.

    Control, bidirectional and invisible characters become a space or nothing; more than
    two accents on one letter are dropped (stacked accents run over the neighbouring lines).
    """
    # Four times the length is plenty to fill the line, and bounds the work on hostile input.
    shown: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text[: max_length * 4]):
        category = unicodedata.category(char)
        if char in "\r\n\t" or category in {"Zl", "Zp"}:
            shown.append(" ")
        elif category in _DROPPED:
            continue
        elif category in {"Mn", "Me"}:
            marks += 1
            if marks <= 2:
                shown.append(char)
            continue
        else:
            shown.append(char)
        marks = 0
    line = _SPACES.sub(" ", "".join(shown)).strip()
    return line if len(line) <= max_length else line[: max_length - 1].rstrip() + "…"


def hide_digits(text: str) -> str:
    """Cover runs of six or more digits: many lines send their number as the caller's name."""
    return _LONG_DIGITS.sub("****", text)
