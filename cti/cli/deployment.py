"""One installation on this machine: its folder, company, secrets, prompts and Asterisk.

Everything that blocks and happens once, before (or beside) the service: the commands ``up``, ``demo``, ``pbx``,
``doctor`` are made of these steps. Each step is harmless when it was done already, which makes a second
start quick.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from asterisk_conf import installer
from asterisk_conf.installer import AsteriskInstall
from asterisk_conf.listening import PortNeed, check_ports_free
from asterisk_conf.process import AsteriskProcess
from asterisk_conf.progress import LinePrinter
from asterisk_conf.render import reload_commands, render
from asterisk_conf.secrets import Secrets, load_or_make_secrets
from cti.builtin import with_simulators
from cti.company import Company, load_company, parse_company
from cti.config import Settings
from cti.domain.errors import ConfigError
from ivr.adapters.prompts import PromptFolder

Say = Callable[[str], None]

_FREE_SPACE = 200 * 1024 * 1024  # below this a day of calls may fill the disk


@dataclass(frozen=True, slots=True)
class Deployment:
    """An installation that is ready to run."""

    settings: Settings
    company: Company
    secrets: Secrets
    install: AsteriskInstall

    @property
    def pbx(self) -> AsteriskProcess:
        """Its Asterisk, running or not."""
        return _process(self.settings, self.install)

    @property
    def service_pid_file(self) -> Path:
        """Where the running service wrote its process id."""
        return self.settings.home / "service.pid"


def _process(settings: Settings, install: AsteriskInstall) -> AsteriskProcess:
    home = settings.asterisk_dir
    return AsteriskProcess(install, home / "etc", home / "run")


def pbx_process(settings: Settings) -> AsteriskProcess:
    """An installation's Asterisk, running or not.

    Raises:
        RingdeskError: it is not installed.
    """
    return _process(settings, find_install(settings))


def company_of(settings: Settings) -> Company:
    """The company file of an installation, with the simulators' part.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    path = settings.company_file or settings.home / "company.yaml"
    if not path.exists():
        raise ConfigError(
            f"{path} does not exist: describe your company there, or try `ringdesk demo` first"
        )
    return with_simulators(load_company(path), settings.simulated_agents)


def sample_company() -> str:
    """The text of the sample company's file."""
    text = (files("cti") / "sample" / "company.yaml").read_text(encoding="utf-8")
    parse_company(text, "sample company")
    return text


def find_install(settings: Settings) -> AsteriskInstall:
    """The Asterisk to use, installed before.

    Raises:
        InstallError: it is not there; names the remedy.
    """
    return installer.require(settings.cache, settings.pbx.asterisk)


def find_or_install(settings: Settings, say: Say) -> AsteriskInstall:
    """The Asterisk to use; the private one is downloaded when it isn't there.

    Raises:
        PbxError: no network, no room, an unknown system: one line that names the remedy.
    """
    if settings.pbx.asterisk == "private" and installer.find(settings.cache) is None:
        say("installing a private Asterisk (about 100 MB, once)")
        printer = LinePrinter(sys.stderr)
        installed = installer.install(settings.cache, progress=printer)
        printer.close()
        return installed
    return find_install(settings)


def prepare(settings: Settings, say: Say) -> Deployment:
    """Bring an installation up to date on disk: folders, secrets, prompts, configuration.

    Raises:
        RingdeskError: whatever stands in the way, with its remedy.
    """
    check_room(settings.home)
    check_programs()
    company = company_of(settings)
    install = find_or_install(settings, say)
    secrets = load_or_make_secrets(settings.secrets_file, company)
    report = PromptFolder(settings.sounds_dir).make(company)
    if report.made:
        say(
            f"spoke {report.made} prompts with espeak-ng (a synthetic voice; replace by recordings)"
        )
    return Deployment(settings, company, secrets, install)


def start_pbx(deployment: Deployment, say: Say) -> None:
    """Render the configuration and start Asterisk, or find it running and reload what changed.

    Raises:
        RingdeskError: a port is taken, it did not start; one line that names the remedy.
    """
    settings, pbx = deployment.settings, deployment.pbx
    changed = render(settings, deployment.company, deployment.secrets, deployment.install)
    if pbx.is_running():
        commands = reload_commands(changed)
        if commands is None:
            say("Asterisk's doors or modules changed: `ringdesk pbx stop` and start take effect")
        for command in commands or ():
            pbx.rx(command)
        say(f"Asterisk {deployment.install.version} runs already (process {pbx.pid()})")
        return
    check_ports_free(pbx_ports(settings))
    pid = pbx.start()
    say(f"Asterisk {deployment.install.version} started (process {pid})")


def pbx_ports(settings: Settings) -> list[PortNeed]:
    """The ports that Asterisk is about to open."""
    pbx = settings.pbx
    return [
        PortNeed(pbx.bind, pbx.sip_port, "udp", "SIP", "pbx.sip_port"),
        PortNeed(pbx.bind, pbx.sip_port, "tcp", "SIP", "pbx.sip_port"),
        PortNeed(pbx.bind, pbx.ws_port, "tcp", "browser phones", "pbx.ws_port"),
        PortNeed("127.0.0.1", pbx.ami_port, "tcp", "AMI", "pbx.ami_port"),
    ]


def service_ports(settings: Settings) -> list[PortNeed]:
    """The ports that the service is about to open."""
    return [
        PortNeed(settings.web.bind, settings.web.port, "tcp", "web pages", "web.port"),
        PortNeed("127.0.0.1", settings.pbx.agi_port, "tcp", "FastAGI", "pbx.agi_port"),
    ]


def check_room(home: Path) -> None:
    """See that the state folder can be written and isn't nearly full.

    Raises:
        ConfigError: it can't, or is.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(home).free
    except OSError as exc:
        raise ConfigError(f"{home} can't be made: {exc.strerror}; set RINGDESK_HOME") from exc
    if not os.access(home, os.W_OK):
        raise ConfigError(f"{home} can't be written by this user; set RINGDESK_HOME")
    if free < _FREE_SPACE:
        raise ConfigError(
            f"{home} has {free // 2**20} MB free, recordings need more: make room or set RINGDESK_HOME"
        )


def check_programs() -> None:
    """See that the programs which the service calls are there.

    Raises:
        ConfigError: one is missing; names the remedy.
    """
    for program, package, purpose in (
        ("ffmpeg", "ffmpeg", "encode recordings"),
        ("espeak-ng", "espeak-ng", "speak prompts"),
    ):
        if shutil.which(program) is None:
            raise ConfigError(
                f"{program} was not found, it is needed to {purpose}: "
                f"install the package {package} (`make setup` does)"
            )
