"""Menus during a call: an agent sends his caller into one, and has him back with the result (docs/decisions/0075).

The same interpreter leads him; what differs is told here. Nothing goes into the menu path, for the pop stays as it is; what
he answers is ``CallMenuAnswered``; the end is ``CallMenuEnded``, published before he is handed back, so that whoever hears
that he is back knows the result. A menu that goes wrong, or that nobody knows (any more), ends at once as ``broken``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from cti.company import Company
from cti.company_menus import CallMenu
from cti.domain.errors import RingdeskError
from cti.domain.ids import CallId, QueueName
from cti.domain.menu_events import CallMenuAnswered, CallMenuBegan, CallMenuEnded
from ivr import model
from ivr.model import Heard, Script
from ivr.pin_steps import AskPin, PinHeard
from ivr.ports import CallerGone, CallerSession, PinCheck
from ivr.service import IvrService, Visit, told_of

log = structlog.get_logger(__name__)

_OF_PIN = {"match": "verified", "no_match": "failed", "no_input": "no_answer"}


@dataclass(frozen=True, slots=True)
class MenuPlan:
    """The company's menus during a call: by name, and those that end it by their flow."""

    scripts: Mapping[str, tuple[CallMenu, Script]]

    def last(self, flow: str) -> str | None:
        """The menu that a caller is sent into by this flow's name, for good; None: it is another kind of flow."""
        for name, (menu, _) in self.scripts.items():
            if menu.flow == flow and not menu.comes_back:
                return name
        return None


def menus_of(company: Company) -> MenuPlan:
    """Take them out of a company (that was found sound). A flow that fails has no queue to go to."""
    hours = {item.name: item for item in company.hours}
    flows = {flow.name: flow for flow in company.flows}
    return MenuPlan(
        {
            menu.name: (menu, Script(flows[menu.flow], hours, default_queue=None))
            for menu in company.call_menus
        }
    )


class CallMenus:
    """Leads callers through menus during a call."""

    def __init__(self, service: IvrService, plan: MenuPlan, pins: PinCheck | None) -> None:
        self._service = service
        self._plan = plan
        self._pins = pins

    def use(self, plan: MenuPlan) -> None:
        """Take a new configuration; callers who are in a menu finish it with the old one."""
        self._plan = plan

    def last(self, flow: str) -> str | None:
        """See ``MenuPlan``."""
        return self._plan.last(flow)

    async def run(self, session: CallerSession, call_id: CallId, name: str) -> None:
        """Lead a caller through a menu and hand him back; raises nothing but cancellation."""
        found = self._plan.scripts.get(name)
        if found is None:
            log.error("no such menu during a call", call_id=call_id)
            await self._service.finish(session, call_id, "back", {})
            return
        visit = _Visit(self._service, session, call_id, *found, self._pins)
        try:
            visit.begin()
            await visit.run()
        except CallerGone:
            visit.left("gone", None)
        except Exception as exc:  # noqa: BLE001 - outermost frame: the agent waits for him
            log.error("menu failed", call_id=call_id, flow=name, **told_of(exc))
            await visit.rescue()


class _Visit(Visit):
    """One caller in one menu. Lives as long as ``run``."""

    def __init__(
        self,
        service: IvrService,
        session: CallerSession,
        call_id: CallId,
        menu: CallMenu,
        script: Script,
        pins: PinCheck | None,
    ) -> None:
        super().__init__(service, session, call_id, script, service.plan, is_sent=True)
        self.menu = menu
        self.pins = pins
        self.label = ""  # of the node where he is
        self.result = ""  # as in CallMenuEnded, as far as it is known
        self.tries = 0
        self.has_ended = False
        if menu.comes_back:
            self.goodbye = "back"

    def begin(self) -> None:
        """Who is to come back was told of by the switch already, when he left his agent."""
        if not self.menu.comes_back:
            at = self.service.clock.now()
            self.service.bus.publish(
                CallMenuBegan(at=at, call_id=self.call_id, menu=self.menu.name, comes_back=False)
            )

    def note(self, command: model.NoteEntered | model.NoteInput) -> None:
        if isinstance(command, model.NoteEntered):
            self.label = command.label
            if not self.menu.comes_back:  # a call that is in a menu and nowhere else
                super().note(model.NoteEntered(command.node, ""))
        elif command.result == "match" and not command.is_sensitive:
            self.result = self.result or "answered"
            at = self.service.clock.now()
            self.service.bus.publish(
                CallMenuAnswered(
                    at=at,
                    call_id=self.call_id,
                    menu=self.menu.name,
                    node=command.node,
                    label=self.label,
                    digits=command.digits,
                )
            )

    async def ask_pin(self, question: AskPin) -> Heard:
        if self.pins is None:
            raise RingdeskError("nobody can compare PINs")
        refusal = await self.pins.is_ready(self.call_id)
        if refusal is not None:
            self.result = refusal
            return PinHeard(refusal)
        asked = model.AskDigits(
            question.prompts,
            question.max_digits,
            question.timeout,
            question.keeps_keys,
            is_sensitive=True,
        )
        heard = await self.ask(asked)
        if not isinstance(heard, model.Digits):
            self.result = self.result or "no_answer"
            return PinHeard("no_input")
        checked = await self.pins.check(self.call_id, heard.digits)
        self.tries += 1
        self.result = _OF_PIN.get(checked, checked)
        return PinHeard(checked)

    def ends(self, outcome: str) -> None:
        """Tell the result, before he is handed back."""
        if self.has_ended:
            return
        self.has_ended = True
        result = self.result or "no_answer"
        self.service.bus.publish(
            CallMenuEnded(
                at=self.service.clock.now(),
                call_id=self.call_id,
                menu=self.menu.name,
                result="broken" if outcome == "failed" else result,
                tries=self.tries,
            )
        )

    def left(self, outcome: str, queue: QueueName | None) -> None:
        if outcome == "failed":
            self.ends(outcome)
        if not self.menu.comes_back:
            super().left(outcome, queue)
