"""The secrets' file: made once, never changed, never shown."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from asterisk_conf.secrets import endpoint_names, load_or_make_secrets
from cti.company import Company, parse_company
from cti.domain.errors import ConfigError

pytestmark = pytest.mark.unit


def _company(*extensions: str) -> Company:
    people = ",".join(
        f"{{login: p{e}, name: P, staff_number: '{e}', extension: '{e}'}}" for e in extensions
    )
    return parse_company(
        f"{{people: [{people}], queues: [{{name: q, label: {{}}}}], numbers: [], default_flow: f,"
        "flows: [{name: f, start: w, nodes: [{name: w, kind: hangup}]}]}"
    )


def test_each_phone_and_the_service_get_a_long_secret_of_their_own(tmp_path: Path) -> None:
    company = _company("1001", "1002")
    made = load_or_make_secrets(tmp_path / "new/secrets.json", company)
    assert endpoint_names(company) == ("1001", "1001w", "1002", "1002w")
    values = [made.ami, *(made.endpoint(name) for name in endpoint_names(company))]
    assert len(set(values)) == 5
    for value in values:
        assert len(value) >= 32
        assert value.replace("-", "").replace("_", "").isalnum()


def test_the_file_is_its_owners_and_of_the_agreed_form(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    made = load_or_make_secrets(path, _company("1001"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {
        "ami:ringdesk": made.ami,
        "endpoint:1001": made.endpoint("1001"),
        "endpoint:1001w": made.endpoint("1001w"),
        "token:command": made.command_token,
        "token:metrics": made.metrics_token,
    }
    assert len(made.command_token) == len(made.metrics_token) == 32
    assert made.command_token != made.metrics_token
    assert [p.name for p in tmp_path.iterdir()] == ["secrets.json"]


def test_existing_secrets_stay_and_new_phones_are_added(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = load_or_make_secrets(path, _company("1001"))
    written = path.stat().st_mtime_ns
    assert load_or_make_secrets(path, _company("1001")).ami == first.ami
    assert path.stat().st_mtime_ns == written
    second = load_or_make_secrets(path, _company("1002"))
    assert second.endpoint("1001") == first.endpoint("1001")
    assert second.endpoint("1002w")


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    made = load_or_make_secrets(tmp_path / "secrets.json", _company("1001"))
    assert made.ami not in repr(made)
    assert made.ami not in f"{made}"


@pytest.mark.parametrize("text", ["{", "[]", '{"ami:ringdesk": 5}', '"hush"'])
def test_a_damaged_file_is_named_but_not_quoted_and_not_overwritten(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_or_make_secrets(path, _company("1001"))
    assert str(path) in str(caught.value)
    assert "hush" not in str(caught.value)
    assert path.read_text() == text


def test_a_stranger_has_no_secret(tmp_path: Path) -> None:
    made = load_or_make_secrets(tmp_path / "secrets.json", _company("1001"))
    with pytest.raises(ConfigError, match="9999"):
        made.endpoint("9999")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"secrets\.json"):
        load_or_make_secrets(tmp_path / "file/secrets.json", _company("1001"))
