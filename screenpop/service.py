"""Whom an event concerns, and the pop.

The listener on the bus only folds and puts messages into bounded lines, so it never waits; customers and
tickets come from ``lookups.py``, looked up ahead of time. Of a thousand desktops an event reaches those it concerns:
the ones the call stands on, the owner of the phone, the agents of the queue.

An agent's own section is the ACD's view, read at the next turn of the loop, since the ACD must hear the event first.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from cti.domain import events as ev
from cti.domain.callback_events import CallbackAttempted
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName, is_browser_phone
from cti.domain.numbers import CallerNumber, DialPlan, NumberKind, place_of
from cti.domain.people import User
from cti.ports import Clock, EventBus, Unsubscribe
from screenpop import facts as call_facts
from screenpop import talk as talks
from screenpop.colleagues import Colleagues
from screenpop.connection import Connection
from screenpop.desks import Desk, DeskConfig, Desks, me_section
from screenpop.directory import Directory
from screenpop.facts import CallFacts
from screenpop.lookups import Interest, Known, Lookups
from screenpop.own_figures import OwnFigures
from screenpop.parking import Parking
from screenpop.ports import AgentDesk, PhoneSecrets, TicketDesk
from screenpop.queue_board import QueueBoard
from screenpop.second import SecondCalls
from screenpop.shown import OVER, Shown
from screenpop.timing import PopTimes, take
from screenpop.today import HOLDING
from screenpop.views import agent_section, phone_section

log = structlog.get_logger(__name__)

PAINT_TIMEOUT = timedelta(milliseconds=60)


class ScreenPop:
    """The desktops of everybody; ``acd.ports.Pop``."""

    def __init__(
        self,
        bus: EventBus,
        clock: Clock,
        tickets: TicketDesk,
        phones: PhoneSecrets,
        plan: DialPlan,
        config: DeskConfig,
    ) -> None:
        self.boot = secrets.token_hex(8)
        self.desks = Desks(config, self.boot)
        self._board = QueueBoard(self.desks, clock, config.queue_labels)
        self.figures = OwnFigures(self.desks, clock)
        self.directory = Directory(self.desks, clock, self._board.lines, config=config)
        Colleagues(self.desks, self.directory)  # who asks and who tells him keep him
        self.lookups = Lookups(tickets, self._looked_up, self._interest, config.disposition_labels)
        self.parking = Parking(
            self.desks,
            self.call,
            lambda call_id: self.lookups.known(call_id)[0],
            country=config.country,
            park_time=config.park_time,
        )
        self.second = SecondCalls(
            self.desks, clock, self.call, self.lookups.known, self._soon, config
        )
        self._bus = bus
        self._clock = clock
        self._agents: AgentDesk | None = None  # comes with start(): the ACD is made after us
        self._phones = phones
        self.plan = plan
        self._config = config
        self._facts: dict[CallId, CallFacts] = {}
        self._on: dict[CallId, set[AgentId]] = {}  # the desktops that a call stands on
        self._stands: dict[AgentId, CallId] = {}  # and the same the other way round
        self._times: dict[CallId, dict[AgentId, PopTimes]] = {}
        self._painted: dict[str, asyncio.Event] = {}  # by token
        self._link: ev.SwitchLinkChanged | None = None
        self._alarms: dict[str, str] = {}  # what stands, in words
        self._dirty: set[AgentId] = set()
        self._is_restoring = False
        self._unsubscribe: Unsubscribe = lambda: None
        tickets.on_change(self.lookups.changed)

    # ---- life ----------------------------------------------------------------------------------

    async def start(
        self, users: Iterable[User], agents: AgentDesk, *, is_linked: bool = False
    ) -> None:
        """Make everybody's desk and begin to listen."""
        # The geographic tables take half a second to load: before anybody waits for a pop.
        await asyncio.to_thread(place_of, CallerNumber(NumberKind.PUBLIC, "+8613800138000"), "zh")
        for user in users:
            self.desks.take(user, self._clock.now())
        self._agents = agents
        self._board.start(agents.queue_views())
        for desk in self.desks:
            self._refresh_agent(desk)
        self.directory.start(agents)
        self._unsubscribe = self._bus.subscribe(self._listen)
        if is_linked:
            self._listen(ev.SwitchLinkChanged(at=self._clock.now(), is_up=True))

    async def stop(self) -> None:
        """Stop listening and close all pages."""
        self._unsubscribe()
        self.figures.stop()
        for desk in self.desks:
            desk.shut()
        await self.lookups.stop()

    def configure(self, config: DeskConfig, plan: DialPlan) -> None:
        """The company has changed, the ACD and the parts of the desktops know; what agents see is drawn again."""
        self._config, self.plan = config, plan
        self.second.config = config
        self._board.configure(config.queue_labels)
        for desk in self.desks:
            self._refresh_agent(desk)

    def restore(self, events: Iterable[ev.Event]) -> None:
        """Take up calls, desktops and the day so far from the journal; after ``start``, before pages.

        What only the present can tell (phones, the link, queues) is not taken from the past.
        """
        self._is_restoring = True
        try:
            for event in events:
                if isinstance(event, ev.PopSent):
                    self._restore_pop(event)
                elif isinstance(event, (ev.CallEvent, ev.AgentStateChanged)):
                    self._listen(event)
        finally:
            self._is_restoring = False
        for call_id in self._on:
            self.lookups.changed(call_id)

    def _restore_pop(self, event: ev.PopSent) -> None:
        desk, facts = self.desks.get(event.agent_id), self._facts.get(event.call_id)
        if desk is None or facts is None:
            return
        waited = facts.wait_time(event.chosen_at)
        token = secrets.token_hex(8)
        self._place(desk, Shown(event.call_id, token, event.chosen_at, facts.queue, waited), facts)

    # ---- the pop -------------------------------------------------------------------------------

    async def show(
        self,
        call_id: CallId,
        agent_id: AgentId,
        queue: QueueName,
        chosen_at: datetime,
        wait_for_paint: bool,
    ) -> None:
        """Show the caller to the agent before his phone rings (``acd.ports.Pop``)."""
        desk = self.desks.get(agent_id)
        if desk is None:
            self._tell_sent(call_id, agent_id, chosen_at, is_on_desktop=False)
            return
        facts = self._facts.setdefault(call_id, CallFacts(call_id))
        token = secrets.token_hex(8)
        waited = facts.wait_time(chosen_at)
        self._place(desk, Shown(call_id, token, chosen_at, queue, waited), facts)
        times = PopTimes(call_id, agent_id, token, chosen_at)
        self._times.setdefault(call_id, {})[agent_id] = times
        painted = self._painted[token] = asyncio.Event()
        try:
            written = await desk.written()
            self._tell_sent(call_id, agent_id, chosen_at, is_on_desktop=written)
            if not written:
                return
            times.socket_time = self._clock.now() - chosen_at
            if wait_for_paint:
                await self._wait_for(painted)
        finally:
            self._painted.pop(token, None)

    async def _wait_for(self, painted: asyncio.Event) -> None:
        timer = self._clock.call_later(PAINT_TIMEOUT, painted.set)
        await painted.wait()
        timer.cancel()

    def painted(self, agent_id: AgentId, call_id: CallId, token: str) -> None:
        """The page says that a pop was painted; only the first word on the latest pop counts."""
        times = self._times.get(call_id, {}).get(agent_id)
        if times is None or times.token != token:
            return
        if (waiting := self._painted.get(token)) is not None:
            waiting.set()
        if times.paint_time is not None:
            return
        now = self._clock.now()
        times.paint_time = now - times.chosen_at
        self._bus.publish(
            ev.PopPainted(at=now, call_id=call_id, agent_id=agent_id, paint_time=times.paint_time)
        )
        if times.is_complete:
            self._tell_times(times)

    def _tell_sent(
        self, call_id: CallId, agent_id: AgentId, chosen_at: datetime, *, is_on_desktop: bool
    ) -> None:
        self._bus.publish(
            ev.PopSent(
                at=self._clock.now(),
                call_id=call_id,
                agent_id=agent_id,
                chosen_at=chosen_at,
                is_on_desktop=is_on_desktop,
            )
        )

    def _tell_times(self, times: PopTimes) -> None:
        of_call = self._times.get(times.call_id, {})
        of_call.pop(times.agent_id, None)
        if not of_call:
            self._times.pop(times.call_id, None)
        timed = times.tell(self._clock.now())
        if timed is not None:
            self._bus.publish(timed)

    def _place(self, desk: Desk, shown: Shown, facts: CallFacts) -> None:
        """Put a call on a desktop, with what is known of its caller."""
        self._leave(desk)
        updates = desk.state.show(shown, facts)
        customer, ticket = self.lookups.known(shown.call_id)
        updates += desk.state.set_customer(shown.call_id, customer)
        updates += desk.state.set_ticket(shown.call_id, ticket)
        desk.send(updates)
        self._on.setdefault(shown.call_id, set()).add(desk.user.user_id)
        self._stands[desk.user.user_id] = shown.call_id
        if not self._is_restoring:
            self.lookups.is_shown_now(shown.call_id)

    def _leave(self, desk: Desk) -> None:
        """The call that stood here is no longer told about this desktop."""
        call_id = self._stands.pop(desk.user.user_id, None)
        if call_id is None:
            return
        agents = self._on[call_id]
        agents.discard(desk.user.user_id)
        if not agents:
            del self._on[call_id]
            if call_id not in self._facts:
                self.lookups.forget(call_id)

    # ---- pages ---------------------------------------------------------------------------------

    def open(
        self, user: User, connection: Connection, boot: str | None, seq: int, language: str
    ) -> Desk:
        """A page said hello."""
        now = self._clock.now()
        before = (desk := self.desks.take(user, now)).language
        # The page isn't attached yet: it finds these changes in its first message.
        desk.put("me", me_section(user, language, now, self._config))
        self._refresh_agent(desk)
        if desk.language != before:
            desk.send(desk.state.relabel())
        if desk.attach(connection, boot, seq):
            self._bus.publish(ev.SecurityNoted(at=now, what="desktop_replaced", by=user.user_id))
        return desk

    def close(self, desk: Desk, connection: Connection) -> None:
        """A page is gone."""
        desk.detach(connection)
        self.directory.watch(desk, connection, False)

    def phone_told(self, agent_id: AgentId, is_registered: bool, has_session: bool) -> None:
        """The page says how its browser phone is."""
        desk = self.desks.get(agent_id)
        if desk is None or desk.state.sections["phone"]["kind"] != "browser":
            return
        if is_registered and not has_session and self._agents is not None:
            self._agents.phone_ready(agent_id)

    # ---- events --------------------------------------------------------------------------------

    def _listen(self, event: ev.Event) -> None:
        self.desks.note_time(self._clock.now(), self._clock.monotonic())
        match event:
            case ev.AgentStateChanged():
                self._agent_changed(event)
            case ev.CallEvent():
                self._call_changed(event)
            case ev.PhoneStateChanged():
                if (desk := self.desks.at_phone(event.endpoint)) is not None:
                    self._soon(desk)
            case ev.QueueChanged():
                self._board.changed(event)
                self.directory.changed()
            case ev.SwitchLinkChanged():
                self._link = event
                self._tell_link()
            case ev.AlarmChanged():
                self._alarms.pop(event.name, None)
                if event.is_on:
                    self._alarms[event.name] = event.detail
                self._tell_link()

    def _tell_link(self) -> None:
        """Whether Asterisk hears us, and why not; else what somebody must mend."""
        is_up = self._link is not None and self._link.is_up
        cause = self._link.cause if self._link is not None and not is_up else ""
        text = cause or " ".join(self._alarms.values())
        for desk in self.desks:
            desk.put("link", {"switch": "up" if is_up else "down", "text": text})

    def _agent_changed(self, event: ev.AgentStateChanged) -> None:
        desk = self.desks.get(event.agent_id)
        if desk is None:
            return
        self.desks.seat(desk, event.endpoint)
        desk.today.apply(event)
        self.directory.agent_changed(desk, event)
        desk.send(desk.state.apply(event, None))
        if desk.state.shown is None:
            self._leave(desk)
        self._follow(desk, event)
        self.figures.changed(desk)
        self._soon(desk)

    def _call_changed(self, event: ev.CallEvent) -> None:
        facts = self._fold(event)
        if facts is not None:
            self._arrive(event, facts)
            self._found(event, facts)
        self._measure(event)
        for desk in self._showing(event.call_id):
            desk.send(desk.state.apply(event, facts))
            if desk.state.shown is None:
                self._leave(desk)
            if isinstance(event, HOLDING):
                desk.today.apply(event)
            if isinstance(event, (ev.AgentLegLost, ev.CallConnected)):
                self._soon(desk)
        if isinstance(event, ev.AgentDidNotAnswer) and (whose := self.desks.get(event.agent_id)):
            whose.today.apply(event)
            self.figures.changed(whose)
        self.parking.take(event)
        self.second.take(event)
        if isinstance(event, ev.CallEnded) or call_facts.came_to_nothing(event):
            self._facts.pop(event.call_id, None)
            if event.call_id not in self._on:
                self.lookups.forget(event.call_id)

    def _fold(self, event: ev.CallEvent) -> CallFacts | None:
        known = self._facts.get(event.call_id)
        if known is not None:
            facts = call_facts.fold(known, event, self.plan)
        elif isinstance(event, (ev.CallOffered, ev.CallRecovered, CallbackAttempted)):
            facts = call_facts.begin(event, self.plan)
        else:
            return None
        self._facts[event.call_id] = facts
        return facts

    def _found(self, event: ev.CallEvent, facts: CallFacts) -> None:
        """What becomes of the call by which an agent asks a queue shows in the call for which he asks."""
        served = self._facts.get(facts.talk.consult_of) if facts.talk.consult_of else None
        if served is None or not isinstance(event, (ev.CallConnected, ev.CallEnqueued)):
            return
        endpoint = event.endpoint if isinstance(event, ev.CallConnected) else None
        talk = talks.found(served.talk, endpoint)
        served = self._facts[served.call_id] = replace(served, talk=talk)
        for desk in self._showing(served.call_id):
            desk.send(desk.state.refresh(served))

    def _arrive(self, event: ev.CallEvent, facts: CallFacts) -> None:
        """A call comes to a desktop by itself: dialled there, rung, asked about, or connected without a pop."""
        match event:
            case ev.CallConnected() | ev.CallRecovered() | ev.PartyJoined() | ev.ConsultConnected():
                is_free = True  # whoever speaks sees whom he speaks with
            case ev.LegDialled() if event.role != "own":
                is_free = self._is_free_for(event.endpoint)
            case ev.CallOffered() if event.consult_of is None:
                is_free = self._is_free_for(event.endpoint)
            case _:
                return
        desk = self.desks.at_phone(event.endpoint)
        shown = desk.state.shown if desk is not None else None
        if desk is None or not is_free or (shown is not None and shown.call_id == event.call_id):
            return
        is_asked = isinstance(event, (ev.PartyJoined, ev.ConsultConnected))
        if isinstance(event, ev.LegDialled):
            is_asked = event.role != "agent"
        state = "dialling" if isinstance(event, ev.CallOffered) else "offered"
        self._place_now(desk, facts, event.at, state=state, is_consulted=is_asked)

    def _is_free_for(self, phone: Endpoint | None) -> bool:
        """Whether a call that only rings may be shown: its agent is signed in, and busy with no other."""
        desk = self.desks.at_phone(phone)
        if desk is None or desk.state.sections["agent"]["state"] == "LOGGED_OUT":
            return False
        return desk.state.shown is None or desk.state.shown.state in OVER

    def _place_now(
        self, desk: Desk, facts: CallFacts, at: datetime, *, state: str, is_consulted: bool = False
    ) -> None:
        shown = Shown(
            call_id=facts.call_id,
            token=secrets.token_hex(8),
            chosen_at=at,
            queue=facts.queue,
            waited_time=facts.wait_time(at),
            state=state,
            is_consulted=is_consulted,
            is_offer=False,
        )
        self._place(desk, shown, facts)

    def _follow(self, desk: Desk, event: ev.AgentStateChanged) -> None:
        """The acd says which of several calls the agent is busy with: that one stands on his desktop."""
        shown = desk.state.shown
        if event.call_id is None or (shown is not None and shown.call_id == event.call_id):
            return
        if event.state == "WRAP_UP":
            again = desk.state.take_up_again(event.call_id)
            if again is not None:
                self._place(desk, *again)
        elif event.state in ("TALKING", "RINGING"):
            facts = self._facts.get(event.call_id)
            if facts is not None:
                held = "on_hold" if facts.held_at is not None else "talking"
                state = held if event.state == "TALKING" else "ringing"
                is_asked = event.kind == "consult"
                self._place_now(desk, facts, event.at, state=state, is_consulted=is_asked)

    def _measure(self, event: ev.CallEvent) -> None:
        if (of_call := self._times.get(event.call_id)) is not None:
            rung = event.endpoint if isinstance(event, ev.LegRang) else None
            desk = self.desks.at_phone(rung)
            for times in take(of_call, event, desk.user.user_id if desk is not None else None):
                self._tell_times(times)

    # ---- what is looked up ---------------------------------------------------------------------

    def _interest(self, call_id: CallId) -> Interest:
        if call_id in self._on:
            return Interest.SHOWN
        return Interest.AHEAD if call_id in self._facts else Interest.NONE

    def _looked_up(self, call_id: CallId, known: Known) -> None:
        customer, ticket = known
        self.parking.looked_up(call_id)
        self.second.changed(call_id)
        for desk in self._showing(call_id):
            desk.send(desk.state.set_customer(call_id, customer))
            desk.send(desk.state.set_ticket(call_id, ticket))

    def _showing(self, call_id: CallId) -> list[Desk]:
        """The desktops that a call stands on."""
        found = (self.desks.get(agent_id) for agent_id in self._on.get(call_id, ()))
        return [desk for desk in found if desk is not None]

    def _soon(self, desk: Desk) -> None:
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._refresh_dirty)
        self._dirty.add(desk.user.user_id)

    def _refresh_dirty(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for agent_id in dirty:
            if (desk := self.desks.get(agent_id)) is not None:
                self._refresh_agent(desk)

    def _refresh_agent(self, desk: Desk) -> None:
        if self._agents is None:
            return
        try:
            view = self._agents.agent_view(desk.user.user_id)
        except CommandRefused:
            return  # takes no calls: his sections stay as they were made
        desk.put("agent", agent_section(view, self._config.reasons, desk.language))
        is_browser = view.endpoint is not None and is_browser_phone(view.endpoint)
        account = self._phones.sip_account(view.endpoint) if view.endpoint and is_browser else None
        desk.put("phone", phone_section(view, account.value if account is not None else None))
        desk.put("queues", self._board.values(view.queues))
        self.second.draw(desk, view.lines)

    def call(self, call_id: CallId) -> CallFacts | None:
        """What is known of a live call."""
        return self._facts.get(call_id)
