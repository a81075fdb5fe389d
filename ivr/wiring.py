"""Puts the menus together: the service, the prompts, and the AGI scripts of docs/dialplan.md.

``cti/bootstrap.py`` calls ``wire`` once, gives ``Ivr.routes`` to the FastAGI server, and calls ``configure`` at
start and whenever the company changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cti.company import Company
from cti.ports import Clock, EventBus
from ivr.adapters.prompts import Progress, PromptFolder, Report
from ivr.adapters.scripts import Script, agi_scripts
from ivr.call_menus import CallMenus, menus_of
from ivr.check import check_company
from ivr.ports import CallbackLine, KnownCalls, PinCheck, RecordingPause, WaitingLine
from ivr.service import IvrService, plan_of


@dataclass(frozen=True, slots=True)
class Ivr:
    """The department, put together."""

    service: IvrService
    menus: CallMenus
    prompts: PromptFolder
    routes: Mapping[str, Script] = field(repr=False)
    """AGI path → script, for ``cti.asterisk.fastagi.FastAgiServer``."""

    def prepare(self, company: Company) -> Callable[[], None]:
        """Check a company; the function returned uses its menus for every call from then on. Its prompts must be made.

        Raises:
            ConfigError: the menus can't work.
        """
        check_company(company)
        plan, menus = plan_of(company), menus_of(company)

        def use() -> None:
            self.service.use(plan)
            self.menus.use(menus)

        return use

    async def configure(self, company: Company, progress: Progress | None = None) -> Report:
        """Check a company, make its prompts, then use its menus for every call from now on.

        ``progress`` is called in another thread.

        Raises:
            ConfigError: the menus can't work or a prompt can't be made; the old ones stay in use.
        """
        check_company(company)
        report = await asyncio.to_thread(self.prompts.make, company, progress)
        self.service.use(plan_of(company))
        self.menus.use(menus_of(company))
        return report


def wire(
    company: Company,
    sounds_dir: Path,
    *,
    bus: EventBus,
    clock: Clock,
    calls: KnownCalls,
    line: WaitingLine,
    recording: RecordingPause,
    callbacks: CallbackLine | None = None,
    pins: PinCheck | None = None,
    prompts: PromptFolder | None = None,
) -> Ivr:
    """Build the department. Prompts are made by ``configure``, not here; ``prompts`` replaces the folder.

    Raises:
        ConfigError: the company's menus can't work.
    """
    check_company(company)
    service = IvrService(
        plan_of(company),
        bus=bus,
        clock=clock,
        calls=calls,
        line=line,
        recording=recording,
        callbacks=callbacks,
    )
    prompts = prompts or PromptFolder(sounds_dir)
    menus = CallMenus(service, menus_of(company), pins)
    return Ivr(service, menus, prompts, agi_scripts(service, menus, prompts))
