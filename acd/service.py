"""The ACD at work: events from the bus go into the core, its decisions go out.

Everything runs on one event loop and through one method, ``_step``; so the core is the single writer
and needs no lock. Nothing here waits for a database, a desktop or the switch: ``effects.py`` does.

The heartbeat is renewed by the same tick that runs the matcher. If the matcher fails, the count stands still and
the waiting callers go to Asterisk's own Queue(), which is what it is for. When the link comes up the heartbeat is renewed
first, then the core learns the live calls, so that callers who are fetched back don't fall back again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from datetime import timedelta

import structlog

from acd import decisions as d
from acd import hands, model, outside_phones
from acd.agenda import Agenda, Subject
from acd.breaks import warn_at
from acd.callback_desk import CallbackDesk, CallbackParts, known_callbacks, on_wall
from acd.decisions import Command, Decision, Input
from acd.effects import Effects
from acd.model import AgentState, Configuration, QueueEntry
from acd.ports import Calls, Customers, OutsideNumbers, Pop
from acd.queue_figures import QueueFigures
from acd.reconfiguring import with_leavers
from acd.restoring import gathered
from acd.timeline import Timeline
from acd.views import AgentView as AgentView  # for those who ask us for it
from acd.views import WaitingCaller, notice_of
from cti.domain import events as ev
from cti.domain.call import Call
from cti.domain.errors import CommandRefused
from cti.domain.evolving import replace
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName
from cti.domain.numbers import DialPlan, read_number
from cti.ports import CallControl, Clock, EventBus, Timer, Unsubscribe

log = structlog.get_logger(__name__)

BEAT_EVERY = timedelta(seconds=1)
STALL_SECONDS = 3.0
"""Our own loop stood still for so long: what happened meanwhile must be read before anything is decided."""
"""A queue's live figures are published at once, then at most this often."""


