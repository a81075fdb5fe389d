"""How a waiting caller stands now: what he demands, which agents come into question, whom he waits for.

Three things change while he waits, each by a rule of his queue or company:

* **Demands relax** and **tiers open** by the wait itself, without credits (``QueueRules.stage``).
* **The one agent** whom he waits for: his dedicated agent, else the first deputy, else who spoke with him last. Who is
  away (signed out, not ready, or about to be) is passed over at once; who is free is asked; who is busy with a call,
  its wrap-up or the gap behind it is waited for, at most ``person_time`` after he was enqueued. An agent who
  didn't take this caller before is not waited for again. The last agent counts only if he serves the queue.
* **What is known of him** (``Claim``) may come late.

Whom he waits for is settled when he begins to wait, and again, with the next ones in that order, when this agent has
gone away or the time is up. While he waits for one agent nobody else is asked, and callers behind him go ahead to the
others. He has no claim on that agent before callers who have waited longer: the order of the line holds there too.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from acd.facts import Agent, Claim, QueueEntry, Touch
from acd.rules import Configuration
from acd.states import BUSY, AgentState
from acd.ways import next_look
from cti.domain.demands import all_of, read_back
from cti.domain.evolving import replace
from cti.domain.ids import AgentId

_AWAY = (AgentState.NOT_READY, AgentState.LOGGED_OUT)


class Floor(Protocol):
    """Who is there (``acd.turn.Turn``)."""

    @property
    def configuration(self) -> Configuration:
        """The rules."""

    @property
    def now(self) -> datetime:
        """The instant of this step."""

    def part(self, name: str) -> Any:
        """A field of the state."""

    def agent(self, agent_id: AgentId | None) -> Agent | None:
        """An agent by id."""

    def is_free(self, agent: Agent) -> bool:
        """Whether he may be offered a call now."""

    def has_phone_in_use(self, agent: Agent) -> bool:
        """Whether a phone of his is in a call."""


def stand(floor: Floor, entry: QueueEntry, claim: Claim, *, is_new: bool) -> QueueEntry:
    """The caller as he stands now; ``look_at`` is when time alone will change that.

    ``is_new``: he begins to wait, or something was learnt of him; only then may he begin to wait for one agent.
    """
    configuration = floor.configuration
    rules, group = configuration.rules(entry.queue), configuration.group(claim.group)
    texts = (rules.demand, group.demand, *(text for _, text in claim.demands))
    touch = claim.touch if claim.touch and claim.touch.queue == entry.queue else Touch(entry.queue)
    said = together(texts) if touch.demand is None else touch.demand
    demand, tier, change_time = rules.stage(said, floor.now - entry.enqueued_at)
    looks = [] if change_time is None else [entry.enqueued_at + change_time]
    if rules.overflow:
        out_at = next_look(rules, entry, claim, floor.now, floor.part("wall_offset"))
        looks += [] if out_at is None else [out_at]
    wants = _wanted(floor, entry, claim, None if is_new else entry.wants, is_new=is_new)
    if wants is not None:
        looks.append(entry.enqueued_at + configuration.person_time)
    blocked_until_at = entry.blocked_until_at
    if blocked_until_at is not None and floor.now >= blocked_until_at:
        blocked_until_at = None
    elif blocked_until_at is not None:
        looks.append(blocked_until_at)
    look_at = min((at for at in looks if at > floor.now), default=None)
    given = (group.credit_time, touch.credit_time, touch.moved_time)
    now_so = (given, demand, tier, wants, blocked_until_at, look_at)
    had = (entry.group_time, entry.hand_time, entry.moved_time)
    was_so = (had, entry.demand, entry.tier, entry.wants, entry.blocked_until_at, entry.look_at)
    if now_so != was_so:
        return replace(
            entry,
            group_time=group.credit_time,
            hand_time=touch.credit_time,
            moved_time=touch.moved_time,
            demand=demand,
            tier=tier,
            wants=wants,
            blocked_until_at=blocked_until_at,
            look_at=look_at,
        )
    return entry


@lru_cache(maxsize=4_096)
def together(texts: tuple[str, ...]) -> str:
    """Everything that these texts demand, in canonical form."""
    return str(all_of(read_back(text) for text in texts if text))


def _wanted(
    floor: Floor, entry: QueueEntry, claim: Claim, present: AgentId | None, *, is_new: bool
) -> AgentId | None:
    """The first, from the present one on, who is free or may be waited for."""
    if present is None and not is_new:
        return None
    may_wait = floor.now < entry.enqueued_at + floor.configuration.person_time
    persons = _persons(claim)
    if present is not None:
        first = next((i for i, (who, _) in enumerate(persons) if who == present), len(persons))
        persons = persons[first:]
    for agent_id, is_dedicated in persons:
        agent = floor.agent(agent_id)
        if agent is None or agent_id in entry.tried:
            continue
        if not is_dedicated and entry.queue not in agent.profile.queues:
            continue
        if floor.is_free(agent) or (may_wait and is_busy(floor, agent)):
            return agent_id
    return None


def _persons(claim: Claim) -> list[tuple[AgentId, bool]]:
    persons = [(agent_id, True) for agent_id in claim.dedicated]
    return persons if claim.last_agent_id is None else [*persons, (claim.last_agent_id, False)]


def is_busy(floor: Floor, agent: Agent) -> bool:
    """Whether an agent has to do with a call and will be there afterwards."""
    if agent.state in BUSY:
        return agent.next_state not in _AWAY
    if agent.state is AgentState.READY:
        return floor.now < agent.available_at or floor.has_phone_in_use(agent)
    return agent.state is AgentState.WRAP_UP
