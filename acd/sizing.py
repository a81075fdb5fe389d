"""How many agents, trunks and gigabytes a centre needs: ``ringdesk size``. Pure; the formulas stand in ``erlang.py``.

Assumptions, all of which the command prints: calls come at random at a steady rate (Poisson), handle times
and patience are exponential, everybody serves the one line, nobody calls again. With a patience it is Erlang A, without one
Erlang C, where a load that the agents can't carry has no answer. Service level is ours
(docs/decisions/0001), with no abandonment counted as short.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from acd.erlang import Performance, erlang_b, impatient, patient
from cti.domain.errors import ConfigError

MOST_AGENTS = 20_000
"""More than this isn't looked for."""
LONGEST_PATIENCE = timedelta(days=1)
OPUS_BITS_A_SECOND = 24_000
"""Stereo Opus as the recorder writes it; the file's own frame adds about 2 %."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What callers bring; ``patience_time`` None: nobody hangs up.

    Raises:
        ConfigError: a value that can't be meant; the message names it.
    """

    calls_per_hour: float
    handle_time: timedelta
    patience_time: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be meant."""
        _above_zero("calls-per-hour", self.calls_per_hour)
        _above_zero("aht", self.handle_time.total_seconds())
        if self.patience_time is not None:
            _above_zero("patience", self.patience_time.total_seconds())
            if self.patience_time > LONGEST_PATIENCE:
                raise ConfigError(
                    "patience: more than a day; leave it out for callers who never hang up"
                )

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls_per_hour / 3600

    @property
    def load(self) -> float:
        """Erlangs: how many agents' work it is."""
        return self.rate * self.handle_time.total_seconds()


@dataclass(frozen=True, slots=True)
class Target:
    """The share of callers that is to be answered within a time."""

    service_level: float = 0.8
    answer_time: timedelta = timedelta(seconds=20)

    def __post_init__(self) -> None:
        """Refuse what can't be meant."""
        if not 0 < self.service_level < 1:
            raise ConfigError("service-level: a share between 0 and 1, such as 0.8")
        if self.answer_time < timedelta(0):
            raise ConfigError("target-time: can't be negative")


def performance(demand: Demand, agents: int, answer_time: timedelta) -> Performance:
    """What these agents make of this demand.

    Raises:
        ConfigError: no agents, or fewer than the load needs although nobody hangs up.
    """
    if agents < 1:
        raise ConfigError("agents: at least 1")
    handle_s, within_s = demand.handle_time.total_seconds(), answer_time.total_seconds()
    if demand.patience_time is None:
        if demand.load >= agents:
            raise ConfigError(
                f"agents: {agents} can't carry {demand.load:,.1f} erlangs, the queue grows without limit; "
                f"take {int(demand.load) + 1} or more, or say how long callers wait with patience"
            )
        return patient(demand.rate, handle_s, agents, within_s)
    patience_s = demand.patience_time.total_seconds()
    return impatient(demand.rate, handle_s, patience_s, agents, within_s)


def fewest_agents(demand: Demand, target: Target) -> int:
    """The smallest number of agents that reaches the target.

    Raises:
        ConfigError: more than ``MOST_AGENTS`` would be needed.
    """

    def is_enough(agents: int) -> bool:
        found = performance(demand, agents, target.answer_time)
        return found.service_level >= target.service_level

    low = int(demand.load) if demand.patience_time is None else 0  # not enough
    if low >= MOST_AGENTS or not is_enough(MOST_AGENTS):
        raise ConfigError(
            f"calls-per-hour: more than {MOST_AGENTS} agents' work; size its parts one by one"
        )
    step = 1
    while not is_enough(min(low + step, MOST_AGENTS)):
        low, step = low + step, step * 2
    high = min(low + step, MOST_AGENTS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def around(
    demand: Demand, agents: int, answer_time: timedelta, each_way: int = 4
) -> Iterator[tuple[int, Performance]]:
    """The performance of a few agents more and fewer, where there is one."""
    fewest = 1 if demand.patience_time is not None else int(demand.load) + 1
    for count in range(max(fewest, agents - each_way), agents + each_way + 1):
        yield count, performance(demand, count, answer_time)


# ---- trunks and storage ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trunks:
    """Channels to the telephone network; a call holds one in the menu, in the queue and while it is spoken."""

    load: float  # erlangs
    count: int
    blocking: float  # the share of calls that find all busy


def trunks(
    demand: Demand,
    found: Performance,
    *,
    blocking: float = 0.01,
    wrap_up_time: timedelta = timedelta(0),
    menu_time: timedelta = timedelta(0),
) -> Trunks:
    """The fewest channels that lose at most this share of calls (Erlang B).

    Raises:
        ConfigError: a share or time that can't be meant.
    """
    if not 0 < blocking < 1:
        raise ConfigError("blocking: a share between 0 and 1, such as 0.01")
    talk_s = talk_time(demand, wrap_up_time).total_seconds() * (1 - found.abandonment)
    load = demand.rate * (menu_time.total_seconds() + found.wait_s + talk_s)
    count, blocked = 0, 1.0
    while blocked > blocking:  # Erlang B's recurrence, one channel after the other
        count += 1
        blocked = load * blocked / (count + load * blocked)
    return Trunks(load, count, erlang_b(load, count))


def talk_time(demand: Demand, wrap_up_time: timedelta) -> timedelta:
    """The handle time without wrap-up: what is spoken, or on hold, and recorded.

    Raises:
        ConfigError: more wrap-up than handle time.
    """
    if not timedelta(0) <= wrap_up_time < demand.handle_time:
        raise ConfigError("wrap-up: from 0 to less than aht, of which it is a part")
    return demand.handle_time - wrap_up_time


def recording_bytes(
    demand: Demand,
    found: Performance,
    *,
    wrap_up_time: timedelta = timedelta(0),
    hours_a_day: float = 10.0,
    keep_days: int = 90,
) -> float:
    """What the recordings of so many days take, once the oldest are removed each day.

    Raises:
        ConfigError: hours or days that can't be meant.
    """
    if not 0 < hours_a_day <= 24:
        raise ConfigError("hours: from 0 to 24 a day")
    if keep_days < 1:
        raise ConfigError("keep-days: at least 1")
    answered_a_day = demand.calls_per_hour * hours_a_day * (1 - found.abandonment)
    seconds = answered_a_day * talk_time(demand, wrap_up_time).total_seconds()
    return seconds * keep_days * OPUS_BITS_A_SECOND / 8


def _above_zero(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise ConfigError(f"{name}: must be above zero")
