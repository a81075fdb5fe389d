"""Rows whole, byte by byte, hostile and cut short."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.witness.rows import MAX_ROW, RowReader

pytestmark = pytest.mark.unit


def read(data: bytes, piece: int = 0) -> tuple[list[list[str]], int]:
    reader, rows = RowReader(), []
    for start in range(0, len(data), piece or max(1, len(data))):
        rows += reader.feed(data[start : start + (piece or len(data))])
    reader.close()
    return rows, reader.unreadable


@pytest.mark.parametrize(
    ("data", "rows", "unreadable"),
    [
        (b'"a","b"\n"c","d"\r\n', [["a", "b"], ["c", "d"]], 0),
        (b'"a, b","say ""hi""\nthere"\n', [["a, b", 'say "hi"\nthere']], 0),
        (b'"",""\n\na,b\n', [["", ""], ["a", "b"]], 0),
        (b'"a"",""b"\n"a""","b"\n', [['a","b'], ['a"', "b"]], 0),
        (b'"\xe8\x94\xa1","\xff"\n', [["蔡", "�"]], 0),
        # Asterisk died while it wrote: the next one's row begins in the middle of this one's.
        (b'"HANGUP","17953"CHAN_START","18"\n"X","3"\n', [["CHAN_START", "18"], ["X", "3"]], 1),
        (b'"HANGUP","17953\n"CHAN_START","18"\n"X","3"\n', [["CHAN_START", "18"], ["X", "3"]], 1),
        (b'"a","b', [], 1),
        (b'rub"bish\n"X","3"\n', [["X", "3"]], 1),
    ],
)
def test_rows_whole_and_byte_by_byte(data: bytes, rows: list[list[str]], unreadable: int) -> None:
    assert read(data) == (rows, unreadable)
    assert read(data, 1) == (rows, unreadable)
    assert read(data, 3) == (rows, unreadable)


def test_a_row_without_end_is_skipped_and_not_kept() -> None:
    reader = RowReader()
    for _ in range(4):
        assert reader.feed(b'"' + b"x" * (MAX_ROW // 2)) == []
    assert reader.feed(b'rest of it\n"X","3"\n') == [["X", "3"]]
    assert reader.unreadable >= 1


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=4)),
    st.integers(1, 7),
)
def test_what_is_quoted_comes_back_whatever_it_holds(rows: list[list[str]], piece: int) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert read(out.getvalue().encode(), piece) == (rows, 0)


@settings(max_examples=30)
@given(st.binary(max_size=200), st.integers(1, 9))
def test_rubbish_is_survived_and_read_the_same_in_any_pieces(data: bytes, piece: int) -> None:
    assert read(data) == read(data, piece)
