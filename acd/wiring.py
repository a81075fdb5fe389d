"""Puts the department together: the company document and the ports become one ``AcdService``."""

from __future__ import annotations

from collections.abc import Iterable

from acd.model import Configuration, Profile, QueueRules
from acd.ports import Calls, Pop
from acd.service import AcdService
from cti.company import Company
from cti.domain.ids import Endpoint, QueueName
from cti.domain.people import Permission, User
from cti.ports import CallControl, Clock, EventBus


def configure(company: Company, users: Iterable[User]) -> Configuration:
    """The ACD's part of the company: the rules of its queues, and who may take calls, where."""
    queues = {
        QueueName(queue.name): QueueRules(
            name=QueueName(queue.name),
            ring_time=queue.ring_time,
            wrap_up_time=queue.wrap_up_time,
            rona_after=queue.rona_after,
            gap_time=queue.gap_time,
            announce_every=queue.announce_every,
            waits_for_paint=queue.waits_for_paint,
        )
        for queue in company.queues
    }
    served = {
        person.login: frozenset(QueueName(name) for name in person.queues)
        for person in company.people
    }
    profiles = {
        user.user_id: Profile(
            agent_id=user.user_id,
            queues=served.get(user.login, frozenset()),
            phones=(Endpoint(user.extension), Endpoint(f"{user.extension}w")),
        )
        for user in users
        if user.may(Permission.TAKE_CALLS)
    }
    return Configuration(queues, profiles, frozenset(reason.name for reason in company.reasons))


def build_acd(
    company: Company,
    users: Iterable[User],
    control: CallControl,
    pop: Pop,
    bus: EventBus,
    clock: Clock,
    calls: Calls,
) -> AcdService:
    """The service, not yet started: ``restore`` it from the journal, then ``start``.

    ``calls`` is the table of live calls, which is told every event before the ACD is.
    """
    return AcdService(configure(company, users), control, pop, bus, clock, calls)
