"""Rendering: the same text twice, one gate for values, nothing written into the installation."""

from __future__ import annotations

import dataclasses
import re
import stat
import wave
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_conf.installer import AsteriskInstall
from asterisk_conf.modules import REQUIRED, allow_list
from asterisk_conf.render import checked, has_named_filters, reload_commands, render
from asterisk_conf.secrets import Secrets, endpoint_names
from cti.company import Company, parse_company
from cti.company_agents import OutsidePhone
from cti.config import PbxSettings, Settings
from cti.domain.errors import ConfigError

pytestmark = pytest.mark.unit

COMPANY = """
people:
  - {login: ann, name: "A;n\\n\\"n", staff_number: "1", extension: "1001", language: zh}
queues:
  - {name: sales, label: {en: Sales}, ring_time: 12, wrap_up_time: 7}
  - {name: help, label: {en: Help}, wrap_up_time: until_done}
flows: [{name: main, start: w, nodes: [{name: w, kind: queue, queue: sales}]}]
numbers: []
default_flow: main
"""


@pytest.fixture
def company() -> Company:
    return parse_company(COMPANY)


@pytest.fixture
def install(tmp_path: Path) -> AsteriskInstall:
    """An installation that looks like the private one, with two sounds and some music."""
    data, modules = tmp_path / "root/share", tmp_path / "root/modules"
    modules.mkdir(parents=True)
    for name in [name for names in REQUIRED.values() for name in names] + ["app_chanspy"]:
        (modules / f"{name}.so").touch()
    for path in ("sounds/en/beep.wav", "sounds/en/digits/1.wav", "moh/a.wav", "documentation/x"):
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).touch()
    return AsteriskInstall(
        origin="private", version="22.10.1", root=tmp_path / "root", argv=("asterisk",),
        module_dir=modules, data_dir=data, sounds_dir=data / "sounds", moh_dir=data / "moh",
    )  # fmt: skip


def _settings(home: Path, **pbx: Any) -> Settings:
    return Settings(home=home, cache=home / "cache", pbx=PbxSettings(**pbx))


def _secrets(company: Company) -> Secrets:
    phones = {f"endpoint:{name}": f"secret-of-{name}" for name in endpoint_names(company)}
    return Secrets({"ami:ringdesk": "secret-of-ami", **phones})


