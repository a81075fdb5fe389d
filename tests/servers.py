"""PostgreSQL and Redis for the tests: real servers, started on first use, ended by their own process ids.

Both listen on a Unix socket in a folder of their own and nowhere else, so no port can be taken. PostgreSQL refuses
to run as root: where the tests are root's, both run as ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 30.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)
_PEOPLE = ("postgres", "nobody")  # who it may run as, if we are root


def somebody_else() -> dict[str, Any]:
    """Arguments for ``Popen`` that make the child an ordinary user; none where we are one."""
    if os.geteuid() != 0:
        return {}
    for name in _PEOPLE:
        with contextlib.suppress(KeyError):
            person = pwd.getpwnam(name)
            return {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
    raise RuntimeError(f"none of these users is there: {', '.join(_PEOPLE)}")


def postgres_folder() -> Path:
    """Where ``initdb`` and ``postgres`` of the newest major version are (they are not on Debian's PATH)."""
    found = {
        int(path.parts[-3]): path.parent
        for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")
        if re.fullmatch("[0-9]+", path.parts[-3])
    }
    if found:
        return found[max(found)]
    if (program := shutil.which("initdb")) is not None:
        return Path(program).parent
    raise RuntimeError("PostgreSQL is not installed: run `make setup`")


class Server:
    """One server process in a folder of its own, below the system's temporary folder."""

    def __init__(self, name: str) -> None:
        # Not pytest's own folder nor TMPDIR: perhaps nobody but root may look into those; and a
        # socket's path must be short.
        self.folder = Path(tempfile.mkdtemp(prefix=f"ringdesk-{name}-", dir="/tmp"))
        self._user = somebody_else()
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])
        self._log = self.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> None:
        """Run a command to its end in the folder, as the server's user."""
        done = subprocess.run(
            arguments, cwd=self.folder, capture_output=True, text=True, check=False, **self._user
        )
        if done.returncode != 0:
            raise RuntimeError(f"{arguments[0]} failed: {done.stderr.strip()[-500:]}")

    def start(self, *arguments: str, socket_file: Path) -> None:
        """Start the server and return when it accepts connections."""
        is_main = threading.current_thread() is threading.main_thread()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                arguments,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # A server that is begun by a thread would die with the thread.
                preexec_fn=_die_with_parent if is_main else None,
                **self._user,
            )
        deadline = time.monotonic() + _START_LIMIT_S
        while not _answers(socket_file):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{arguments[0]} did not start: {self._log.read_text()[-500:]}")
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server itself (SIGSTOP: it hangs)."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it is gone; harmless where it isn't running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def remove(self) -> None:
        """End it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    """A PostgreSQL without durability: its databases live as long as the tests."""

    def __init__(self) -> None:
        super().__init__("postgres")
        self._numbers = itertools.count(1)
        self._psql = "psql"
        self._command: tuple[str, ...] = ()
        self._template = ""  # the tables are made once and copied

    def begin(self) -> None:
        """Make its data folder and start it."""
        programs = postgres_folder()
        data = self.folder / "data"
        self.run(
            *(str(programs / "initdb"), "-D", str(data), "-U", "ringdesk", "-A", "trust"),
            *("--no-sync", "--no-locale", "-E", "UTF8", "--no-instructions"),
        )
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "autovacuum": "off",  # it would look into the template while that is copied
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "50",
            "shared_buffers": "16MB",
        }
        options = [text for key, value in settings.items() for text in ("-c", f"{key}={value}")]
        self._command = (str(programs / "postgres"), "-D", str(data), *options)
        self._psql = str(programs / "psql")
        self.again()

    def again(self) -> None:
        """Start it, or start it again after ``stop``, with what was committed."""
        socket_file = self.folder / ".s.PGSQL.5432"
        socket_file.unlink(missing_ok=True)
        self.start(*self._command, socket_file=socket_file)
        self._wait_until_it_takes_queries()

    def new_database(self) -> str:
        """Make a database with all tables, empty; returns SQLAlchemy's address of it."""
        if not self._template:
            template = self._copy_of("template1")
            _make_tables(self._url_of(template))
            self._template = template
        return self._url_of(self._copy_of(self._template))

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it at once, open connections or not (its immediate shutdown: nothing is kept)."""
        super().stop(number)

    def _copy_of(self, template: str) -> str:
        name = f"t{next(self._numbers)}"
        self._query(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _url_of(self, name: str) -> str:
        return f"postgresql+asyncpg://ringdesk@/{name}?host={self.folder}"

    def _query(self, statement: str) -> None:
        where = ("-h", str(self.folder), "-U", "ringdesk", "-d", "postgres")
        self.run(self._psql, "-q", "-X", "-v", "ON_ERROR_STOP=1", *where, "-c", statement)

    def _wait_until_it_takes_queries(self) -> None:
        # The socket is there a moment before "the database system is starting up" is over.
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            try:
                self._query("SELECT 1")
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


class Redis(Server):
    """A Redis that keeps nothing, or (``is_durable``) each write, over a restart."""

    def __init__(self) -> None:
        super().__init__("redis")
        self.socket_file = self.folder / "redis.sock"

    @property
    def url(self) -> str:
        """Its address, for redis-py."""
        return f"unix://{self.socket_file}"

    def begin(self, *, is_durable: bool = False) -> None:
        """Start it, or start it again."""
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError("Redis is not installed: run `make setup`")
        self.socket_file.unlink(missing_ok=True)
        durable = ("yes", "always") if is_durable else ("no", "no")
        self.start(
            *(program, "--port", "0", "--unixsocket", str(self.socket_file), "--save", ""),
            *("--appendonly", durable[0], "--appendfsync", durable[1], "--dir", str(self.folder)),
            socket_file=self.socket_file,
        )


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for as long as the block runs."""
    server = Postgres()
    try:
        server.begin()
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def redis() -> Iterator[Redis]:
    """A running Redis for as long as the block runs."""
    server = Redis()
    try:
        server.begin()
        yield server
    finally:
        server.remove()


def _die_with_parent() -> None:
    """Whatever becomes of the tests (a time limit, kill -9), their servers end."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def sqlite_url(folder: Path, name: str = "test.db") -> str:
    """Make an SQLite file with all tables, empty; returns SQLAlchemy's address of it."""
    (folder / name).write_bytes(_empty_sqlite())
    return f"sqlite+aiosqlite:///{folder}/{name}"


@functools.cache
def _empty_sqlite() -> bytes:
    with tempfile.TemporaryDirectory(prefix="ringdesk-sqlite-") as folder:
        _make_tables(f"sqlite+aiosqlite:///{folder}/template.db")
        return (Path(folder) / "template.db").read_bytes()


def _make_tables(url: str) -> None:
    from cti.storage.database import Database  # not for those who only test the core

    async def migrate() -> None:
        database = Database(url)
        await database.migrate()
        await database.close()

    # In a thread: whoever asks may have a loop running.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(migrate())).result()


def _answers(socket_file: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_file))
        except OSError:
            return False
    return True
