"""The host's mirror is found in both of apt's formats, and strangers' sources are not taken for it."""

from pathlib import Path

import pytest

from asterisk_conf.apt_sources import (
    AptSource,
    choose_suites,
    parse_deb822,
    parse_one_line,
    read_host_sources,
)
from asterisk_conf.errors import MirrorUnknown, UnsupportedHost

pytestmark = pytest.mark.unit

BOOKWORM = {"ID": "debian", "VERSION_CODENAME": "bookworm", "PRETTY_NAME": "Debian 12"}
NOBLE = {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_CODENAME": "noble"}

DEB822 = """\
# written by the installer
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
# a comment inside a stanza
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
#deb cdrom:[Debian 12 - amd64]/ bookworm main
deb cdrom:[Debian 12 _Bookworm_]/ bookworm main
deb [arch=amd64 signed-by=/etc/own.gpg] http://vendor.example/apt nodistro main
deb\thttp://mirror.example/debian bookworm main contrib  # near us
deb-src http://mirror.example/debian bookworm main
deb http://broken.example
"""


@pytest.fixture
def keyrings(tmp_path: Path) -> Path:
    for name in ("debian", "ubuntu"):
        (tmp_path / f"{name}-archive-keyring.gpg").touch()
    return tmp_path


def test_deb822_stanzas_that_are_off_or_source_only_are_passed_over() -> None:
    main, security = parse_deb822(DEB822)
    assert main == AptSource(
        "http://mirror.example/debian",
        ("bookworm", "bookworm-updates"),
        ("main", "contrib"),
        "/usr/share/keyrings/debian-archive-keyring.gpg",
    )
    assert security.signed_by is not None
    assert security.signed_by.startswith("-----BEGIN")


def test_one_line_format_with_options_comments_and_tabs() -> None:
    sources = parse_one_line(ONE_LINE)
    assert [source.uri for source in sources][1:] == [
        "http://vendor.example/apt",
        "http://mirror.example/debian",
    ]
    assert sources[1].signed_by == "/etc/own.gpg"
    assert sources[2].components == ("main", "contrib")


def test_debian_asks_its_own_mirror_for_testing_and_then_unstable(keyrings: Path) -> None:
    suites = choose_suites(parse_one_line(ONE_LINE), BOOKWORM, keyrings=keyrings)
    assert [suite.name for suite in suites] == ["forky", "sid"]
    assert suites[0].lines() == (
        f"deb [signed-by={keyrings}/debian-archive-keyring.gpg] "
        "http://mirror.example/debian forky main\n"
    )
    assert suites[1].lines(kind="deb-src").startswith("deb-src [")


def test_ubuntu_takes_its_own_release_with_universe(keyrings: Path) -> None:
    sources = [AptSource("http://mirror.example/ubuntu", ("noble", "noble-updates"), ("main",))]
    (suite,) = choose_suites(sources, NOBLE, keyrings=keyrings)
    assert suite.distributions == ("noble", "noble-updates")
    assert "universe" in suite.components
    assert suite.keyring.name == "ubuntu-archive-keyring.gpg"
    assert len(suite.lines().splitlines()) == 2


def test_the_security_archive_is_no_mirror(keyrings: Path) -> None:
    sources = [AptSource("http://mirror.example/security", ("bookworm-security",), ("main",))]
    with pytest.raises(MirrorUnknown, match="RINGDESK_APT_MIRROR"):
        choose_suites(sources, BOOKWORM, keyrings=keyrings)


def test_an_override_needs_no_source(keyrings: Path) -> None:
    suites = choose_suites([], BOOKWORM, keyrings=keyrings, override="http://near.example/debian")
    assert {suite.uri for suite in suites} == {"http://near.example/debian"}


def test_a_derivative_counts_as_what_it_is_like(keyrings: Path) -> None:
    derived = {"ID": "raspbian", "ID_LIKE": "debian", "VERSION_CODENAME": "trixie"}
    sources = [AptSource("http://mirror.example/debian", ("stable",), ("main",))]
    assert choose_suites(sources, derived, keyrings=keyrings)[0].name == "forky"


def test_another_system_is_told_the_way_out(keyrings: Path) -> None:
    with pytest.raises(UnsupportedHost, match=r'Fedora.*pbx\.asterisk = "host"'):
        choose_suites([], {"ID": "fedora", "PRETTY_NAME": "Fedora 43"}, keyrings=keyrings)


def test_without_the_keyring_the_sources_own_key_is_taken(tmp_path: Path) -> None:
    source = AptSource("http://m.example", ("bookworm",), ("main",), "/etc/own.gpg")
    assert choose_suites([source], BOOKWORM, keyrings=tmp_path)[0].keyring == Path("/etc/own.gpg")
    bare = AptSource("http://m.example", ("bookworm",), ("main",))
    with pytest.raises(UnsupportedHost, match="apt-get install debian-archive-keyring"):
        choose_suites([bare], BOOKWORM, keyrings=tmp_path)


def test_both_kinds_of_files_are_read_and_others_left(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example x main\n")
    (tmp_path / "sources.list.d" / "b.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "c.sources.save").write_text(DEB822)
    uris = [source.uri for source in read_host_sources(tmp_path)]
    assert uris == [
        "http://a.example",
        "http://mirror.example/debian",
        "http://mirror.example/security",
    ]
