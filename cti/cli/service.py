"""``ringdesk up``, ``demo``, ``down``, ``phones``: the service on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets as random_secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from asterisk_conf.listening import check_ports_free
from asterisk_conf.phones import ask_to_answer
from asterisk_conf.secrets import load_or_make_secrets
from cti.applying import keep_people
from cti.bootstrap import build, running
from cti.builtin import is_simulated
from cti.cli import deployment
from cti.cli.ageing import keep_files
from cti.cli.app import AsJson, SettingsFile, app, say, settings_of, told_plainly
from cti.cli.deployment import Deployment
from cti.company import Company
from cti.config import BusSettings, DatabaseSettings, Settings
from cti.domain.errors import CommandRefused, ConfigError
from cti.logs import configure_logging
from cti.memory import settle
from cti.servers import open_database, see_that_they_can_be_used
from cti.storage.people import SqlAccounts
from cti.web.passwords import Passwords
from sip_sim import traffic
from sip_sim.farm import Place, SimAgent
from sip_sim.traffic import Visitor

_STOP_LIMIT_S = 15.0
_COLLEAGUES = ("tom", "mei", "otto")  # of the sample company: simulated, the others are for people
_UNKNOWN_CALLERS = 8
_HOME = "+86"  # who calls from here speaks Chinese, the others English
_LANGUAGE_KEYS = {"en": "1", "zh": "2"}
_WAYS = (
    "1",
    "3",
    "214711#",
    "1",
    "3",
)  # to sales, to the help desk, an invoice's number to billing


@app.command()
@told_plainly
def up(settings_file: SettingsFile = None) -> None:
    """Start Asterisk (or find it) and run the service until it is told to stop."""
    settings = settings_of(settings_file)
    ready = _prepare(settings)
    asyncio.run(_serve(ready))
    _tell_what_goes_on()


@app.command()
@told_plainly
def demo(
    settings_file: SettingsFile = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is ready.")] = False,
    traffic_on: Annotated[
        bool, typer.Option("--traffic/--no-traffic", help="Simulated callers and colleagues.")
    ] = True,
) -> None:
    """Run a sample company with simulated callers; prints address and accounts."""
    settings = demo_settings(settings_file)
    _see_that_it_can_start(settings)
    if detach:
        _detach(settings, settings_file, traffic_on)
        return
    _write_sample(settings)
    ready = _prepare(settings)
    passwords = asyncio.run(_demo_accounts(ready))
    _introduce(settings, passwords)
    asyncio.run(_serve(ready, passwords if traffic_on else None))
    _tell_what_goes_on()


@app.command()
@told_plainly
def down(settings_file: SettingsFile = None) -> None:
    """Stop the service and its Asterisk, the demo's and the installation's."""
    stopped = []
    for settings in (demo_settings(settings_file), settings_of(settings_file)):
        stopped += _stop(settings)
    print("stopped: " + ", ".join(stopped) if stopped else "nothing was running")


@app.command()
@told_plainly
def phones(settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Print the SIP accounts of the desk phones (server, user, secret)."""
    settings = current_settings(settings_file)
    company = deployment.company_of(settings)
    secrets = load_or_make_secrets(settings.secrets_file, company)
    rows = [
        {"name": p.name, "user": p.extension, "secret": secrets.endpoint(p.extension)}
        for p in company.people
        if not is_simulated(p.login)
    ]
    rows += [
        {
            "name": p.label.get("en", ""),
            "user": p.extension,
            "secret": secrets.endpoint(p.extension),
        }
        for p in company.desk_phones
    ]
    if as_json:
        server = f"{settings.pbx.bind}:{settings.pbx.sip_port}"
        print(json.dumps({"server": server, "phones": rows}, ensure_ascii=False))
        return
    print(f"SIP server {settings.pbx.bind}:{settings.pbx.sip_port} (UDP or TCP)")
    for row in rows:
        print(f"  {row['user']}  {row['secret']}  {row['name']}")


def demo_settings(file: Path | None) -> Settings:
    """The demo's own folder inside the installation's, with all in it, so that it never touches real data."""
    settings = settings_of(file)
    own = {"database": DatabaseSettings(), "bus": BusSettings()}
    home = settings.home / "demo"
    return settings.model_copy(update={"home": home, "simulated_agents": 12, **own})


