"""Words in texts, found the same way everywhere: by pairs of characters that we index ourselves. Pure.

A text is folded (NFKC, case) and cut into runs of letters and digits; a run is indexed by its pairs of neighbouring
characters, so that any part of a word is found, and two Chinese characters are as good as two Latin ones. The last
character of a run stands alone, too: a question of a single character finds it by a prefix. The index proposes,
``matches`` decides.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

LONGEST_QUESTION = 200
_MOST_WORDS = 8


def folded(text: str) -> str:
    """The text as it is compared: compatibility forms, without case."""
    return unicodedata.normalize("NFKC", text).casefold()


def _runs(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in folded(text)).split()


def grams(texts: Iterable[str]) -> frozenset[str]:
    """What texts are indexed by: pairs, and the last character of each run."""
    return frozenset(
        run[i : i + 2] for text in texts for run in _runs(text) for i in range(len(run))
    )


def words_of(question: str) -> tuple[str, ...]:
    """The words of a question, each once; what isn't a letter or a digit parts them."""
    return tuple(dict.fromkeys(_runs(question[:LONGEST_QUESTION])))[:_MOST_WORDS]


def pairs(word: str) -> tuple[str, ...]:
    """The index's entries that a text with this word has; a single character has none: it is a prefix of one."""
    return tuple(dict.fromkeys(word[i : i + 2] for i in range(len(word) - 1)))


def matches(word: str, texts: Iterable[str]) -> bool:
    """Whether a word of a question stands in any of the texts, within one run of letters and digits."""
    return any(word in run for text in texts for run in _runs(text))
