"""The installer against apt programs of the test's own: suites, errors, atomicity, finding again."""

import json
import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asterisk_conf import errors, installation
from asterisk_conf.apt import Meter, Progress, explain
from asterisk_conf.apt_sources import Suite
from asterisk_conf.installer import check_room, default_cache, find, find_host, install, require

pytestmark = pytest.mark.unit

FORKY = Suite("forky", "http://mirror.example/debian", ("forky",), ("main",), Path("/k.gpg"))
SID = Suite("sid", "http://mirror.example/debian", ("sid",), ("main",), Path("/k.gpg"))

FAKE_APT_GET = """\
#!/bin/sh
# Stands for apt-get: answers from $FAKE/<suite>.<verb>, else makes one package file.
echo "$@" >>"$FAKE/calls"
for word; do
  case $word in
    Dir::Cache=*) cache=${word#*=} ;;
    Dir::Etc=*) etc=${word#*=} ;;
    APT::Status-Fd=*) fd=${word#*=} ;;
    update | install) verb=$word ;;
  esac
done
suite=$(cut -d' ' -f4 "$etc/sources.list")
if [ -f "$FAKE/$suite.$verb" ]; then cat "$FAKE/$suite.$verb"; exit 100; fi
if [ "$verb" = install ]; then
  echo "Need to get 107 MB of archives."
  echo dlstatus:1:50.0:Retrieving >"/dev/fd/$fd"
  : >"$cache/archives/asterisk_22.deb"
  : >"$cache/archives/libc6_2.deb"
fi
"""
FAKE_APT_CACHE = "#!/bin/sh\necho '  Installed: (none)'\necho '  Candidate: 1:22.10.1+dfsg-1'\n"
FAKE_DPKG_DEB = """\
#!/bin/sh
lib=$3/usr/lib/x86_64-linux-gnu
[ "$(uname -m)" = aarch64 ] && lib=$3/usr/lib/aarch64-linux-gnu
mkdir -p "$lib/asterisk/modules" "$3/usr/sbin" "$3/usr/share/asterisk/sounds/en_US_f_Allison"
printf '#!/bin/sh\\necho "Asterisk 22.10.1+dfsg"\\n' >"$3/usr/sbin/asterisk"
for name in ld-linux-x86-64.so.2 ld-linux-aarch64.so.1; do
  printf '#!/bin/sh\\nshift 2\\nexec sh "$@"\\n' >"$lib/$name"
  chmod +x "$lib/$name"
done
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with fake apt programs, first on PATH; the suites' answers are put into it."""
    folder = tmp_path / "fake"
    folder.mkdir()
    programs = {"apt-get": FAKE_APT_GET, "apt-cache": FAKE_APT_CACHE, "dpkg-deb": FAKE_DPKG_DEB}
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("FAKE", str(folder))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def install_here(
    cache: Path, reports: list[Progress] | None = None
) -> installation.AsteriskInstall:
    seen = reports if reports is not None else []
    return install(cache, progress=seen.append, suites=[FORKY, SID], needed_mb=1)