def is_running(settings: Settings) -> int | None:
    """The process id of a running service of this installation."""
    try:
        pid = int((settings.home / "service.pid").read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"ringdesk" in command or b"cti" in command else None


def current_settings(file: Path | None) -> Settings:
    """The installation that runs now: the demo if it does, else the real one."""
    trial = demo_settings(file)
    return trial if is_running(trial) else settings_of(file)


def _tell_what_goes_on() -> None:
    say(f"the service has stopped; Asterisk goes on until `{_program()} down`")


def _see_that_it_can_start(settings: Settings) -> None:
    """What can be known at once is told at once, before prompts are spoken for half a minute."""
    running_pid = is_running(settings)
    if running_pid is not None:
        raise CommandRefused(
            "already_running",
            f"the service runs already at {place_of(settings).web} (process {running_pid}): "
            "`ringdesk down` stops it",
        )
    deployment.check_room(settings.home)
    check_ports_free(deployment.service_ports(settings))
    asyncio.run(see_that_they_can_be_used(settings))


def _prepare(settings: Settings) -> Deployment:
    _see_that_it_can_start(settings)
    ready = deployment.prepare(settings, say)
    deployment.start_pbx(ready, say)
    return ready


async def _serve(ready: Deployment, passwords: dict[str, str] | None = None) -> None:
    settings = ready.settings
    configure_logging(settings.log_level, is_terminal=sys.stderr.isatty())
    pbx = ready.pbx
    service = await build(
        settings,
        ready.company,
        ready.secrets,
        notify=lambda phone: ask_to_answer(pbx, phone),
        pbx=pbx,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ready.service_pid_file.write_text(str(os.getpid()), encoding="ascii")
    try:
        async with running(service):
            settle()
            beside = [asyncio.create_task(keep_files(settings))]
            if passwords:
                beside.append(asyncio.create_task(_traffic(ready, passwords)))
            await stop.wait()
            stop.clear()  # asked again: at once
            await _first_of(service.drain(), stop.wait())
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
    finally:
        ready.service_pid_file.unlink(missing_ok=True)


async def _first_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Return when one of them is done, and end the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _traffic(ready: Deployment, passwords: dict[str, str]) -> None:
    settings = ready.settings
    colleagues = [
        SimAgent(p.login, passwords[p.login], p.extension, ready.secrets.endpoint(p.extension))
        for p in ready.company.people
        if p.login in _COLLEAGUES
    ]
    number = ready.company.numbers[0].dnis
    try:
        await traffic.run(
            place_of(settings),
            colleagues,
            _visitors(ready.company),
            number,
            carrier_port=_simulated_carrier(ready.company),
        )
    except Exception as exc:  # noqa: BLE001 - the demo goes on without its traffic, and says so
        say(f"the simulated callers stopped: {type(exc).__name__}: {exc}")


def _simulated_carrier(company: Company) -> int | None:
    """The port on this machine to which the sample company's calls go out; None: they go elsewhere."""
    host, _, port = (company.outbound.address if company.outbound else "").partition(":")
    return int(port) if host == "127.0.0.1" and port else None


def _visitors(company: Company) -> list[Visitor]:
    known = [number for customer in company.customers for number in customer.numbers]
    unknown = [f"+86139000009{n:02}" for n in range(_UNKNOWN_CALLERS)]
    visitors = []
    for index, number in enumerate([*dict.fromkeys(known), *unknown]):
        language = "zh" if number.startswith(_HOME) else "en"
        digits = _LANGUAGE_KEYS[language] + _WAYS[index % len(_WAYS)]
        visitors.append(Visitor(number, "Simulated caller", digits, language))
    return visitors


def place_of(settings: Settings) -> Place:
    """Where simulators find the system."""
    return Place(
        sip=f"{settings.pbx.bind}:{settings.pbx.sip_port}",
        web=f"http://{settings.web.bind}:{settings.web.port}",
    )


def _write_sample(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = settings.company_file or settings.home / "company.yaml"
    if not path.exists():
        path.write_text(deployment.sample_company(), encoding="utf-8")


async def _demo_accounts(ready: Deployment) -> dict[str, str]:
    """Make accounts with generated passwords; kept in a file that only its owner reads."""
    path = ready.settings.home / "demo-accounts.json"
    passwords: dict[str, str] = {}
    if path.exists():
        passwords = json.loads(path.read_text(encoding="utf-8"))
    database = await open_database(ready.settings)
    hasher = Passwords()
    try:
        accounts = SqlAccounts(database)
        for user in await keep_people(accounts, ready.company):
            if is_simulated(user.login):
                continue
            if user.login not in passwords or not await accounts.password_hash(user.user_id):
                passwords[user.login] = random_secrets.token_urlsafe(9)
                await accounts.save(user, await hasher.hash(passwords[user.login]))
    finally:
        hasher.close()
        await database.close()
    path.touch(mode=0o600)
    path.write_text(json.dumps(passwords, indent=1), encoding="utf-8")
    return passwords


def _introduce(settings: Settings, passwords: dict[str, str]) -> None:
    print(f"\n  open      http://{settings.web.bind}:{settings.web.port}")
    print(f"  sign in   lina / {passwords['lina']}    (an agent; browser phone)")
    for login in ("sofia", "admin"):
        print(f"            {login} / {passwords[login]}")
    print(
        f"  call      sip:4000@{settings.pbx.bind}:{settings.pbx.sip_port} from any SIP phone here"
    )
    print(f"  stop      {_program()} down\n", flush=True)


def _program() -> str:
    """How this program is called from here."""
    program = Path(sys.executable).with_name("ringdesk")
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)


def _detach(settings: Settings, file: Path | None, traffic_on: bool) -> None:
    """Start ourselves again without a terminal; return when the service answers."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    log_file = settings.home / "service.log"
    arguments = [sys.executable, "-m", "cti", "demo"]
    arguments += ["--settings", str(file)] if file else []
    arguments += [] if traffic_on else ["--no-traffic"]
    with log_file.open("w", encoding="utf-8") as output:
        child = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"{place_of(settings).web}/api/v1/health"
    deadline = time.monotonic() + 600  # the first start may install and speak prompts
    while time.monotonic() < deadline:
        if child.poll() is not None:
            lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
            raise ConfigError(f"the demo did not start: {lines[-1] if lines else 'no word'}")
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):  # noqa: S310
            lines = log_file.read_text(encoding="utf-8").splitlines()
            print("\n".join(line for line in lines if not line.startswith("{")))  # no log lines
            return
        time.sleep(0.2)
    child.terminate()
    raise ConfigError(f"the demo was not ready in time: see {log_file}")


def _stop(settings: Settings) -> list[str]:
    stopped = []
    pid = is_running(settings)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_LIMIT_S
        while is_running(settings) and time.monotonic() < deadline:
            time.sleep(0.05)
        if is_running(settings):
            os.kill(pid, signal.SIGKILL)
        stopped.append(f"service (process {pid})")
    if (settings.asterisk_dir / "etc" / "asterisk.conf").exists() and deployment.pbx_process(
        settings
    ).stop():
        stopped.append("Asterisk")
    return stopped
