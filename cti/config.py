"""The settings of one installation: ``ringdesk.toml`` and ``RINGDESK_*``, checked at start.

Settings say where things are and which doors they use; what the company is (people, queues,
menus) stands in ``cti/company.py``. Environment variables win over the file; nested keys are
joined by two underscores: ``RINGDESK_PBX__SIP_PORT=5070``. A password stands in a file of its own or in the
environment, never in ``ringdesk.toml`` nor in an address, which people print and send around.
"""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cti.domain.errors import ConfigError
from cti.places import default_cache

Port = Annotated[int, Field(ge=1, le=65535)]


_SSL_MODES = (
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
)  # as libpq has them


class _Section(BaseModel):
    # What was given stands in no message: it may be a secret.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PbxSettings(_Section):
    """Asterisk: which one, and the doors between it, the phones and us."""

    asterisk: Literal["private", "host"] = "private"
    system_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,32}$")] = "pbx1"
    bind: str = "127.0.0.1"  # where SIP and RTP listen
    sip_port: Port = 5060
    ws_port: Port = 8088  # the browser phones' WebSocket
    ami_port: Port = 5038  # loopback only
    ami_through: Port | None = None  # where we connect instead: a tunnel's or a proxy's port here
    agi_port: Port = 4573  # loopback only; ours, Asterisk connects to it
    rtp_start: Port = 10000
    rtp_end: Port = 14999
    max_calls: Annotated[int, Field(ge=1, le=5000)] = 500  # from trunks at once; more hear "busy"
    rtp_timeout: Annotated[int, Field(ge=5, le=600)] = 30  # seconds without sound: the leg is gone
    rtp_timeout_hold: Annotated[int, Field(ge=5, le=7200)] = 600


class WebSettings(_Section):
    """Our own pages and API."""

    bind: str = "127.0.0.1"
    port: Port = 8080
    allowed_origins: tuple[str, ...] = ()  # besides our own address
    session_idle_time: timedelta = timedelta(hours=12)
    # Programs on this machine read /metrics without the token.
    metrics_open_on_loopback: bool = False


class RecorderSettings(_Section):
    """How recordings are encoded and kept."""

    format: Literal["opus", "mp3"] = "opus"
    bitrate: Annotated[int, Field(ge=24, le=256)] = 24  # kbit/s; stereo Opus below 24 turns mono
    workers: Annotated[int, Field(ge=1, le=16)] = 1


class WitnessSettings(_Section):
    """Asterisk's own records of its calls, which ``ringdesk reconcile`` compares with the journal."""

    keep_days: Annotated[int, Field(ge=1, le=3660)] = 92


class ServerSettings(_Section):
    """A server that an installation may use; its address and its password, apart."""

    url: str | None = None  # none: what is embedded is used instead
    password: SecretStr | None = None  # from the environment only; wins over the file
    password_file: Path | None = None  # its first line

    def secret(self, section: str) -> str | None:
        """The password; None: the server asks for none.

        Raises:
            ConfigError: its file can't be read; names the key.
        """
        if self.password is not None or self.password_file is None:
            return self.password.get_secret_value() if self.password else None
        try:
            text = self.password_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
            raise ConfigError(
                f"setting {section}.password_file: {self.password_file}: {reason}"
            ) from exc
        return text.partition("\n")[0].rstrip("\r") or None


class DatabaseSettings(ServerSettings):
    """PostgreSQL instead of the database in <home>: ``postgresql://user@host:5432/name``.

    A socket's folder is given as ``?host=/run/postgresql``, encryption as ``?sslmode=verify-full``.
    """

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = _split(url, "RINGDESK_DATABASE__PASSWORD")
        if parts.scheme not in ("postgresql", "postgres", "postgresql+asyncpg"):
            raise ValueError(
                "give postgresql://user@host:5432/name, or nothing for the embedded one"
            )
        if not parts.path.strip("/") or "/" in parts.path.strip("/"):
            raise ValueError("the database's name is missing: postgresql://user@host:5432/name")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = sorted(options.keys() - {"host", "sslmode"})
        if unknown:
            raise ValueError(f"there is no option {unknown[0]} here: only host and sslmode")
        if not parts.hostname and not options.get("host"):
            raise ValueError("the host is missing: postgresql://user@host:5432/name")
        if options.get("sslmode", "prefer") not in _SSL_MODES:
            raise ValueError(f"sslmode is one of {', '.join(_SSL_MODES)}")
        return url


