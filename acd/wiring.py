"""Puts the department together: the company document and the ports become one ``AcdService``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from acd.callback_desk import CallbackParts
from acd.callback_rules import CallbackRules
from acd.check import routing_problems
from acd.model import Configuration, Profile, QueueRules
from acd.ports import Calls, Customers, Pop
from acd.rules import BreakLimit, CustomerGroup, Overflow, Relaxation, Tier, WayOut
from acd.service import AcdService
from acd.strategy import Strategy
from cti import company_waiting
from cti.builtin_flows import builtin_flow
from cti.company import Company, Hours, Person, Queue
from cti.company_base import WrapUp
from cti.company_overflow import ways_out
from cti.domain.errors import ConfigError
from cti.domain.ids import AgentId, Endpoint, QueueName, own_phone
from cti.domain.numbers import DialPlan, read_number
from cti.domain.opening import Opening, is_open, opening_of
from cti.domain.people import Permission, User
from cti.domain.targets import Target
from cti.domain.ways_out import OverflowWay
from cti.ports import CallControl, Clock, EventBus

log = structlog.get_logger(__name__)


def configure(
    company: Company, users: Iterable[User], plan: DialPlan | None = None
) -> Configuration:
    """The ACD's part of the company: its rules, and who may take calls, where and what he is able to.

    ``plan`` reads the numbers of callers who have an agent of their own; without it nobody has.
    """
    people = {person.login: (rank, person) for rank, person in enumerate(company.people)}
    profiles, ids = {}, {}
    hours = {item.name: item for item in company.hours}
    for user in users:
        ids[user.login] = user.user_id
        if user.may(Permission.TAKE_CALLS):
            rank, person = people.get(user.login, (len(people), None))
            profiles[user.user_id] = _profile(user, rank, person)
    groups = {
        group.name: CustomerGroup(
            group.credit_time, group.demand, frozenset(_ids(ids, group.preferred))
        )
        for group in company.customer_groups
    }
    dedicated = {
        read_number(number, plan).key: _ids(ids, (own.agent, *own.deputies))
        for own in company.dedicated
        for number in own.numbers
        if plan is not None
    }
    return Configuration(
        queues={QueueName(queue.name): _rules(queue, company, hours) for queue in company.queues},
        profiles=profiles,
        reasons=frozenset(reason.name for reason in company.reasons),
        hot_desks=frozenset(Endpoint(phone.extension) for phone in company.desk_phones),
        wrap_up_times={kind: _limit(time) for kind, time in company.wrap_up_times.items()},
        extensions=company.wrap_up_extensions,
        break_limits={
            reason.name: BreakLimit(reason.limit_time, reason.warn_time)
            for reason in company.reasons
            if reason.limit_time is not None
        },
        groups=groups,
        person_time=company.own_agent_timeout,
        last_agent_time=timedelta(days=company.last_agent_days),
        dedicated={key: agents for key, agents in dedicated.items() if key},
        is_strict=company.strict_priority,
    )


def _rules(queue: Queue, company: Company, hours: Mapping[str, Hours]) -> QueueRules:
    return QueueRules(
        name=QueueName(queue.name),
        ring_time=queue.ring_time,
        wrap_up_time=_limit(queue.wrap_up_time),
        rona_after=queue.rona_after,
        gap_time=queue.gap_time,
        announce_every=queue.announce_every if queue.is_announcing else timedelta(0),
        offer_every=queue.offer_every if queue.is_offering else timedelta(0),
        waits_for_paint=queue.waits_for_paint,
        strategy=Strategy(queue.strategy),
        ring_at_most=queue.ring_at_most,
        demand=queue.demand,
        relaxations=tuple(Relaxation(x.after, x.minus, x.demand) for x in queue.relax),
        tiers=tuple(Tier(x.after, x.penalty) for x in queue.tiers),
        must_name_outcome=queue.requires_disposition,
        leave_keys={key: _way_out(queue, way) for key, way in queue.leave_keys.items()},
        agents_pull=queue.agents_pull,
        callback=_callback(queue, hours),
        overflow=tuple(_overflow(queue, company)),
        opening=_opening(queue, company),
        serve_after_close_time=queue.serve_after_close_time,
        manner=queue.manner,
    )


def _overflow(queue: Queue, company: Company) -> Iterator[Overflow]:
    weights = {other.name: other.credit_time for other in company.queues}
    for rule, target in ways_out(queue):
        to = rule.to
        credit_time = weights.get(target, timedelta(0)) if to.kind == "queue" else timedelta(0)
        way = OverflowWay(rule.when, to.kind, target, to.keeps_place, credit_time)
        yield Overflow(way, rule.after or timedelta(0), rule.at_least or 0)


def _opening(queue: Queue, company: Company) -> Opening | None:
    hours = next((item for item in company.hours if item.name == queue.hours), None)
    try:
        return None if hours is None else opening_of(hours)
    except ValueError as exc:
        raise ConfigError(f"hours {queue.hours}: {exc}") from exc


def _limit(time: WrapUp) -> timedelta | None:
    return None if time == "until_done" else time


def _way_out(queue: Queue, way: company_waiting.WayOut) -> WayOut:
    if way.kind == "queue":
        target = Target("queue", way.to or "")
    else:
        target = Target("flow", way.to or builtin_flow(way.kind, queue.name))
    return WayOut(way.kind, way.to or "", target)


def _callback(queue: Queue, hours: Mapping[str, Hours]) -> CallbackRules:
    said, known = queue.callback, hours.get(queue.callback.hours or "")
    rules = CallbackRules(
        is_offered=said.is_offered,
        share=said.share,
        attempts=said.attempts,
        pause_time=said.pause_time,
        expire_time=said.expire_time,
    )
    return rules if known is None else replace(rules, is_open=partial(is_open, known))


def _profile(user: User, rank: int, person: Person | None) -> Profile:
    return Profile(
        agent_id=user.user_id,
        queues=frozenset(QueueName(name) for name in person.queues) if person else frozenset(),
        phones=_phones(user, person),
        outside_numbers=person.outside_phone.numbers if person and person.outside_phone else (),
        skills=dict(person.skills) if person else {},
        penalties={QueueName(q): n for q, n in person.penalties.items()} if person else {},
        rank=rank,
    )


def _phones(user: User, person: Person | None) -> tuple[Endpoint, ...]:
    own = (Endpoint(user.extension), own_phone(user.extension, "browser"))
    is_outside = person is not None and person.outside_phone is not None
    return (*own, own_phone(user.extension, "outside")) if is_outside else own


def _ids(ids: Mapping[str, AgentId], logins: Iterable[str]) -> tuple[AgentId, ...]:
    return tuple(ids[login] for login in logins if login in ids)


def build_acd(
    company: Company,
    users: Iterable[User],
    control: CallControl,
    pop: Pop,
    bus: EventBus,
    clock: Clock,
    calls: Calls,
    *,
    plan: DialPlan | None = None,
    customers: Customers | None = None,
    callbacks: CallbackParts | None = None,
) -> AcdService:
    """The service, not yet started: ``restore`` it from the journal, then ``start``.

    ``calls`` is the table of live calls, which is told every event before the ACD is. Without ``customers`` nobody has
    a group or a last agent.
    """
    configuration = configure(company, users, plan)
    for problem in routing_problems(company, configuration):
        log.warning("acd: callers whom nobody can serve", problem=problem)
    return AcdService(
        configuration,
        control,
        pop,
        bus,
        clock,
        calls,
        plan=plan,
        customers=customers,
        callbacks=callbacks,
    )