def test_installs_finds_again_and_reports_progress(fake: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert find(cache) is None
    reports: list[Progress] = []
    done = install_here(cache, reports)

    assert done == find(cache)
    assert done.version_numbers == (22, 10, 1)
    assert done.argv[1] == "--library-path"
    assert (done.sounds_dir / "en").is_dir(), "the language folder that a maintainer script makes"
    assert any(r.step == "download" and r.total and r.done / r.total == 0.5 for r in reports)
    assert [report.step for report in reports if not report.total] == ["index", "download", "check"]
    assert list((cache / "asterisk").glob(".incoming-*")) == [], "nothing is left behind"

    calls = (fake / "calls").read_text()
    install_here(cache)
    assert (fake / "calls").read_text() == calls, "a second installation asks nobody"


def test_a_gap_in_the_first_suite_leads_to_the_second(fake: Path, tmp_path: Path) -> None:
    (fake / "forky.install").write_text("E: Unable to locate package asterisk\n")
    done = install_here(tmp_path / "cache")
    manifest = json.loads((done.root.parent / "manifest.json").read_text())
    assert manifest["suite"] == "sid"


def test_without_network_the_second_suite_is_not_tried(fake: Path, tmp_path: Path) -> None:
    (fake / "forky.update").write_text(
        "E: Failed to fetch x  Temporary failure resolving 'mirror.example'\n"
    )
    with pytest.raises(errors.NoNetwork, match="check the network"):
        install_here(tmp_path / "cache")
    assert len((fake / "calls").read_text().splitlines()) == 1


def test_two_installations_at_once_download_once(fake: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(install_here, [tmp_path / "cache"] * 2)
    assert first == second
    assert (fake / "calls").read_text().count("--download-only") == 1


def test_what_a_killed_installation_left_is_removed(fake: Path, tmp_path: Path) -> None:
    stale = tmp_path / "cache/asterisk/.incoming-dead"
    stale.mkdir(parents=True)
    half = tmp_path / "cache/asterisk/22.10.1-amd64/root"
    half.mkdir(parents=True)
    install_here(tmp_path / "cache")
    assert not stale.exists()
    assert fake.exists()


@pytest.mark.parametrize("text", ["", "[]", '{"version": 22}', '{"architecture": "amd64"}'])
def test_a_broken_manifest_is_no_installation(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "asterisk/22.10.1-amd64"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(text)
    assert find(tmp_path) is None


def test_a_binary_that_does_not_run_is_not_installed(fake: Path, tmp_path: Path) -> None:
    program = fake / "dpkg-deb"
    program.write_text(program.read_text().replace("shift 2", "exit 127"))
    with pytest.raises(errors.UnsupportedHost, match="does not run"):
        install_here(tmp_path / "cache")
    assert find(tmp_path / "cache") is None


def test_a_cache_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.InstallError, match="set RINGDESK_CACHE"):
        install_here(tmp_path / "file")


def test_a_disk_without_room_is_refused_before_the_download(fake: Path, tmp_path: Path) -> None:
    free_mb = shutil.disk_usage(tmp_path).free // 1_000_000
    with pytest.raises(errors.DiskFull, match=r"MB left and \d+ MB are needed"):
        check_room(tmp_path, free_mb + 10_000)
    with pytest.raises(errors.DiskFull):
        install(tmp_path / "c", progress=print, suites=[FORKY], needed_mb=free_mb + 10_000)
    assert not (fake / "calls").exists()


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("E: Failed to fetch x  Could not resolve 'mirror.example'", errors.NoNetwork),
        ("E: Failed to fetch x  Could not connect to h:9 - connect (111: refused)", errors.MirrorUnreachable),
        ("E: The repository 'x forky Release' does not have a Release file.",
         errors.PackagesMissing),
        ("E: Failed to fetch x  404  Not Found [IP: 1]", errors.PackagesMissing),
        ("E: Failed to fetch x  Hash Sum mismatch", errors.DownloadDamaged),
        ("W: GPG error: x: The following signatures couldn't be verified: NO_PUBKEY 1",
         errors.MirrorUntrusted),
        ("E: You don't have enough free space in /c/.", errors.DiskFull),
        ("E: Write error - write (28: No space left on device)", errors.DiskFull),
    ],
)  # fmt: skip
def test_apts_complaint_becomes_one_line_with_a_remedy(
    output: str, kind: type[errors.InstallError]
) -> None:
    error = explain(
        f"Hit:1 x\n{output}\nE: Some index files failed.", suite=FORKY, folder=Path("/c/a")
    )
    assert type(error) is kind
    assert "\n" not in str(error)


def test_an_unknown_complaint_is_quoted() -> None:
    error = explain("Reading...\nE: The moon is full\n", suite=FORKY, folder=Path("/c"))
    assert "The moon is full" in str(error)


@pytest.mark.parametrize(
    ("version", "found"),
    [("Asterisk 20.6.0~dfsg-2", True), ("Asterisk 18.9.1", False), ("no", False)],
)
def test_the_hosts_own_asterisk_counts_from_20_on(
    tmp_path: Path, version: str, found: bool
) -> None:
    for folder in ("sbin", "lib/asterisk/modules", "share/asterisk/moh"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "share/asterisk/moh/a.wav").touch()
    binary = tmp_path / "sbin/asterisk"
    binary.write_text(f"#!/bin/sh\necho '{version}'\n")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    host = find_host(str(tmp_path / "sbin"))
    assert (host is not None) == found
    if host is not None:
        assert host.argv == (str(binary),)
        assert host.version_numbers[0] == 20
        assert host.moh_dir == tmp_path / "share/asterisk/moh"


def test_what_the_setting_asks_for_and_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.InstallError, match="ringdesk pbx install"):
        require(tmp_path, "private")
    monkeypatch.setattr(installation, "MINIMUM_MAJOR", 1000)
    with pytest.raises(errors.InstallError, match=r'set pbx\.asterisk = "private"'):
        require(tmp_path, "host")


def test_the_cache_follows_the_environment() -> None:
    assert default_cache({"RINGDESK_CACHE": "/x/y"}) == Path("/x/y")
    assert default_cache({"XDG_CACHE_HOME": "/x"}) == Path("/x/ringdesk")
    assert default_cache({}) == Path.home() / ".cache/ringdesk"


@pytest.mark.parametrize(
    ("line", "megabytes"),
    [
        ("Need to get 107 MB of archives.", 107.0),
        ("Need to get 1,234 kB/9,876 kB of archives.", 1.234),
        ("Need to get 13.2 MB of source archives.", 13.2),
        ("Need to get 512 B of archives.", 0.000512),
    ],
)
def test_a_download_is_measured_in_megabytes(line: str, megabytes: float) -> None:
    meter = Meter("download")
    assert meter.status("dlstatus:1:50.0:Retrieving") == Progress("download", 50.0, 100.0, "%")
    meter.output(line)
    measured = meter.status("dlstatus:1:50.0:Retrieving file 1 of 2")
    assert measured is not None
    assert measured.total == pytest.approx(megabytes)
    assert measured.done == pytest.approx(megabytes / 2)


@pytest.mark.parametrize("line", ["", "pmstatus:x:1.0:y", "dlstatus:1", "dlstatus:1:many:x"])
def test_other_status_lines_are_passed_over(line: str) -> None:
    assert Meter("download").status(line) is None