def test_a_second_rendering_changes_nothing(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    secrets = _secrets(company)
    first = render(place, company, secrets, install)
    assert {"pjsip.conf", "extensions.conf", "manager.conf", "modules.conf"} <= set(first)
    etc = place.asterisk_dir / "etc"
    assert {path.name for path in etc.iterdir()} == set(first)
    before = {path: path.stat().st_mtime_ns for path in etc.iterdir()}
    assert render(place, company, secrets, install) == ()
    assert {path: path.stat().st_mtime_ns for path in etc.iterdir()} == before


def test_only_the_files_whose_text_changed_are_named(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    secrets = _secrets(company)
    render(place, company, secrets, install)
    other = _settings(tmp_path / "home", agi_port=4999, rtp_timeout=60)
    assert render(other, company, secrets, install) == ("extensions.conf", "pjsip.conf")


def test_each_file_is_its_owners_alone_and_says_who_reads_it(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    for path in (place.asterisk_dir / "etc").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert path.read_text(encoding="utf-8").startswith("; Read by "), path


def test_names_of_people_stand_in_no_file(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    written = "".join(p.read_text(encoding="utf-8") for p in (place.asterisk_dir / "etc").iterdir())
    assert company.people[0].name not in written
    assert "[1001](desk)\nlanguage = zh\n" in written
    assert "[1001w](browser)\n" in written
    assert "\nusername = 1001w\npassword = secret-of-1001w\n" in written


def _context(place: Settings, name: str) -> str:
    text = (place.asterisk_dir / "etc/extensions.conf").read_text(encoding="utf-8")
    return text.split(f"\n[{name}]\n")[1].split("\n[")[0]


def _extensions(lines: str) -> set[str]:
    return set(re.findall(r"^exten = ([^,]+),", lines, re.MULTILINE))


def test_phones_may_dial_only_what_is_written_out(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    assert _extensions(_context(place, "rd-targets")) == {"1001", "q-sales", "q-help"}
    assert _extensions(_context(place, "rd-agents")) == {"*43", "_*7[1-9]", "*81001", "i"}
    slots = {f"p-{slot}" for slot in range(1, 10)} | {f"*7{slot}" for slot in range(1, 10)}
    assert _extensions(_context(place, "rd-xfer")) == slots | {"i"}
    assert _extensions(_context(place, "rd-consult")) == {"i"}


def test_flows_can_be_reached_by_name_but_not_dialled(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    ways = _extensions(_context(place, "rd-ways"))
    assert {"f-main", "f-_voicemail_sales", "f-_voicemail_help"} <= ways
    for context, reaches in (("rd-xfer", True), ("rd-leave", True), ("rd-agents", False)):
        assert ("include = rd-ways" in _context(place, context)) is reaches


def test_each_queue_has_its_music(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    own = company.queues[0].model_copy(update={"music": "hall"})
    company = company.model_copy(update={"queues": (own, company.queues[1])})
    with pytest.raises(ConfigError, match="music/hall"):
        render(place, company, _secrets(company), install)
    (place.music_dir / "hall").mkdir(parents=True)
    with (place.music_dir / "hall/a.wav").open("wb") as file, wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0" * 1600)
    render(place, company, _secrets(company), install)
    text = (place.asterisk_dir / "etc/musiconhold.conf").read_text(encoding="utf-8")
    assert (
        f"[q_sales]\nmode = files\ndirectory = {place.asterisk_dir.absolute()}/music/hall\n" in text
    )
    assert f"[q_help]\nmode = files\ndirectory = {install.moh_dir}\n" in text
    queues = (place.asterisk_dir / "etc/queues.conf").read_text(encoding="utf-8")
    assert "musicclass = q_sales\n" in queues


def test_without_an_outbound_part_nothing_leaves_the_house(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    for name in ("extensions.conf", "pjsip.conf"):
        text = (place.asterisk_dir / "etc" / name).read_text(encoding="utf-8")
        assert "rd-outside" not in text
        assert "contact = sip:" not in text


OUTBOUND = (
    COMPANY
    + """
outbound: {address: "198.51.100.7:5060", caller_id: "+864001234567", allowed: ["0", "+86"], emergency: ["110"]}
"""
)


def test_outside_only_the_companys_prefixes_can_be_dialled(
    tmp_path: Path, install: AsteriskInstall
) -> None:
    company = parse_company(OUTBOUND)
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    assert _extensions(_context(place, "rd-outside")) == {"110", "_0X!", "_+86X!"}
    sip = (place.asterisk_dir / "etc/pjsip.conf").read_text(encoding="utf-8")
    assert "contact = sip:198.51.100.7:5060\n" in sip
    assert "from_user" not in sip  # each call sets the number that it shows
    assert "+864001234567" in (place.asterisk_dir / "etc/extensions.conf").read_text()
    assert "match = 198.51.100.7\n" in sip


def test_a_carrier_on_this_machine_is_not_known_by_its_address(
    tmp_path: Path, install: AsteriskInstall
) -> None:
    company = parse_company(OUTBOUND.replace("198.51.100.7", "127.0.0.1"))
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    sip = (place.asterisk_dir / "etc/pjsip.conf").read_text(encoding="utf-8")
    assert "[trunk_carrier]" in sip
    assert re.findall(r"^match = (.*)", sip, re.MULTILINE) == [
        "127.0.0.1"
    ]  # the demo's trunk alone


def test_the_queues_follow_the_company(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    text = (place.asterisk_dir / "etc/queues.conf").read_text(encoding="utf-8")
    assert re.findall(r"^\[(rd_\w+)\]", text, re.MULTILINE) == ["rd_sales", "rd_help"]
    sales, support = text.split("[rd_sales]")[1].split("[rd_help]")
    assert "\ntimeout = 12\n" in sales
    assert "\nwrapuptime = 7\n" in sales
    assert "\nwrapuptime = 30\n" in support, "without us nobody can say that he is done"


def test_whoever_writes_until_he_is_done_gets_half_a_minute_without_the_service(
    tmp_path: Path, install: AsteriskInstall
) -> None:
    company = parse_company(COMPANY.replace("wrap_up_time: 7", "wrap_up_time: until_done"))
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    text = (place.asterisk_dir / "etc/queues.conf").read_text(encoding="utf-8")
    assert "\nwrapuptime = 30\n" in text.split("[rd_sales]")[1].split("[rd_help]")[0]


@pytest.mark.parametrize(
    "key", ["answer: automatic", "whispers_name: true", "says_staff_number: true"]
)
def test_what_a_ring_costs_more_stands_in_the_dialplan_only_if_a_queue_asks_for_it(
    tmp_path: Path, company: Company, install: AsteriskInstall, key: str
) -> None:
    place = _settings(tmp_path / "home")
    asking = parse_company(COMPANY.replace("wrap_up_time: 7", f"wrap_up_time: 7, {key}"))
    texts = []
    for each in (company, asking):
        render(place, each, _secrets(company), install)
        texts.append((place.asterisk_dir / "etc/extensions.conf").read_text(encoding="utf-8"))
    plain, rich = texts
    assert "\n same = n(ring),Dial(PJSIP/${RD_AGENT},${FILTER(0-9,${RD_RING})},mgi)\n" in plain
    for word in ("RD_MANNER", "[rd-offer]", "[rd-meet]", "[rd-whisper]"):
        assert word not in plain
        assert word in rich


def test_a_shared_phone_is_a_desk_phone_and_rings_for_who_sits_there(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    shared = parse_company(COMPANY + "desk_phones: [{extension: '3001'}]\n")
    texts = {}
    for name, each in (("plain", company), ("shared", shared)):
        render(place, each, _secrets(each), install)
        texts[name] = (place.asterisk_dir / "etc/extensions.conf").read_text(encoding="utf-8")
    assert "RD_SEAT" not in texts["plain"]
    assert "Set(RD_LEFT=${RD_TO}-${RD_TO}w)" in texts["plain"]
    assert "Set(RD_LEFT=${RD_TO}-${RD_TO}w${IF($" in texts["shared"]
    for text in texts.values():  # nobody is rung without a look at who is busy
        assert "Dial(PJSIP/${RD_TO}" not in text
        assert text.count("Gosub(rd-phones,") == text.count(",Dial(${RD_PHONES},") == 6
    phones = (place.asterisk_dir / "etc/pjsip.conf").read_text(encoding="utf-8")
    assert "\n[3001](desk)\n" in phones
    assert "\npassword = secret-of-3001\n" in phones
    assert "[3001w]" not in phones


def test_our_prompts_lie_beside_the_installations_and_nothing_is_written_there(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    before = sorted(install.data_dir.rglob("*"))
    render(place, company, _secrets(company), install)
    (place.sounds_dir / "zh" / "hello.wav").write_text("x")
    sounds = place.asterisk_dir / "data/sounds"
    assert (sounds / "zh/ringdesk/hello.wav").read_text() == "x"
    assert (sounds / "en/digits/1.wav").exists()
    assert sorted(install.data_dir.rglob("*")) == before


def test_a_sound_that_a_new_installation_lacks_leaves_no_dead_link(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    render(place, company, _secrets(company), install)
    (install.sounds_dir / "en/beep.wav").unlink()
    render(place, company, _secrets(company), install)
    folder = place.asterisk_dir / "data/sounds/en"
    assert sorted(path.name for path in folder.iterdir()) == ["digits", "ringdesk"]


@pytest.mark.parametrize("sign", [*"\r\n;\"'`\\,$&|{}[]<>^\0\u2028\x85"])
def test_a_path_with_a_sign_of_the_dialplans_syntax_is_refused(sign: str) -> None:
    with pytest.raises(ConfigError):
        checked(f"/home/a{sign}b")


def test_a_hostile_home_writes_no_configuration(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "ho,me${SHELL(id)}")
    with pytest.raises(ConfigError, match="choose a folder without such signs"):
        render(place, company, _secrets(company), install)
    assert not (place.asterisk_dir / "etc/extensions.conf").exists()


@settings(max_examples=100)
@given(st.text(max_size=20))
def test_what_passes_the_gate_stays_one_line_and_one_value(text: str) -> None:
    try:
        passed = checked(text)
    except ConfigError:
        return
    assert passed == text
    assert len(passed.splitlines()) <= 1
    assert not set(passed) & set(";\"'`\\,$&|{}[]<>^")


@pytest.mark.parametrize("value", [None, True, False])
def test_a_value_that_a_template_forgot_is_refused(value: object) -> None:
    with pytest.raises(ConfigError):
        checked(value)


def test_an_address_of_the_new_protocol_is_bracketed(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home", bind="::1", sip_port=5070)
    render(place, company, _secrets(company), install)
    text = (place.asterisk_dir / "etc/pjsip.conf").read_text(encoding="utf-8")
    assert re.findall(r"^bind = (.*)", text, re.MULTILINE) == ["[::1]:5070", "[::1]:5070", "[::1]"]


def test_a_missing_module_is_named(install: AsteriskInstall) -> None:
    (install.module_dir / "app_mixmonitor.so").unlink()
    with pytest.raises(ConfigError, match="app_mixmonitor"):
        allow_list(install.module_dir)


def test_only_present_optional_modules_are_loaded(install: AsteriskInstall) -> None:
    _, optional = allow_list(install.module_dir)
    assert [name for names in optional.values() for name in names] == ["app_chanspy.so"]


@pytest.mark.parametrize(
    ("version", "named"),
    [
        ((20, 6, 0), False), ((20, 10), False), ((20, 11), True), ((21, 5), False),
        ((21, 6), True), ((22, 0), False), ((22, 1), True), ((22, 10, 1), True), ((23,), True),
    ],
)  # fmt: skip
def test_the_event_filters_form_follows_the_version(version: tuple[int, ...], named: bool) -> None:
    assert has_named_filters(version) is named


def test_an_old_asterisk_gets_filters_as_expressions(
    tmp_path: Path, company: Company, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    old = dataclasses.replace(install, version="20.6.0")
    render(place, company, _secrets(company), old)
    text = (place.asterisk_dir / "etc/manager.conf").read_text(encoding="utf-8")
    assert "eventfilter = ^Event: Hangup[[:cntrl:]]\n" in text
    assert "name(" not in text


def test_doors_need_a_restart_and_the_rest_a_reload() -> None:
    assert reload_commands(["queues.conf", "extensions.conf"]) == (
        "dialplan reload",
        "queue reload all",
    )
    assert reload_commands([]) == ()
    assert reload_commands(["queues.conf", "modules.conf"]) is None


def test_a_phone_outside_is_the_carriers_line_by_which_nobody_comes_in(
    tmp_path: Path, install: AsteriskInstall
) -> None:
    place = _settings(tmp_path / "home")
    texts: dict[str, list[str]] = {"pjsip.conf": [], "extensions.conf": [], "queues.conf": []}
    plain = parse_company(OUTBOUND)
    person = plain.people[0].model_copy(
        update={"outside_phone": OutsidePhone(), "queues": ("sales",)}
    )
    outside = plain.model_copy(update={"people": (person, *plain.people[1:])})
    for company in (plain, outside):
        render(place, company, _secrets(company), install)
        for name, found in texts.items():
            found.append((place.asterisk_dir / "etc" / name).read_text(encoding="utf-8"))
    without, sip = texts["pjsip.conf"]
    assert f"[{person.extension}r]" not in without
    own = sip.split(f"[{person.extension}r](leg)")[1].split("\n[")[0]
    assert "identify_by = header" in own
    assert "context = rd-trunk" in own
    assert "auth" not in own
    without, dialplan = texts["extensions.conf"]
    assert "rd-remote" not in without
    for word in ("[rd-remote]", "[rd-remote-key]", "[rd-remote-member]", "[rd-remote-first]"):
        assert word in dialplan
    rings = [
        [int(t) for t in re.findall(r"^timeout = (\d+)", text, re.M)]
        for text in texts["queues.conf"]
    ]
    assert rings == [[12, 15], [27, 15]], "his key takes time"
