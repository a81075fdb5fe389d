"""The matcher against a naive one that reads the rule word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd import decisions as d
from acd import model
from acd.model import Configuration, Profile
from cti.domain import events as ev
from cti.domain.ids import AgentId, CallId, Endpoint, QueueName
from tests.acd.world import rules, seconds
from tests.fakes.clock import START_AT

pytestmark = pytest.mark.unit

QUEUES = [QueueName(name) for name in ("a", "b", "c")]
Agents = list[tuple[frozenset[QueueName], int]]  # queues served, ready since (s)
Callers = list[tuple[QueueName, int, int]]  # queue, waited (s), credit (s)


def naive(agents: Agents, callers: Callers) -> list[tuple[int, int]]:
    """Walk over all callers by wait and credit; each takes the longest idle agent left."""
    free = set(range(len(agents)))
    pairs = []
    for caller in sorted(range(len(callers)), key=lambda i: -(callers[i][1] + callers[i][2])):
        able = [i for i in free if callers[caller][0] in agents[i][0]]
        if able:
            agent = min(able, key=lambda i: (agents[i][1], i))
            free.discard(agent)
            pairs.append((caller, agent))
    return pairs


def matched(agents: Agents, callers: Callers, now: datetime) -> list[tuple[int, int]]:
    profiles = {
        AgentId(f"{i:03}"): Profile(AgentId(f"{i:03}"), queues, (Endpoint(f"{1000 + i}"),))
        for i, (queues, _) in enumerate(agents)
    }
    config = Configuration({queue: rules(queue) for queue in QUEUES}, profiles)
    state = model.empty(config)
    for i, (_, since) in sorted(enumerate(agents), key=lambda item: item[1][1]):
        agent, phone = AgentId(f"{i:03}"), Endpoint(f"{1000 + i}")
        for event in (
            d.SignIn(agent, phone),
            d.SayReady(agent),
            ev.PhoneStateChanged(at=now, endpoint=phone, state="idle"),
        ):
            state, _ = model.step(config, state, event, now + seconds(since))
    now += timedelta(hours=1)
    for i, (queue, waited, credit) in enumerate(callers):
        enqueued = ev.CallEnqueued(
            at=now,
            call_id=CallId(str(i)),
            queue=queue,
            enqueued_at=now - seconds(waited),
            credit_time=seconds(credit),
        )
        state, _ = model.step(config, state, enqueued, now)
    # The line stood while there was no link; now everything is matched in one step.
    state = replace(state, is_linked=True)
    _, decisions = model.step(config, state, d.Due(None), now)
    return [(int(x.call_id), int(x.agent_id)) for x in decisions if isinstance(x, d.Reserve)]


@settings(max_examples=25)
@given(
    agents=st.lists(
        st.tuples(st.frozensets(st.sampled_from(QUEUES)), st.integers(0, 600)), max_size=6
    ),
    callers=st.lists(
        st.tuples(st.sampled_from(QUEUES), st.integers(0, 60), st.integers(0, 60)), max_size=8
    ),
)
def test_the_matcher_does_what_the_rule_says(agents: Agents, callers: Callers) -> None:
    assert matched(agents, callers, START_AT) == naive(agents, callers)
