"""What the API answers about figures. Each field's description is its definition, and goes into the OpenAPI document."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from acd.figures_agents import AgentFigures
from acd.figures_book import VisitLine
from acd.figures_counts import QueueFigures, Slice
from cti.web.routing import Query

LONGEST_DAYS = 92
LONGEST_DAYS_BY_INTERVAL = 7
MAX_CALLS = 500
_MAX_OFFSET = 1_000_000
_S = timedelta(seconds=1)


def _says(text: str) -> Any:
    return Field(description=text)


def _rounded(number: float | None, digits: int = 3) -> float | None:
    return None if number is None else round(number, digits)


# ---- what is asked -----------------------------------------------------------------------------


class DaysQuery(Query):
    """Which days, and how finely."""

    day: date | None = Field(None, description="The first day, where the company is; none: today.")
    until: date | None = Field(None, description="The last day, included; none: the first one.")
    by: Literal["interval", "day"] = Field(
        "day", description="Quarters of an hour (7 days at most), or days (92 at most)."
    )

    @model_validator(mode="after")
    def _not_too_long(self) -> DaysQuery:
        if self.until is not None:
            if self.day is None:
                raise ValueError("until needs a day")
            longest = LONGEST_DAYS if self.by == "day" else LONGEST_DAYS_BY_INTERVAL
            if not 0 <= (self.until - self.day).days < longest:
                raise ValueError(f"from day until must be 1 to {longest} days")
        return self


class DayQuery(Query):
    """Which day."""

    day: date | None = Field(None, description="A day, where the company is; none: today.")


class CallsQuery(DayQuery):
    """Which calls behind which figure."""

    interval: datetime | None = Field(
        None,
        description="The beginning of a quarter of an hour, with its offset; none: the whole day.",
    )
    outcome: Slice = Field(Slice.OFFERED, description="The figure to open.")
    offset: Annotated[int, Field(ge=0, le=_MAX_OFFSET)] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_CALLS)] = 100

    @model_validator(mode="after")
    def _aware(self) -> CallsQuery:
        if self.interval is not None:
            if self.day is not None:
                raise ValueError("give a day or an interval, not both")
            if self.interval.tzinfo is None:
                raise ValueError("interval needs its offset from UTC")
        return self


class StreamQuery(Query):
    """Where to go on."""

    cursor: str = Field("", max_length=64, description="The cursor of the last message; none: all.")


# ---- queues ------------------------------------------------------------------------------------


class QueueCounts(BaseModel):
    """A queue's figures over some time. They count visits: a caller's stay in one queue, in the quarter of its beginning."""

    offered: int = _says(
        "Visits that began: answered + abandoned + overflowed + left_by_key + closed + waiting."
    )
    calls: int = _says("Of these, the callers' first queue: offered − from_elsewhere.")
    from_elsewhere: int = _says("Of the offered, those sent on from another queue.")
    answered: int = _says("Connected with somebody.")
    abandoned: int = _says("Hung up while they waited.")
    short_abandoned: int = _says("Of the abandoned, those sooner than short_abandon_s.")
    overflowed: int = _says("Taken out unanswered, by a rule or by hand.")
    left_by_key: int = _says("Left by a key that they pressed.")
    closed: int = _says("Not let in, or sent away, since the queue was closed.")
    waiting: int = _says("Of the offered, those who still wait.")
    answered_in_time: int = _says("Answered within service_level_s.")
    service_level: float | None = _says("answered_in_time ÷ (offered − short_abandoned).")
    average_speed_of_answer_s: float | None = _says("Mean wait of the answered.")
    longest_wait_s: float = _says("The longest wait of all offered, however it ended or goes on.")
    average_handle_time_s: float | None = _says("Mean of talk + hold + wrap-up of the answered.")
    average_talk_time_s: float | None = _says("The part of it in which they spoke.")
    average_hold_time_s: float | None = _says("The part of it in which the caller was on hold.")
    average_wrap_up_time_s: float | None = _says("The part of it after the call.")
    rona: int = _says("Times that an agent let it ring.")
    declined: int = _says("Times that an agent declined.")
    unreachable: int = _says("Times that an agent's phone could not be reached.")
    estimates: int = _says("Estimates of a wait that can be compared with what came.")
    estimate_mean_off_s: float | None = _says("Mean absolute error of these.")
    estimate_bias_s: float | None = _says("Mean error: positive, it went faster than foreseen.")
    estimate_share_within: float | None = _says("Share that was off by 30 % of what came at most.")

    @classmethod
    def of(cls, figures: QueueFigures) -> QueueCounts:
        """As an answer."""
        own = {"longest_wait_s"}
        values = {name: getattr(figures, name) for name in cls.model_fields if name not in own}
        plain = {k: _rounded(v) if isinstance(v, float) else v for k, v in values.items()}
        return cls.model_validate(plain | {"longest_wait_s": figures.longest_wait_ms / 1000})


class QueueNow(BaseModel):
    """A queue at this moment, and its day so far."""

    name: str
    label: dict[str, str]
    waiting: int = _says("Callers in line now, those included who came back to it.")
    longest_since: datetime | None = _says("Since when the one waits who waits longest.")
    ready: int = _says("Agents who would take a call.")
    service_level_s: float = _says("T: who is answered within it counts as in time.")
    short_abandon_s: float = _says("Who hangs up sooner is left out of the service level.")
    today: QueueCounts


class QueuesAnswer(BaseModel):
    """All queues that one may see."""

    at: datetime
    day: date
    time_zone: str
    queues: list[QueueNow]


class QueuePart(BaseModel):
    """A queue's figures in one quarter of an hour, or day."""

    begins: datetime = _says("Its beginning, in the company's time zone.")
    figures: QueueCounts


class QueueAnswer(BaseModel):
    """A queue's figures over some days."""

    name: str
    label: dict[str, str]
    day: date
    until: date
    time_zone: str
    service_level_s: float = _says("T: who is answered within it counts as in time.")
    short_abandon_s: float = _says("Who hangs up sooner is left out of the service level.")
    total: QueueCounts
    parts: list[QueuePart] = _says(
        "Quarters of an hour or days; such without any call are left out."
    )


class CallBehind(BaseModel):
    """One visit that a figure counts. Nothing in it says who called."""

    call_id: str
    visit: int = _says("Which of the call's visits, from 1.")
    offered_at: datetime
    ended_at: datetime | None
    outcome: str
    reason: str = _says("Why it overflowed.")
    came_from: str = _says("Empty: the call's first; transfer, overflow, key.")
    wait_s: float
    agent_id: str | None = _says("Who answered, if he is one of yours.")
    rona: int
    declined: int
    unreachable: int
    talk_s: float
    hold_s: float
    wrap_up_s: float
    position: int | None = _says("In line, when the wait was first estimated.")
    estimate_s: float | None = _says("The first estimate.")

    @classmethod
    def of(cls, line: VisitLine, *, names_agent: bool) -> CallBehind:
        """As an answer."""
        return cls(
            call_id=line.call_id,
            visit=line.visit,
            offered_at=line.offered_at,
            ended_at=line.ended_at,
            outcome=line.outcome,
            reason=line.reason,
            came_from=line.came_from,
            wait_s=line.wait_ms / 1000,
            agent_id=line.agent_id if names_agent else None,
            rona=line.rona,
            declined=line.declined,
            unreachable=line.unreachable,
            talk_s=line.talk_ms / 1000,
            hold_s=line.hold_ms / 1000,
            wrap_up_s=line.wrap_up_ms / 1000,
            position=line.position,
            estimate_s=None if line.estimate_ms is None else line.estimate_ms / 1000,
        )


class CallsAnswer(BaseModel):
    """The calls behind a figure, as they were offered."""

    queue: str
    outcome: Slice
    calls: list[CallBehind]
    next_offset: int | None = _says("There may be more from here on; none: that was all.")


# ---- agents ------------------------------------------------------------------------------------


class AgentCounts(BaseModel):
    """What an agent did in some time; time counts in the quarter in which it was spent."""

    answered: int = _says("Queues' calls that he answered.")
    handled: int = _says("Conversations with customers, of any kind.")
    rona: int = _says("Calls that he let ring.")
    declined: int = _says("Calls that he declined.")
    unreachable: int = _says("Calls that his phone could not be reached for.")
    signed_in_s: float
    ready_s: float
    ring_s: float = _says("Reserved for a caller, or ringing.")
    talk_s: float = _says("In a conversation, without hold.")
    hold_s: float = _says("With the caller on hold, consultations included.")
    wrap_up_s: float = _says("Work after the call.")
    not_ready_s: float = _says("Away, with a reason.")
    average_handle_time_s: float | None = _says("(talk + hold + wrap-up) ÷ handled.")
    occupancy: float | None = _says("(talk + hold + wrap-up) ÷ (that + ready).")

    @classmethod
    def of(cls, figures: AgentFigures) -> AgentCounts:
        """As an answer."""
        times = ("signed_in", "ready", "ring", "talk", "hold", "wrap_up", "not_ready")
        return cls(
            answered=figures.answered,
            handled=figures.handled,
            rona=figures.rona,
            declined=figures.declined,
            unreachable=figures.unreachable,
            average_handle_time_s=_rounded(figures.average_handle_time_s),
            occupancy=_rounded(figures.occupancy),
            **{f"{name}_s": getattr(figures, f"{name}_ms") / 1000 for name in times},
        )


class AgentPart(BaseModel):
    """An agent's figures in one quarter of an hour, or day."""

    begins: datetime = _says("Its beginning, in the company's time zone.")
    figures: AgentCounts


class AgentAnswer(BaseModel):
    """One agent's figures."""

    agent_id: str
    name: str
    team: str
    total: AgentCounts
    parts: list[AgentPart] = _says("Quarters of an hour or days; empty ones are left out.")


class AgentsAnswer(BaseModel):
    """The figures of all agents that one may see."""

    day: date
    until: date
    time_zone: str
    agents: list[AgentAnswer]


def seconds(time: timedelta) -> float:
    """As the API writes durations."""
    return time / _S
