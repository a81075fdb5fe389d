"""Numbers in text files: found and covered in place, while somebody else writes on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cti.storage.traces import files_below, lines_with, redact_file

pytestmark = pytest.mark.unit

NUMBER = re.compile("138[ -]?0013")


def test_only_the_number_changes_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "messages.log"
    before = b"one 138-0013\r\n\xff\x00 nothing\n" + "王 1380013 1380013".encode() + b" no line end"
    file.write_bytes(before)
    with file.open("ab") as writer:  # Asterisk has it open
        inode = file.stat().st_ino
        assert redact_file(file, NUMBER) == 3
        writer.write(b", and on")
    after = before.replace(b"138-0013", b"xxx-xxxx").replace(b"1380013", b"xxxxxxx")
    assert file.read_bytes() == after + b", and on"
    assert file.stat().st_ino == inode
    assert redact_file(file, NUMBER) == 0


def test_lines_are_shown_and_an_unchanged_file_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('"x","138 0013"\n"y"\n', encoding="utf-8")
    assert lines_with(file, NUMBER) == ['"x","138 0013"']
    other = tmp_path / "b.csv"
    other.write_text("nothing\n", encoding="utf-8")
    changed_at = other.stat().st_mtime_ns
    assert redact_file(other, NUMBER) == 0
    assert other.stat().st_mtime_ns == changed_at


def test_files_are_found_below_and_links_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "log" / "deep").mkdir(parents=True)
    (tmp_path / "log" / "a.log.1").touch()
    (tmp_path / "log" / "deep" / "b.csv").touch()
    (tmp_path / "elsewhere").touch()
    (tmp_path / "log" / "link").symlink_to(tmp_path / "elsewhere")
    folders = [tmp_path / "log", tmp_path / "not there"]
    assert [f.name for f in files_below(folders)] == ["a.log.1", "b.csv"]