class BusSettings(ServerSettings):
    """Redis between several processes: ``redis://host:6379/0``, ``rediss://…`` encrypted, ``unix:///path``."""

    # Installations that share a Redis need a name each, or they would hear each other's calls.
    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")] = "ringdesk"

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = _split(url, "RINGDESK_BUS__PASSWORD")
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise ValueError("give redis://host:6379/0, rediss://host:6379/0 or unix:///path")
        if parts.query:
            raise ValueError("there are no options here: redis://host:6379/0")
        if parts.scheme == "unix":
            if not parts.path.strip("/") or parts.hostname:
                raise ValueError("the socket's path is missing: unix:///run/redis/redis.sock")
        elif not parts.hostname or not (parts.path.strip("/") or "0").isdecimal():
            raise ValueError("give a host and a database's number: redis://host:6379/0")
        return url


def _split(url: str, variable: str) -> SplitResult:
    """Take an address apart.

    Raises:
        ValueError: it is none, or holds a password.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as exc:
        raise ValueError("this is no address: is the port a number up to 65535?") from exc
    if parts.password is not None or "password" in dict(parse_qsl(parts.query)):
        raise ValueError(
            f"no password in the address: set password_file, or the variable {variable}"
        )
    return parts


class Settings(BaseSettings):
    """Everything that an installation can set."""

    model_config = SettingsConfigDict(
        env_prefix="RINGDESK_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = Path.home() / ".local/share/ringdesk"  # state: database, recordings, secrets
    cache: Path = Field(default_factory=default_cache)  # downloads: the private Asterisk
    company_file: Path | None = None  # default: <home>/company.yaml
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "CN"
    area_code: Annotated[str, Field(pattern=r"^[0-9]{0,6}$")] = ""
    simulated_agents: Annotated[int, Field(ge=1, le=500)] = 4  # for selftest and simulate
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    pbx: PbxSettings = PbxSettings()
    web: WebSettings = WebSettings()
    recorder: RecorderSettings = RecorderSettings()
    witness: WitnessSettings = WitnessSettings()
    database: DatabaseSettings = DatabaseSettings()
    bus: BusSettings = BusSettings()

    # Everything below <home> has one name, here.
    @property
    def asterisk_dir(self) -> Path:
        """The private Asterisk's own folder: etc, run, log, spool, astdb."""
        return self.home / "asterisk"

    @property
    def spool_dir(self) -> Path:
        """Where MixMonitor writes raw recordings, two files a call: ``<call id>.caller.raw``, ``.agent.raw``."""
        return self.home / "spool"

    @property
    def recordings_dir(self) -> Path:
        """Where encoded recordings are kept."""
        return self.home / "recordings"

    @property
    def music_dir(self) -> Path:
        """The administrator's music for waiting callers: a folder of sound files for each name that a queue gives."""
        return self.home / "music"

    @property
    def sounds_dir(self) -> Path:
        """Prompts that were synthesised or uploaded: ``<language>/<name>.wav``."""
        return self.home / "sounds"

    @property
    def versions_dir(self) -> Path:
        """Where the companies that were in use are kept."""
        return self.home / "company-versions"

    @property
    def secrets_file(self) -> Path:
        """Generated secrets (AMI, phones), readable by the owner alone."""
        return self.home / "secrets.json"

    @property
    def database_file(self) -> Path:
        """The embedded database's file."""
        return self.home / "ringdesk.db"

    @property
    def database_url(self) -> str:
        """The embedded database's address."""
        return f"sqlite+aiosqlite:///{self.database_file}"


def load_settings(file: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings; ``overrides`` win over environment and file.

    Raises:
        ConfigError: a file that can't be read, an unknown key, a value out of range; names the key.
    """
    values: dict[str, Any] = {}
    path = file or Path("ringdesk.toml")
    if file is not None or path.exists():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as exc:
            raise ConfigError(f"settings file {path}: {exc.strerror}") from exc
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
            raise ConfigError(f"settings file {path}: {exc}") from exc
        _refuse_passwords(values, path)
    try:
        # Init arguments win over the environment in pydantic-settings, so the file's values are
        # put beneath the environment by hand.
        from_env = Settings().model_dump(exclude_unset=True)
        return Settings(**_merge(_merge(values, from_env), overrides))
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        is_unknown = first["type"] == "extra_forbidden"
        problem = "there is no such setting" if is_unknown else first["msg"]
        problem = problem.removeprefix("Value error, ")
        raise ConfigError(f"setting {key}: {problem}") from exc


def _refuse_passwords(values: dict[str, Any], path: Path) -> None:
    for section in ("database", "bus"):
        given = values.get(section)
        if isinstance(given, dict) and "password" in given:
            raise ConfigError(
                f"setting {section}.password: it has no place in {path}: set password_file, "
                f"or the variable RINGDESK_{section.upper()}__PASSWORD"
            )


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        merged[key] = (
            _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged
