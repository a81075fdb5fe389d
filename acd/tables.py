"""Immutable tables and ordered lines that share what didn't change with the version they were made from.

A step of the core leaves the old state as it was. Copying a dictionary of 10,000 callers for that costs more than the
decision, so ``Table`` keeps a large base that many versions share and the few changes since, and makes a new base only
when the changes have become many (about the square root of all). A small table is copied as it is. ``Ordered`` is a sorted
sequence in pieces, of which a new version copies one. ``Draft`` is the working copy of a table within one step.

A table is walked through in the order in which its keys came, so that the same events give the same decisions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from math import isqrt
from typing import Any, Generic, TypeVar, cast

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T", bound=Any)

_GONE: Any = object()
_NONE: Any = object()
_SMALL = 512
"""Up to so many items copying all costs less than looking in two places."""
_PIECE = 64
"""Items of a piece of a line, at most twice as many."""


def _limit(length: int) -> int:
    return isqrt(length) if length > _SMALL else 0


class Table(Mapping[K, V]):
    """A mapping that is never changed."""

    __slots__ = ("_base", "_changes", "_length", "_limit")

    def __init__(self, items: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        self._base: dict[K, V] = dict(items)
        self._changes: dict[K, V] = {}
        self._length = len(self._base)
        self._limit = _limit(self._length)

    def __getitem__(self, key: K) -> V:
        found = self._changes.get(key, _NONE)
        if found is _NONE:
            return self._base[key]
        if found is _GONE:
            raise KeyError(key)
        return cast(V, found)

    def get(self, key: Any, default: Any = None) -> Any:
        """As of any mapping; written out because it is called most."""
        found = self._changes.get(key, _NONE)
        if found is _NONE:
            return self._base.get(key, default)
        return default if found is _GONE else found

    def __contains__(self, key: object) -> bool:
        return self.get(key, _NONE) is not _NONE

    def __iter__(self) -> Iterator[K]:
        changes = self._changes
        for key in self._base:
            if changes.get(key, _NONE) is not _GONE:
                yield key
        for key, value in changes.items():
            if value is not _GONE and key not in self._base:
                yield key

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"Table({dict(self)!r})"

    def some(self, keys: Iterable[K]) -> list[V]:
        """What stands here under these keys, as far as anything does; in one go, since the matcher asks for many."""
        return _some(self._base, self._changes, keys)

    def _version(self, changes: dict[K, V], length: int) -> Table[K, V]:
        """Another version, ``length`` keys long, that differs so from the base; a value of ``_GONE`` takes a key out."""
        table: Table[K, V] = Table.__new__(Table)
        if len(changes) <= self._limit:
            table._base, table._changes, table._limit = self._base, changes, self._limit
        else:
            base = table._base = self._base.copy()  # much faster than going through its items
            for key, value in changes.items():
                if value is _GONE:
                    base.pop(key, None)
                else:
                    base[key] = value
            table._changes, table._limit = {}, _limit(length)
        table._length = length
        return table


class Draft(MutableMapping[K, V]):
    """A table's working copy; ``done`` makes the next version of it."""

    __slots__ = ("_base", "_changes", "_length", "_table")

    def __init__(self, table: Table[K, V]) -> None:
        self._table = table
        self._base = table._base
        self._changes = table._changes.copy()
        self._length = table._length

    def __getitem__(self, key: K) -> V:
        found = self.get(key, _NONE)
        if found is _NONE:
            raise KeyError(key)
        return cast(V, found)

    def get(self, key: Any, default: Any = None) -> Any:
        """As of any mapping."""
        found = self._changes.get(key, _NONE)
        if found is _NONE:
            return self._base.get(key, default)
        return default if found is _GONE else found

    def __contains__(self, key: object) -> bool:
        return self.get(key, _NONE) is not _NONE

    def __setitem__(self, key: K, value: V) -> None:
        if self.get(key, _NONE) is _NONE:
            self._length += 1
        self._changes[key] = value

    def __delitem__(self, key: K) -> None:
        if self.get(key, _NONE) is _NONE:
            raise KeyError(key)
        self._length -= 1
        if key in self._base:
            self._changes[key] = _GONE
        else:
            del self._changes[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._table._version(self._changes.copy(), self._length))

    def __len__(self) -> int:
        return self._length

    def some(self, keys: Iterable[K]) -> list[V]:
        """As of the table."""
        return _some(self._base, self._changes, keys)

    def done(self) -> Table[K, V]:
        """The table with the changes; nothing is written to the draft afterwards."""
        return self._table._version(self._changes, self._length)


def _some(base: dict[K, V], changes: dict[K, V], keys: Iterable[K]) -> list[V]:
    if not changes:
        return [value for value in map(base.get, keys) if value is not None]
    change, unchanged = changes.get, base.get
    values = [unchanged(key) if (value := change(key)) is None else value for key in keys]
    return [value for value in values if value is not None and value is not _GONE]


class Ordered(Generic[T]):
    """A sorted sequence without equals that is never changed.

    ``first`` is its least item; an empty one has none.
    """

    __slots__ = ("_firsts", "_length", "_pieces", "first")

    first: T

    def __init__(self, items: Iterable[T] = ()) -> None:
        ordered = sorted(items)
        pieces = [tuple(ordered[i : i + _PIECE]) for i in range(0, len(ordered), _PIECE)]
        self._pieces: tuple[tuple[T, ...], ...] = tuple(pieces)
        self._firsts: tuple[T, ...] = tuple(piece[0] for piece in pieces)
        self._length = len(ordered)
        if ordered:
            self.first = ordered[0]

    def __len__(self) -> int:
        return self._length

    def __bool__(self) -> bool:
        return self._length > 0

    def __iter__(self) -> Iterator[T]:
        for piece in self._pieces:
            yield from piece

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ordered) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(self._pieces)

    def __repr__(self) -> str:
        return f"Ordered({list(self)!r})"

    def position(self, item: T) -> int:
        """How many items are not greater: the place of one that is in the line, from 1."""
        at = self._piece_of(item)
        if at < 0:
            return 0
        return sum(map(len, self._pieces[:at])) + bisect_right(self._pieces[at], item)

    def added(self, item: T) -> Ordered[T]:
        """The line with one more."""
        if not self._pieces:
            return Ordered((item,))
        at = max(self._piece_of(item), 0)
        piece = self._pieces[at]
        index = bisect_left(piece, item)
        grown = (*piece[:index], item, *piece[index:])
        if len(grown) <= 2 * _PIECE:
            return self._with(at, (grown,), self._length + 1)
        return self._with(at, (grown[:_PIECE], grown[_PIECE:]), self._length + 1)

    def removed(self, item: T) -> Ordered[T]:
        """The line without this one, which must be in it."""
        at = self._piece_of(item)
        piece = self._pieces[at]
        index = bisect_left(piece, item)
        left = piece[:index] + piece[index + 1 :]
        return self._with(at, (left,) if left else (), self._length - 1)

    def _piece_of(self, item: T) -> int:
        return bisect_right(self._firsts, item) - 1

    def _with(self, at: int, pieces: tuple[tuple[T, ...], ...], length: int) -> Ordered[T]:
        line: Ordered[T] = Ordered.__new__(Ordered)
        line._pieces = (*self._pieces[:at], *pieces, *self._pieces[at + 1 :])
        firsts = tuple(piece[0] for piece in pieces)
        line._firsts = (*self._firsts[:at], *firsts, *self._firsts[at + 1 :])
        line._length = length
        if line._firsts:
            line.first = line._firsts[0]
        return line