class AcdService:
    """Who answers. Commands raise ``CommandRefused`` with a stable reason and then change nothing."""

    def __init__(
        self,
        configuration: Configuration,
        control: CallControl,
        pop: Pop,
        bus: EventBus,
        clock: Clock,
        calls: Calls,
        *,
        plan: DialPlan | None = None,
        customers: Customers | None = None,
        callbacks: CallbackParts | None = None,
    ) -> None:
        self._configuration = configuration
        self._staff = frozenset(configuration.profiles)  # who works here
        self._plan = plan
        self._customers = customers
        self._bus = bus
        self._clock = clock
        self._calls = calls
        self._timeline = Timeline(clock)
        self._agenda = Agenda(clock, self._timeline, self._wake)
        self._effects = Effects(control, pop, clock, self._timeline, self._step, self._is_reserved)
        self._state = model.empty(configuration)
        self.callbacks = CallbackDesk(
            configuration,
            callbacks or CallbackParts(),
            calls,
            plan,
            self._effects,
            self._timeline,
            self._step,
            lambda: self._state,
            self._is_reserved,
        )
        self._outbox: deque[Decision] = deque()
        self._figures = QueueFigures(clock, self._figures_of, bus.publish)
        self._link_up = 0  # 0: down; else the number of this link
        self._links = 0
        self._last_pulse = clock.monotonic()
        self._pulse_timer: Timer | None = None
        self._unsubscribe: list[Unsubscribe] = []
        self._identified: list[ev.CallerIdentified] = []  # to be looked up again at the start

    # ---- life ----------------------------------------------------------------------------------

    def restore(self, events: Iterable[ev.Event]) -> None:
        """Take up the agents' states from the journal, and the calls that were live; before ``start``.

        The table of calls must have been told the same events before.
        """
        events = list(events)
        restored, identified = gathered(events, tuple(self._calls.live()))
        self._step(replace(restored, callbacks=known_callbacks(events, self._plan)))
        live = [call.call_id for call in restored.calls]
        self._identified = [identified[call_id] for call_id in live if call_id in identified]

    def start(self, *, is_linked: bool = False) -> None:
        """Listen and begin to tick; ``is_linked``: the switch's link is up already."""
        listen = self._bus.subscribe
        self._unsubscribe = [
            listen(self._on_link, ev.SwitchLinkChanged),
            listen(self._on_event, ev.CallEvent, ev.PhoneStateChanged),
            listen(self._on_identified, ev.CallerIdentified),
            listen(self._on_others, ev.CallEnqueued, ev.CallAnswered, ev.SubjectErased),
        ]
        while self._identified:
            self._on_identified(self._identified.pop())
        self._last_pulse = self._clock.monotonic()
        self._pulse_timer = self._clock.call_later(BEAT_EVERY, self._pulse)
        if is_linked:
            self._on_link(ev.SwitchLinkChanged(at=self._clock.now(), is_up=True))

    def configure(
        self,
        configuration: Configuration,
        plan: DialPlan | None,
        numbers: OutsideNumbers | None = None,
    ) -> None:
        """The company has changed: other rules from this instant on. Nobody is interrupted, nobody loses his place."""
        self._staff = frozenset(configuration.profiles)
        self._configuration = with_leavers(configuration, self._state)
        self._plan = plan
        self.callbacks.configure(self._configuration, plan, numbers)
        self._step(d.Reconfigured(self._staff))

    async def drain(self, limit_time: timedelta) -> None:
        """Match nobody any more; returns when no phone rings for us, at the latest after ``limit_time``.

        The heartbeat goes on meanwhile, so that who waits stays where he is until we are gone.
        """
        self._step(d.Drain())
        end = self._clock.monotonic() + limit_time.total_seconds()
        unsettled = (AgentState.RESERVED, AgentState.RINGING)
        while any(agent.state in unsettled for agent in self._state.agents.values()):
            if self._clock.monotonic() >= end:
                return
            await self._clock.sleep(timedelta(milliseconds=50))

    async def stop(self) -> None:
        """Stop listening and end all tasks. Callers stay where they are."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        if self._pulse_timer is not None:
            self._pulse_timer.cancel()
        self._agenda.stop()
        self._figures.stop()
        await self._effects.stop()

    # ---- commands ------------------------------------------------------------------------------

    async def sign_in(self, agent_id: AgentId, endpoint: Endpoint, number: str = "") -> None:
        """Take a seat at one of the agent's phones (``not_your_phone``, ``busy``, ``no_such_agent``).

        ``number``: of a phone outside; refused if it isn't his or may not be called (``outside_phones.checked``).
        """
        if agent_id not in self._staff:  # he has left, and his last call is over
            raise CommandRefused("no_such_agent", "This account doesn't take calls.")
        if number:
            profile = self._configuration.profiles[agent_id]
            number = outside_phones.checked(profile, number, self.callbacks.allowed)
        self._command(d.SignIn(agent_id, endpoint, number))

    async def sign_out(self, agent_id: AgentId) -> None:
        """Leave the queues; in a call: after it (``no_such_agent``)."""
        self._command(d.SignOut(agent_id))

    async def ready(self, agent_id: AgentId) -> None:
        """Take calls; ends a wrap-up; in a call: right after it (``signed_out``)."""
        self._command(d.SayReady(agent_id))

    async def not_ready(self, agent_id: AgentId, reason: str) -> None:
        """Take a break; in a call: right after it (``signed_out``, ``no_such_reason``)."""
        self._command(d.SayNotReady(agent_id, reason))

    async def extend_wrap_up(self, agent_id: AgentId) -> None:
        """One more minute (``not_in_wrap_up``, ``no_more_time``, ``signed_out``)."""
        self._command(d.ExtendWrapUp(agent_id))

    def lay(self, hand: d.Hands) -> None:
        """Somebody's hand on a waiting caller; refusals in ``hands.py``. Who may do it was looked at before."""
        self._command(hand)

    def phone_ready(self, agent_id: AgentId) -> None:
        """The desktop says: the browser phone is registered and has no session; rejoins a lost call."""
        self._step(d.PhoneReady(agent_id))

    # ---- views ---------------------------------------------------------------------------------

    def agent_view(self, agent_id: AgentId) -> AgentView:
        """The agent as his desktop shows him.

        Raises:
            CommandRefused: nobody of this id takes calls (``no_such_agent``).
        """
        agent = self._state.agents.get(agent_id)
        if agent is None:
            raise CommandRefused("no_such_agent", "This account doesn't take calls.")
        wall = self._timeline.to_wall_or_none
        most = self._configuration.extensions
        phone = self._state.phones.get(agent.endpoint, "unknown") if agent.endpoint else "unknown"
        return AgentView(
            agent_id=agent_id,
            state=agent.state,
            reason=agent.reason,
            kind=agent.kind,
            since_at=self._timeline.to_wall(agent.since_at),
            endpoint=agent.endpoint,
            phone=phone,
            call_id=agent.call_id,
            queue=agent.queue,
            next_state=agent.next_state,
            next_reason=agent.next_reason,
            until_at=wall(model.until_at(agent)),
            queues=tuple(sorted(agent.profile.queues)),
            notice=notice_of(agent, phone),
            warn_at=wall(warn_at(self._configuration, agent)),
            late_at=wall(agent.late_at),
            overrun_at=wall(agent.overrun_at),
            extensions_left=None if most is None else max(most - agent.extended, 0),
            lines=agent.lines,
        )

    def queue_views(self) -> tuple[ev.QueueChanged, ...]:
        """The live figures of all queues, in the order of the configuration."""
        return self._figures_of(tuple(self._configuration.queues))

    def position(self, call_id: CallId) -> int | None:
        """A waiting caller's position, from 1, never worse than announced before; None: he isn't waiting."""
        return model.position(self._state, call_id)

    def waiting(self, queue: QueueName) -> tuple[QueueEntry, ...]:
        """Who isn't connected yet, in the order of the line; times are wall-clock ones."""
        found = hands.waiting(self._state, queue)
        to_wall = self._timeline.to_wall
        return tuple(replace(e, enqueued_at=to_wall(e.enqueued_at)) for e in found)

    @property
    def queues(self) -> tuple[QueueName, ...]:
        """All queues there are, in the company's order."""
        return tuple(self._configuration.queues)

    def state_of(self, agent_id: AgentId) -> str:
        """An agent's state by name; empty: he takes no calls."""
        agent = self._state.agents.get(agent_id)
        return agent.state.value if agent is not None else ""

    def may_pull(self, queue: QueueName) -> bool:
        """Whether agents who serve a queue may take a waiting caller out of turn."""
        return self._configuration.rules(queue).agents_pull

    def queue_of(self, call_id: CallId) -> QueueName | None:
        """The queue in which a caller waits; None: he doesn't."""
        entry: QueueEntry | None = self._state.entries.get(call_id)
        return None if entry is None or entry.phase is model.Phase.CONNECTED else entry.queue

    def describe(self, call_id: CallId) -> WaitingCaller | None:
        """What a visit may tell; None: he isn't waiting."""
        entry: QueueEntry | None = self._state.entries.get(call_id)
        position = self.position(call_id)
        if entry is None or position is None:
            return None
        return WaitingCaller(call_id, entry.queue, position, entry.says)

    def visit(self, call_id: CallId, is_on: bool) -> None:
        """He is being spoken to from now on, or no longer."""
        self._step(d.Visit(call_id, is_on))

    # ---- in ------------------------------------------------------------------------------------

    def _command(self, command: Command) -> None:
        self._step(command)

    def _on_event(self, event: ev.Event) -> None:
        if type(event) in model.CONCERNS:
            self._step(self._from_wall(event))

    def _on_others(self, event: ev.Event) -> None:
        if isinstance(event, ev.CallEnqueued):
            self.callbacks.came_in(event)
        elif isinstance(event, ev.CallAnswered):
            self.callbacks.got_through(event)
        elif isinstance(event, ev.SubjectErased):
            self.callbacks.erased(event)

    def _on_identified(self, event: ev.Event) -> None:
        if isinstance(event, ev.CallerIdentified):
            self._effects.spawn(self._look_up(event))

    async def _look_up(self, event: ev.CallerIdentified) -> None:
        """Tell the core the caller's group and agents, usually while he is still in the menu."""
        configuration, call = self._configuration, self._calls.get(event.call_id)
        if call is None or call.direction != "inbound":
            return
        dedicated: tuple[AgentId, ...] = ()
        if self._plan is not None and configuration.dedicated:
            key = read_number(call.ani, self._plan).key
            dedicated = configuration.dedicated.get(key, ())
        group, last_agent_id = "", None
        counts = configuration.groups or configuration.last_agent_time
        if self._customers is not None and counts and event.match == "known" and event.customer_ids:
            since_at = self._clock.now() - configuration.last_agent_time
            try:
                relation = await self._customers.relation(event.customer_ids[0], since_at)
            except OSError as exc:
                log.warning("acd: the customer's file can't be read", error=type(exc).__name__)
            else:
                group = relation.group
                last_agent_id = relation.last_agent_id if configuration.last_agent_time else None
        call = self._calls.get(event.call_id)
        if (group or dedicated or last_agent_id) and call is not None and call.is_live:
            self._step(d.CallerKnown(event.call_id, group, dedicated, last_agent_id))

    def _on_link(self, event: ev.Event) -> None:
        if not isinstance(event, ev.SwitchLinkChanged):
            return
        if event.is_up:
            self._links += 1
            self._link_up = self._links
            self._effects.spawn(self._recover(self._link_up))
        else:
            self._link_up = 0
            self._step(d.Unlinked())

    async def _recover(self, link: int) -> None:
        has_beaten = await self._effects.first_beat()
        if not has_beaten or self._link_up != link:
            return  # the link is gone again; its next coming starts over
        self._step(d.Linked(tuple(self._from_wall_call(call) for call in self._calls.live())))
        for agent in self._state.agents.values():
            mirror = model.mirror_of(self._configuration, agent)
            if mirror is not None:
                self._effects.mirror(mirror)

    def _wake(self, subject: Subject) -> None:
        self._step(d.Due(subject))

    def _pulse(self) -> None:
        self._pulse_timer = self._clock.call_later(BEAT_EVERY, self._pulse)
        self._step(d.Due(None))  # if this fails, the count stands still
        self._timeline.now()  # notices a step
        if self._timeline.wall_offset != self._state.wall_offset:
            self._step(d.ClockSet(self._timeline.wall_offset))
        self._last_pulse = self._clock.monotonic()
        if self._state.is_linked:
            self._effects.beat()

    # ---- the core ------------------------------------------------------------------------------

    def _step(self, event: Input) -> None:
        self._notice_stall()
        self._run(event)

    def _notice_stall(self) -> None:
        monotonic = self._clock.monotonic()
        if monotonic - self._last_pulse <= STALL_SECONDS:
            return
        self._last_pulse = monotonic
        if self._state.is_linked:
            log.warning("acd: stood still, matching waits until events are read")
            self._effects.beat()
            self._run(d.Stalled())

    def _run(self, event: Input) -> None:
        self._state, decisions = model.step(
            self._configuration, self._state, event, self._timeline.now()
        )
        # A listener may come back to us while we publish; first in, first out keeps its decisions behind ours.
        self._outbox.extend(decisions)
        while self._outbox:
            self._carry_out(self._outbox.popleft())

    def _carry_out(self, decision: Decision) -> None:
        match decision:
            case d.Publish():
                self._bus.publish(self._to_wall(decision.event))
            case d.Wake():
                self._agenda.add(decision.at, decision.subject)
            case d.FiguresChanged():
                self._figures.touch(decision.queues)
            case d.Mirror():
                self._effects.mirror(decision.mirror)
            case d.CallBack() | d.DropCallback() | d.FindCallback():
                self.callbacks.carry_out(decision)
            case _:
                self._effects.carry_out(decision)

    def _is_reserved(self, reserve: d.Reserve) -> bool:
        agent = self._state.agents.get(reserve.agent_id)
        return (
            agent is not None
            and agent.state is AgentState.RESERVED
            and agent.call_id == reserve.call_id
            and agent.since_at == reserve.chosen_at
        )

    # ---- figures -------------------------------------------------------------------------------

    def _figures_of(self, queues: Collection[QueueName]) -> tuple[ev.QueueChanged, ...]:
        figures = model.figures(self._state, queues, self._clock.now())
        if not self._timeline.is_stepped:
            return figures
        return tuple(
            replace(one, longest_since=self._timeline.to_wall(one.longest_since))
            if one.longest_since is not None
            else one
            for one in figures
        )

    # ---- the wall clock ------------------------------------------------------------------------

    def _from_wall(self, event: ev.Event) -> ev.Event:
        self._timeline.now()  # notices a step
        if isinstance(event, ev.CallEnqueued):
            self._timeline.note_told(event.at)
        if not self._timeline.is_stepped:
            return event
        event = replace(event, at=self._timeline.just_now(event.at))
        if isinstance(event, ev.CallEnqueued | ev.CallRecovered) and event.enqueued_at is not None:
            return replace(event, enqueued_at=self._timeline.from_asterisk(event.enqueued_at))
        return event

    def _from_wall_call(self, call: Call) -> Call:
        if not self._timeline.is_stepped or call.enqueued_at is None:
            return call
        return replace(call, enqueued_at=self._timeline.from_asterisk(call.enqueued_at))

    def _to_wall(self, event: ev.Event) -> ev.Event:
        if not self._timeline.is_stepped:
            return event
        event = on_wall(replace(event, at=self._timeline.to_wall(event.at)), self._timeline)
        if isinstance(event, ev.AgentStateChanged):
            wall = self._timeline.to_wall_or_none
            return replace(
                event,
                until_at=wall(event.until_at),
                since_at=wall(event.since_at),
                overrun_at=wall(event.overrun_at),
            )
        return event
