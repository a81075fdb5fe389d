"""What each department does when the company changes, and what lies outside of the process; ``applying.py`` says when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from acd.adapters.figures_wiring import Figures
from acd.service import AcdService
from acd.wiring import configure as acd_configuration
from asterisk_conf.errors import CommandFailed
from asterisk_conf.process import AsteriskProcess
from asterisk_conf.render import reload_commands, render
from asterisk_conf.secrets import Secrets, load_or_make_secrets
from cti.applying import Change, Exchange, Part, Swap
from cti.asterisk.switch import Switch
from cti.asterisk.transfer_control import OutsideLine
from cti.company import Company
from cti.config import Settings
from cti.domain.ids import Endpoint, QueueName
from cti.domain.numbers import DialPlan
from ivr.wiring import Ivr
from screenpop.ports import SipAccount
from screenpop.wiring import ScreenPops, dial_rules
from tickets.wiring import Tickets

_COMPLAINTS = ("unable to", "failed", "no such command", "error", "not found")
"""What Asterisk says, in some form, when it can't load a file."""


def plan_of(settings: Settings, company: Company) -> DialPlan:
    """How numbers are read here."""
    return DialPlan(
        country=settings.country,
        area_code=settings.area_code,
        extensions=frozenset(person.extension for person in company.people),
    )


def outside_of(company: Company) -> OutsideLine | None:
    """The line to the outside, if there is one."""
    line = company.outbound
    return OutsideLine(Endpoint(line.endpoint), line.caller_id) if line else None


class BrowserPhones:
    """``screenpop.ports.PhoneSecrets`` of the generated secrets."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._settings = settings
        self.secrets = secrets

    def sip_account(self, endpoint: Endpoint) -> SipAccount:
        """How this browser phone registers with Asterisk's WebSocket."""
        host = self._settings.pbx.bind
        return SipAccount(
            url=f"ws://{host}:{self._settings.pbx.ws_port}/ws",
            uri=f"sip:{endpoint}@{host}",
            user=endpoint,
            password=self.secrets.endpoint(endpoint),
            realm="asterisk",
        )


@dataclass(frozen=True, slots=True)
class Departments:
    """Those who keep a part of the company."""

    switch: Switch
    ivr: Ivr
    acd: AcdService
    figures: Figures
    tickets: Tickets
    screenpop: ScreenPops


def parts_of(settings: Settings, departments: Departments) -> Sequence[Part]:
    """In the order in which they take a change: the ACD before the desktops, which show what it says."""

    def switch(change: Change) -> Swap:
        queue, outside = QueueName(change.company.queues[0].name), outside_of(change.company)
        return lambda: departments.switch.configure(queue, outside)

    def ivr(change: Change) -> Swap:
        return departments.ivr.prepare(change.company)

    def acd(change: Change) -> Swap:
        plan = plan_of(settings, change.company)
        configuration = acd_configuration(change.company, change.users, plan)
        numbers = dial_rules(change.company, plan).callback
        return lambda: departments.acd.configure(configuration, plan, numbers)

    def figures(change: Change) -> Swap:
        return lambda: departments.figures.configure(change.company, change.users)

    def tickets(change: Change) -> Swap:
        plan = plan_of(settings, change.company)
        return lambda: departments.tickets.configure(change.company, plan)

    def screenpop(change: Change) -> Swap:
        plan = plan_of(settings, change.company)
        return departments.screenpop.prepare(change.company, plan, change.users)

    return (switch, ivr, tickets, acd, figures, screenpop)


class PromptExchange:
    """Prompts are spoken before anybody can hear of them."""

    def __init__(self, ivr: Ivr) -> None:
        self._ivr = ivr

    async def load(self, company: Company) -> Swap:
        """Make what is missing."""
        await asyncio.to_thread(self._ivr.prompts.make, company)
        return _nothing


class AsteriskExchange:
    """Asterisk's files, and its phones' secrets."""

    def __init__(self, settings: Settings, pbx: AsteriskProcess, phones: BrowserPhones) -> None:
        self._settings = settings
        self._pbx = pbx
        self._phones = phones

    async def load(self, company: Company) -> Swap:
        """Write the files and load those that changed again; new phones may register from then on."""
        secrets = await asyncio.to_thread(self._load, company)

        def take() -> None:
            self._phones.secrets = secrets

        return take

    def _load(self, company: Company) -> Secrets:
        secrets = load_or_make_secrets(self._settings.secrets_file, company)
        changed = render(self._settings, company, secrets, self._pbx.install)
        commands = reload_commands(changed)
        if commands is None:
            raise CommandFailed(
                f"Asterisk takes {', '.join(changed)} only at its start: stop and start it"
            )
        for command in commands:
            said = self._pbx.rx(command).strip()
            if any(complaint in said.lower() for complaint in _COMPLAINTS):
                raise CommandFailed(f"Asterisk could not {command}: {said.splitlines()[0][:200]}")
        return secrets


def exchanges_of(
    settings: Settings, ivr: Ivr, pbx: AsteriskProcess | None, phones: BrowserPhones
) -> Sequence[Exchange]:
    """All of them; without ``pbx`` Asterisk's files are somebody else's (tests)."""
    prompts = PromptExchange(ivr)
    return (prompts,) if pbx is None else (prompts, AsteriskExchange(settings, pbx, phones))


def _nothing() -> None:
    """Nothing to take."""
