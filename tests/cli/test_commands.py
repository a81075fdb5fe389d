"""The commands as a person meets them: one line for what he can mend, exit statuses, the shape of JSON.

Nothing is started here; each test has a folder of its own as the installation's home.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cti.cli.deployment import sample_company
from cti.cli.service import demo_settings
from tests.cli.told import Ring, refusal

pytestmark = pytest.mark.unit

PHONES = ["1001", "1002", "1003", "1004", "1010", "1020"]  # of the sample company


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            ["up"],
            "company.yaml does not exist: describe your company there, or try `ringdesk demo`",
        ),
        (["phones"], "company.yaml does not exist"),
        (["selftest"], "not running: start it with `ringdesk up` or `ringdesk demo`"),
        (["selftest", "--json"], "not running"),
        (["simulate", "--callers", "3"], "not running"),
        (["journal"], "there is no journal in "),
        (["pbx", "status"], "the private Asterisk is not installed: run `ringdesk pbx install`"),
        (["pbx", "stop"], "the private Asterisk is not installed"),
        (["up", "--settings", "none.toml"], "settings file none.toml: No such file or directory"),
    ],
)
def test_what_cannot_be_done_yet_is_told_in_one_line(
    ringdesk: Ring, command: list[str], words: str
) -> None:
    assert words in refusal(ringdesk(*command))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sip_prot = 5", "setting sip_prot: there is no such setting"),
        ("[pbx]\nsip_port = 99999", "setting pbx.sip_port: Input should be less than"),
        ("pbx = {", "settings file ringdesk.toml: "),
    ],
)
def test_a_wrong_settings_file_names_the_key(ringdesk: Ring, text: str, words: str) -> None:
    Path("ringdesk.toml").write_text(text, encoding="utf-8")
    for command in (["up"], ["demo"], ["doctor"], ["down"]):
        assert words in refusal(ringdesk(*command))


def test_a_wrong_variable_names_the_key(ringdesk: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGDESK_WEB__PORT", "eighty")
    assert refusal(ringdesk("up")).startswith("setting web.port: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it describes no company"),
        ("name: [X\n  a: b: c", "line 2: "),
        ("queues: [{name: sales}]", "queues.0.label: Field required"),
        ("surname: X", "there is no such key"),
        ("\xff", "it is not UTF-8 text"),
    ],
)
def test_a_wrong_company_file_names_the_place(
    ringdesk: Ring, home: Path, text: str, words: str
) -> None:
    home.mkdir()
    (home / "company.yaml").write_text(text, encoding="latin-1")
    line = refusal(ringdesk("phones"))
    assert "company.yaml: " in line
    assert words in line or "Field required" in line


def test_a_home_that_cannot_be_made(ringdesk: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").touch()
    monkeypatch.setenv("RINGDESK_HOME", str(Path("file").absolute() / "home"))
    for command in (["up"], ["demo"], ["demo", "--detach"]):
        assert refusal(ringdesk(*command)).endswith("Not a directory; set RINGDESK_HOME")


def test_a_port_in_use_is_named_before_anything_starts(
    ringdesk: Ring, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("RINGDESK_WEB__PORT", str(port))
        for command in (["demo"], ["demo", "--detach"]):
            line = refusal(ringdesk(*command))
            assert line.startswith(f"TCP port {port} on 127.0.0.1 (web pages) is in use by ")
            assert line.endswith("set web.port to another port")
    assert list((home / "demo").iterdir()) == []


def test_a_second_demo_is_refused(ringdesk: Ring, home: Path) -> None:
    (home / "demo").mkdir(parents=True)
    # A process that is called like the service, and does nothing.
    argument = ["-c", "import time; print(flush=True); time.sleep(60)", "cti"]
    with subprocess.Popen([sys.executable, *argument], stdout=subprocess.PIPE) as service:
        try:
            assert service.stdout is not None
            service.stdout.readline()
            (home / "demo" / "service.pid").write_text(str(service.pid), encoding="ascii")
            for command in (["demo"], ["demo", "--detach"]):
                line = refusal(ringdesk(*command))
                assert f"(process {service.pid})" in line
                assert line.endswith("`ringdesk down` stops it")
        finally:
            service.kill()
    assert [path.name for path in (home / "demo").iterdir()] == ["service.pid"]


def test_nothing_runs_nothing_is_stopped(ringdesk: Ring) -> None:
    result = ringdesk("down")
    assert (result.exit_code, result.stdout) == (0, "nothing was running\n")


def test_the_doctor_says_what_to_do(ringdesk: Ring) -> None:
    result = ringdesk("doctor", "--json")
    assert result.exit_code == 1
    findings = {row["name"]: (row["ok"], row["remedy"]) for row in json.loads(result.stdout)}
    assert findings["state folder"] == (True, "")
    for name in ("company file", "Asterisk installed", "Asterisk runs", "service runs"):
        is_well, remedy = findings[name]
        assert not is_well
        assert "`ringdesk " in remedy
    lines = ringdesk("doctor").stdout.splitlines()
    assert [line[5:].split(":")[0] for line in lines] == list(findings)


def test_phones_of_people_not_of_simulators(ringdesk: Ring, home: Path) -> None:
    home.mkdir()
    (home / "company.yaml").write_text(sample_company(), encoding="utf-8")
    answer = json.loads(ringdesk("phones", "--json").stdout)
    assert answer["server"] == "127.0.0.1:5060"
    assert [row["user"] for row in answer["phones"]] == PHONES
    assert all(len(row["secret"]) >= 20 for row in answer["phones"])
    assert (home / "secrets.json").stat().st_mode & 0o077 == 0
    again = json.loads(ringdesk("phones", "--json").stdout)
    assert again == answer
    lines = ringdesk("phones").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [row["user"] for row in answer["phones"]]


def test_the_demo_lives_in_a_folder_of_its_own(home: Path) -> None:
    assert demo_settings(None).home == home / "demo"


def test_usage_errors_have_their_own_status(ringdesk: Ring) -> None:
    assert ringdesk("nosuch").exit_code == 2
    assert ringdesk("simulate", "--callers", "0").exit_code == 2
    version = ringdesk("--version")
    assert version.exit_code == 0
    assert version.stdout.startswith("ringdesk ")
