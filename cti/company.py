"""The company: people, queues, numbers, menus, hours; as one checked YAML document.

This is what an administrator describes; each department takes its own part of it in its
``wiring.py``. Text that callers hear is given per language, and is spoken by synthesis until a recorded file of
the prompt's name is put in its place.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from cti.company_agents import AgentRules, DeskPhone, OutsidePhone, outside_problems
from cti.company_base import (
    Credit,
    Demand,
    Extension,
    Key,
    Language,
    Level,
    Login,
    Name,
    OutsideNumber,
    Part,
    Skill,
    Span,
    Text,
    WrapUp,
)
from cti.company_callback import Callback
from cti.company_calls import OfficeCalls, OwnCalls
from cti.company_menus import HasCallMenus, SampleCustomer, menu_problems
from cti.company_overflow import OverflowRule, company_problems, queue_problems
from cti.company_pop import AllowsPages, ShowsPops
from cti.company_tickets import HasTickets
from cti.company_waiting import Waiting
from cti.domain.demands import needs_of, parse_demand
from cti.domain.errors import ConfigError


class Person(OwnCalls):
    """Somebody who works here."""

    login: Login
    name: Annotated[str, Field(min_length=1, max_length=100)]
    staff_number: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,16}$")]
    extension: Extension
    role: Literal["agent", "supervisor", "administrator"] = "agent"
    team: str = ""
    language: Language = "en"
    queues: tuple[Name, ...] = ()
    skills: dict[Skill, Level] = Field(default_factory=dict)
    # By queue: who has a lower one is asked first; none said: 0.
    penalties: dict[Name, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    caller_id: OutsideNumber | None = None  # what he shows outside, unless he chooses another
    outside_phone: OutsidePhone | None = None  # none: he may not take calls outside


class Relax(Part):
    """From this wait on a caller demands less: each level ``minus`` lower, or ``demand`` in place of his own."""

    after: timedelta
    minus: Annotated[int, Field(ge=0, le=9)] = 0
    demand: Demand | None = None


class Tier(Part):
    """From this wait on agents with a penalty up to this one are asked as well."""

    after: timedelta
    penalty: Annotated[int, Field(ge=0, le=100)]


class Queue(Waiting, AgentRules, ShowsPops):
    """A waiting line and its rules."""

    name: Name
    label: Text
    ring_time: timedelta = timedelta(seconds=15)
    rona_after: Annotated[int, Field(ge=1, le=10)] = 1  # unanswered calls until not ready
    gap_time: timedelta = timedelta(seconds=2)  # pause between two calls of an agent
    service_level_time: timedelta = timedelta(seconds=20)
    short_abandon_time: timedelta = timedelta(seconds=5)  # sooner: nobody's fault
    credit_time: Credit = timedelta(0)  # the queue's weight
    strategy: Literal[
        "longest_idle",
        "round_robin",
        "fewest_calls",
        "least_occupied",
        "most_skilled",
        "linear",
        "random",
        "least_flexible",
        "ring_all",
    ] = "longest_idle"  # docs/queues.md
    ring_at_most: Annotated[int, Field(ge=1, le=20)] = 10  # agents at once, with ring_all
    demand: Demand = ""  # of all its callers, besides their own
    relax: tuple[Relax, ...] = ()  # by time
    tiers: tuple[Tier, ...] = ()  # by time; none: all agents from the beginning
    agents_pull: bool = False  # who serves it may take a waiting caller out of turn
    extension: Extension | None = None  # what a phone dials to call it or to transfer into it
    callback: Callback = Callback()  # docs/queues.md
    waits_for_paint: bool = False  # ring only when the pop was painted (at most 60 ms)
    hours: Name | None = None  # for overflow
    serve_after_close_time: Annotated[timedelta, Field(ge=timedelta(0))] = timedelta(minutes=30)
    overflow: tuple[OverflowRule, ...] = ()  # by rule out of the queue, the first that applies
    dispositions: tuple[str, ...] = ("solved", "callback", "complaint", "wrong number")

    @model_validator(mode="after")
    def _stages(self) -> Queue:
        for what, times in (("relax", self.relax), ("tiers", self.tiers)):
            after = [step.after for step in times]
            if after != sorted(set(after)) or (after and after[0] < timedelta(0)):
                raise ValueError(
                    f"queue {self.name}: write '{what}' by time, each later than before"
                )
        for problem in queue_problems(self):
            raise ValueError(f"queue {self.name}, {problem}")
        penalties = [tier.penalty for tier in self.tiers]
        if penalties != sorted(penalties):
            raise ValueError(f"queue {self.name}: a later tier can't take agents away again")
        return self


class NotReadyReason(Part):
    """Why an agent is away."""

    name: Name
    label: Text
    is_paid: bool = True
    limit_time: Span | None = None  # whoever is away longer is shown as late
    warn_time: timedelta = timedelta(minutes=2)  # so long before, his page warns him


class Hours(Part):
    """Opening hours: ``mon-fri 09:00-18:00`` lines in a time zone, and closed dates."""

    name: Name
    time_zone: str = "Asia/Shanghai"
    open: tuple[str, ...] = ("mon-sun 00:00-24:00",)
    closed_dates: tuple[str, ...] = ()  # ISO dates

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as exc:
            raise ValueError(f"no such time zone: {value}") from exc
        return value

    @field_validator("open")
    @classmethod
    def _known_form(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        day = "(mon|tue|wed|thu|fri|sat|sun)"
        form = re.compile(rf"{day}(-{day})? [0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d")
        for line in value:
            if not form.fullmatch(line):
                raise ValueError(f"write opening hours as 'mon-fri 09:00-18:00', not '{line}'")
        return value


class Node(Part):
    """One step of a flow. Which fields count depends on ``kind``.

    * ``say``: play ``text``, go to ``next``.
    * ``menu``: play ``text``, wait for one of ``keys`` (digit → node); barge-in.
    * ``collect``: play ``text``, read up to ``max_digits`` (# ends), go to ``next``.
    * ``hours``: ``hours`` open → ``next``, else → ``closed``.
    * ``language``: set ``language``, go to ``next``.
    * ``queue``: wait in ``queue``, for an agent who meets ``demand``, with ``credit_time`` besides the queue's.
    * ``voicemail``: play ``text``, record a message for ``queue`` (its ``voicemail`` says how long), go to ``next``,
      if there is one.
    * ``callback``: settle with the caller that he is called back by ``queue``, and hang up; who would rather wait, or
      can't be called, goes to ``next``, else back to the line from which he came, else into ``queue``.
    * ``pin``: play ``text``, read a PIN of up to ``max_digits`` and compare it with the customer's: right → ``next``,
      wrong after the last retry → ``no_match``, locked or none there → ``closed``. Only in a flow of ``call_menus``.
    * ``hangup``: say goodbye with ``text`` and hang up; in a menu during a call: the end, back to the agent.
    """

    name: Name
    kind: Literal[
        "say", "menu", "collect", "pin", "hours", "language", "queue", "callback", "voicemail", "hangup"
    ]  # fmt: skip
    label: str = ""
    text: Text = Field(default_factory=dict)
    next: Name | None = None
    keys: dict[Key, Name] = Field(default_factory=dict)
    retries: Annotated[int, Field(ge=0, le=5)] = 2
    input_timeout: timedelta = timedelta(seconds=5)
    no_input: Name | None = None  # after the last retry; none: same as no_match
    no_match: Name | None = None  # after the last retry; none: hang up
    max_digits: Annotated[int, Field(ge=1, le=32)] = 1
    is_sensitive: bool = False
    hours: Name | None = None
    closed: Name | None = None
    language: Language | None = None
    queue: Name | None = None
    demand: Demand = ""
    credit_time: Credit = timedelta(0)


class Flow(Part):
    """A menu tree, versioned."""

    name: Name
    version: Annotated[int, Field(ge=1)] = 1
    language: Language = "en"
    start: Name
    nodes: tuple[Node, ...]

    @model_validator(mode="after")
    def _references(self) -> Flow:
        names = {node.name for node in self.nodes}
        if len(names) != len(self.nodes):
            raise ValueError(f"flow {self.name}: two nodes have the same name")
        wanted = {self.start}
        for node in self.nodes:
            wanted.update(node.keys.values())
            wanted.update(n for n in (node.next, node.no_input, node.no_match, node.closed) if n)
        if missing := wanted - names:
            raise ValueError(f"flow {self.name}: no node is named {', '.join(sorted(missing))}")
        return self


class Number(Part):
    """A number that callers dial: the flow that answers it, or the person whom it rings directly."""

    dnis: Annotated[str, Field(pattern=r"^\+?[0-9]{1,20}$")]
    flow: Name | None = None
    extension: Extension | None = None
    label: str = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> Number:
        if (self.flow is None) == (self.extension is None):
            raise ValueError(f"number {self.dnis}: give it either a flow or an extension")
        return self


class ShownNumber(Part):
    """One more number that may be shown outside; to nobody in particular: everybody may."""

    number: OutsideNumber
    label: Text = Field(default_factory=dict)
    people: tuple[str, ...] = ()  # logins
    queues: tuple[Name, ...] = ()  # everybody who serves one of them

    def is_for(self, person: Person) -> bool:
        """Whether somebody may show it."""
        is_everybodys = not self.people and not self.queues
        return (
            is_everybodys or person.login in self.people or bool({*person.queues} & {*self.queues})
        )


class Outbound(Part):
    """Where calls to the outside go, and which of them are allowed; without it there are none."""

    trunk: Name = "carrier"  # the endpoint is called trunk_<name>
    address: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$")]
    caller_id: OutsideNumber  # shown to whoever is called, unless the caller has or chooses another
    shown: tuple[ShownNumber, ...] = ()
    # A number may be dialled if it begins with one of these and has at most 20 digits.
    allowed: tuple[Annotated[str, Field(pattern=r"^\+?[0-9]{0,18}$", min_length=1)], ...] = ()
    emergency: tuple[Annotated[str, Field(pattern=r"^[0-9]{2,6}$")], ...] = ()  # always allowed

    @property
    def endpoint(self) -> str:
        """The trunk's name in Asterisk."""
        return f"trunk_{self.trunk}"

    def shown_by(self, person: Person) -> tuple[ShownNumber, ...]:
        """What somebody may show outside, his own default first."""
        company = ShownNumber(number=self.caller_id)
        mine = [company, *(shown for shown in self.shown if shown.is_for(person))]
        default = person.caller_id or self.caller_id
        return tuple(sorted(mine, key=lambda shown: shown.number != default))

    @model_validator(mode="after")
    def _shown_once(self) -> Outbound:
        numbers = [self.caller_id, *(shown.number for shown in self.shown)]
        if twice := {number for number in numbers if numbers.count(number) > 1}:
            raise ValueError(f"outbound: shown twice: {', '.join(sorted(twice))}")
        return self

    @model_validator(mode="after")
    def _own_name(self) -> Outbound:
        if self.trunk == "demo":
            raise ValueError("outbound: the trunk's name demo is taken")
        return self


class CustomerGroup(Part):
    """Customers who are treated alike; a customer's file names his group."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    credit_time: Credit = timedelta(0)
    demand: Demand = ""
    preferred: tuple[Login, ...] = ()  # asked first if they are free


class Dedicated(Part):
    """Callers who have an agent of their own."""

    numbers: Annotated[tuple[str, ...], Field(min_length=1)]  # as the customers' are written
    agent: Login
    deputies: tuple[Login, ...] = ()  # asked in this order when he is away


class Company(AllowsPages, HasTickets, OfficeCalls, HasCallMenus):
    """Everything above, with the references between the parts checked."""

    name: str = "ringdesk"
    people: tuple[Person, ...] = ()
    desk_phones: tuple[DeskPhone, ...] = ()  # shared
    queues: tuple[Queue, ...]
    disposition_labels: dict[str, Text] = Field(default_factory=dict)  # none: shown as written
    reasons: tuple[NotReadyReason, ...] = ()
    hours: tuple[Hours, ...] = ()
    flows: tuple[Flow, ...]
    numbers: tuple[Number, ...]
    default_flow: Name  # unknown DNIS
    outbound: Outbound | None = None
    back_time: timedelta = timedelta(seconds=15)  # a caller whom nobody took rings at the sender
    park_time: timedelta = timedelta(seconds=120)  # then a parked caller comes back
    customers: tuple[SampleCustomer, ...] = ()
    skills: tuple[Skill, ...] = ()  # all that there are
    customer_groups: tuple[CustomerGroup, ...] = ()
    dedicated: tuple[Dedicated, ...] = ()
    # After calls that are no queue's; what isn't named has none.
    wrap_up_times: dict[
        Literal["direct", "internal", "outbound", "consult", "transfer"], WrapUp
    ] = Field(default_factory=dict)
    wrap_up_extensions: Annotated[int, Field(ge=0, le=100)] = 5  # by a minute each
    missed_days: Annotated[int, Field(ge=1, le=31)] = 3  # so long a missed call is listed
    last_agent_days: Annotated[int, Field(ge=0, le=3650)] = 0  # 0: who spoke last isn't sought
    own_agent_timeout: timedelta = timedelta(seconds=60)  # to wait for him while he talks
    strict_priority: bool = False  # more credit always goes first, however long others wait

    @property
    def time_zone(self) -> str:
        """Where its days begin: the zone of the first opening hours."""
        return self.hours[0].time_zone if self.hours else "Asia/Shanghai"

    @model_validator(mode="after")
    def _references(self) -> Company:
        queues = {queue.name for queue in self.queues}
        flows = {flow.name for flow in self.flows}
        hours = {item.name for item in self.hours}
        for person in self.people:
            _known(f"person {person.login}", "queue", set(person.queues), queues)
        for flow in self.flows:
            for node in flow.nodes:
                where = f"flow {flow.name}, node {node.name}"
                _known(where, "queue", {node.queue} - {None}, queues)
                _known(where, "hours", {node.hours} - {None}, hours)
        for queue in self.queues:
            for key, way in queue.leave_keys.items():
                known = queues if way.kind == "queue" else flows
                _known(f"queue {queue.name}, key {key}", way.kind, {way.to} - {None}, known)
            where = f"queue {queue.name}, callback"
            _known(where, "hours", {queue.callback.hours} - {None}, hours)
            _known(f"queue {queue.name}", "hours", {queue.hours} - {None}, hours)
        for problem in company_problems(self.queues, self.flows, self.outbound):
            raise ValueError(problem)
        for problem in menu_problems(self.call_menus, self.flows):
            raise ValueError(problem)
        for problem in outside_problems(self.people, self.queues, self.outbound):
            raise ValueError(problem)
        answering = {n.flow for n in self.numbers} - {None} | {self.default_flow}
        _known("numbers", "flow", answering, flows)
        direct = {n.extension for n in self.numbers} - {None}
        _known("numbers", "extension", direct, {p.extension for p in self.people})
        for what, values in (
            ("login", [p.login for p in self.people]),
            ("extension", [p.extension for p in self.people]),
            ("staff number", [p.staff_number for p in self.people]),
            ("queue", [q.name for q in self.queues]),
            ("number", [n.dnis for n in self.numbers]),
            ("skill", list(self.skills)),
            ("customer group", [g.name for g in self.customer_groups]),
        ):
            twice = {v for v in values if values.count(v) > 1}
            if twice:
                raise ValueError(f"{what} given twice: {', '.join(sorted(twice))}")
        self._dialled_once()
        self._routing()
        self._shown_to_known()
        return self

    def _routing(self) -> None:
        """Skills, groups and people that routing names must exist."""
        logins, skills = {p.login for p in self.people}, set(self.skills)
        for person in self.people:
            who = f"person {person.login}"
            _known(who, "skill", set(person.skills), skills)
            unserved = set(person.penalties) - set(person.queues)
            if unserved:
                names = ", ".join(sorted(unserved))
                raise ValueError(f"{who}: a penalty in {names}, which he doesn't serve")
        demands = [(f"queue {q.name}", q.demand) for q in self.queues]
        demands += [(f"queue {q.name}", step.demand or "") for q in self.queues for step in q.relax]
        demands += [(f"customer group {g.name}", g.demand) for g in self.customer_groups]
        demands += [
            (f"flow {flow.name}, node {node.name}", node.demand)
            for flow in self.flows
            for node in flow.nodes
        ]
        for where, demand in demands:
            _known(where, "skill", {need.skill for need in needs_of(parse_demand(demand))}, skills)
        for group in self.customer_groups:
            _known(f"customer group {group.name}", "login", set(group.preferred), logins)
        for own in self.dedicated:
            where = f"dedicated agent {own.agent}"
            _known(where, "login", {own.agent, *own.deputies}, logins)

    def _shown_to_known(self) -> None:
        """Numbers shown outside name people and queues that there are; everybody's own is one that he may show."""
        logins, queues = {p.login for p in self.people}, {q.name for q in self.queues}
        for shown in self.outbound.shown if self.outbound else ():
            where = f"outbound, shown number {shown.number}"
            _known(where, "person", set(shown.people), logins)
            _known(where, "queue", set(shown.queues), queues)
        for person in self.people:
            his = self.outbound.shown_by(person) if self.outbound else ()
            if person.caller_id is not None and person.caller_id not in {s.number for s in his}:
                raise ValueError(f"person {person.login}: may not show {person.caller_id} outside")

    def _dialled_once(self) -> None:
        """What a phone dials means one thing."""
        dialled = [p.extension for p in self.people] + [d.extension for d in self.desk_phones]
        dialled += [q.extension for q in self.queues if q.extension]
        dialled += [n.dnis for n in self.numbers]
        dialled += self.outbound.emergency if self.outbound else ()
        if twice := {number for number in dialled if dialled.count(number) > 1}:
            raise ValueError(f"dialled for two things: {', '.join(sorted(twice))}")


def _known(where: str, what: str, wanted: set[Any], known: set[str]) -> None:
    if missing := wanted - known:
        raise ValueError(f"{where}: no {what} is named {', '.join(sorted(missing))}")


def _first_line(error: yaml.YAMLError) -> str:
    """What is wrong and where, on one line."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return f"{where}{getattr(error, 'problem', None) or 'this is not YAML'}"


def parse_company(text: str, source: str = "company file") -> Company:
    """Read and check a company document.

    Raises:
        ConfigError: not YAML, an unknown key, a broken reference; names the place.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise ConfigError(f"{source}: {_first_line(exc)}") from exc
    except RecursionError as exc:
        raise ConfigError(f"{source}: nested too deeply") from exc
    if not isinstance(document, dict):
        raise ConfigError(f"{source}: it describes no company: it has no keys")
    try:
        return Company.model_validate(document)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        is_unknown = first["type"] == "extra_forbidden"
        problem = "there is no such key" if is_unknown else first["msg"]
        raise ConfigError(f"{source}: {place}: {problem}") from exc


def load_company(path: Path) -> Company:
    """Read a company file.

    Raises:
        ConfigError: it can't be read or is wrong.
    """
    try:
        return parse_company(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as exc:
        raise ConfigError(f"company file {path}: it is not UTF-8 text") from exc
    except OSError as exc:
        raise ConfigError(f"company file {path}: {exc.strerror}") from exc
