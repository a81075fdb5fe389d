"""Customers found by name and company, in any script. Pure.

Chinese has no spaces between words, and the databases' own text indices miss words of two characters. So we index ourselves,
the same on every database: each two neighbouring characters of a text (a bigram), and each single one that is a
whole word in its script. A text that contains what was asked for has all its bigrams; whether it really does is looked at
afterwards.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from tickets.model import Customer

MAX_FOUND = 20
MAX_QUERY = 100
_MAX_TERMS, _MAX_GRAMS = 5, 12
_TAIL = 4  # digits: what people say of a number, and what everybody sees of it


def folded(text: str) -> str:
    """As texts are compared: width, case and kind of space don't count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def text_of(customer: Customer) -> str:
    """What a customer is found by."""
    return folded(f"{customer.name} {customer.company}")


def grams_of(text: str) -> frozenset[str]:
    """What a folded text is indexed by."""
    found = set[str]()
    for word in text.split():
        found.update(word[i : i + 2] for i in range(len(word) - 1))
        found.update(char for char in word if not char.isascii())
    return frozenset(found)


def terms_of(query: str) -> tuple[str, ...]:
    """The words that were asked for, all of which must be there; none where the question is too short."""
    terms = tuple(dict.fromkeys(folded(query[:MAX_QUERY]).split()))[:_MAX_TERMS]
    return terms if asked_grams(terms) else ()


def asked_grams(terms: Sequence[str]) -> list[str]:
    """The bigrams by which the terms are looked up; a single letter of an alphabet finds nothing by itself."""
    found: list[str] = []
    for term in terms:
        found += [term[i : i + 2] for i in range(len(term) - 1)]
        found += [term] if len(term) == 1 and not term.isascii() else []
    return list(dict.fromkeys(found))[:_MAX_GRAMS]


def matches(customer: Customer, terms: Sequence[str]) -> bool:
    """Whether all terms stand in a customer's name or company."""
    text = text_of(customer)
    return bool(terms) and all(term in text for term in terms)


def tail_of(query: str) -> str:
    """The last digits of a number, where that is what was asked for; else empty."""
    digits = query.strip()
    return digits if re.fullmatch(f"[0-9]{{{_TAIL}}}", digits) else ""


def best_first(customers: Sequence[Customer], terms: Sequence[str]) -> list[Customer]:
    """Whose name begins with what was asked for comes first; then the newest."""

    def rank(customer: Customer) -> tuple[bool, int]:
        begins = bool(terms) and folded(customer.name).startswith(terms[0])
        return not begins, -customer.customer_id

    return sorted(customers, key=rank)
