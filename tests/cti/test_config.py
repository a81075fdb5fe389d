"""The settings: the file below the environment, checked, and passwords that nobody prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from cti.config import load_settings
from cti.domain.errors import ConfigError
from cti.servers import bus_place, database_of, database_place

pytestmark = pytest.mark.unit

PASSWORD = "not to be printed: s3cret"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(text: str) -> str:
    Path("ringdesk.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_settings()
    return str(refused.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://db/ringdesk", "give postgresql://user@host:5432/name, or nothing"),
        ("sqlite:///ringdesk.db", "give postgresql://"),
        ("postgresql://db", "the database's name is missing"),
        ("postgresql:///ringdesk", "the host is missing"),
        ("postgresql://db:eighty/ringdesk", "is the port a number"),
        ("postgresql://db/ringdesk?sslmode=yes", "sslmode is one of disable, allow"),
        ("postgresql://db/ringdesk?timeout=1", "there is no option timeout here"),
        (f"postgresql://u:{PASSWORD.replace(' ', '+')}@db/ringdesk", "no password in the address"),
        (f"postgresql://u@db/ringdesk?password={PASSWORD.replace(' ', '+')}", "no password in the"),
    ],
)
def test_a_database_address_that_cannot_be(url: str, words: str) -> None:
    line = refusal(f'[database]\nurl = "{url}"')
    assert line.startswith("setting database.url: ")
    assert words in line
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://cache", "give redis://host:6379/0"),
        ("redis://cache/first", "give a host and a database's number"),
        ("redis:///0", "give a host"),
        ("redis://cache/0?socket_timeout=1", "no options here"),
        ("unix://", "the socket's path is missing"),
        ("redis://:s3cret@cache/0", "no password in the address: set password_file"),
    ],
)
def test_a_bus_address_that_cannot_be(url: str, words: str) -> None:
    line = refusal(f'[bus]\nurl = "{url}"')
    assert line.startswith("setting bus.url: ")
    assert words in line
    assert "s3cret" not in line


@pytest.mark.parametrize("section", ["database", "bus"])
def test_a_password_has_no_place_in_the_file(section: str) -> None:
    line = refusal(f'[{section}]\npassword = "{PASSWORD}"')
    assert line.startswith(f"setting {section}.password: it has no place in ringdesk.toml")
    assert f"RINGDESK_{section.upper()}__PASSWORD" in line
    assert PASSWORD not in line


def test_names_of_a_bus_are_plain() -> None:
    assert refusal('[bus]\nname = "a b"').startswith("setting bus.name: ")


def test_the_password_from_the_environment_wins_and_is_never_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "password").write_text("another\n", encoding="utf-8")
    Path("ringdesk.toml").write_text(
        f'[database]\nurl = "postgres://desk@db:5433/calls?sslmode=require"\n'
        f'password_file = "{folder / "password"}"\n',
        encoding="utf-8",
    )
    from_file = load_settings()
    assert from_file.database.secret("database") == "another"
    monkeypatch.setenv("RINGDESK_DATABASE__PASSWORD", PASSWORD)
    settings = load_settings()
    assert settings.database.secret("database") == PASSWORD
    database = database_of(settings)
    assert database.engine.url.password == PASSWORD
    assert database.engine.url.query == {"ssl": "require"}
    assert database.url == "postgresql+asyncpg://desk@db:5433/calls?ssl=require"
    assert database_place(settings) == "db:5433/calls"
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert PASSWORD not in shown + database.url + repr(database.engine)


def test_a_password_file_that_cannot_be_read_is_named(folder: Path) -> None:
    missing = folder / "missing"
    Path("ringdesk.toml").write_text(
        f'[database]\nurl = "postgresql://db/calls"\npassword_file = "{missing}"', encoding="utf-8"
    )
    with pytest.raises(ConfigError, match=r"database\.password_file: .*missing: No such file"):
        database_of(load_settings())
    missing.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        database_of(load_settings())
    missing.write_text("\n")
    assert database_of(load_settings()).engine.url.password is None


def test_the_environment_is_put_on_top_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ringdesk.toml").write_text(
        '[bus]\nurl = "redis://one:6380/2"\nname = "east"', encoding="utf-8"
    )
    monkeypatch.setenv("RINGDESK_BUS__URL", "unix:///run/redis.sock")
    settings = load_settings()
    assert (settings.bus.url, settings.bus.name) == ("unix:///run/redis.sock", "east")
    assert bus_place(settings) == "/run/redis.sock"
    monkeypatch.delenv("RINGDESK_BUS__URL")
    assert bus_place(load_settings()) == "one:6380"


def test_without_servers_everything_is_here(folder: Path) -> None:
    settings = load_settings(home=folder)
    database = database_of(settings)
    assert database.url == f"sqlite+aiosqlite:///{folder}/ringdesk.db"
    assert (settings.bus.url, settings.bus.name) == (None, "ringdesk")
