"""What is wrong with a menu flow, found when it is configured and not when a caller is in it.

``cti.company`` checks that names exist; this checks that each kind of node has what it needs, that opening
hours can be read, that every node can be reached, and that no loop goes round without asking the caller.
"""

from __future__ import annotations

from datetime import date

from cti.company import Company, Flow, Hours, Node
from cti.domain.errors import ConfigError
from cti.domain.opening import parse_period

_NEEDS: dict[str, tuple[str, ...]] = {
    "say": ("text", "next"),
    "menu": ("text", "keys"),
    "collect": ("text", "next"),
    "pin": ("text", "next", "no_match", "closed"),
    "hours": ("hours", "next", "closed"),
    "language": ("language", "next"),
    "queue": ("queue",),
    "voicemail": ("queue",),
    "callback": ("queue",),
    "hangup": (),
}
_SILENT = ("say", "hours", "language")
"""Kinds that go on without asking the caller."""


def check_company(company: Company) -> None:
    """Refuse a company whose flows or hours can't work.

    Raises:
        ConfigError: names the flow or hours, the node and what is missing.
    """
    problems = [text for hours in company.hours for text in hours_problems(hours)]
    for flow in company.flows:
        problems += flow_problems(flow)
    if company.default_flow not in {flow.name for flow in company.flows}:
        problems.append(f"default_flow: no flow is named {company.default_flow}")
    if problems:
        raise ConfigError("; ".join(problems))


def flow_problems(flow: Flow) -> list[str]:
    """What keeps a flow from working, one sentence each; empty: nothing."""
    problems = []
    nodes = {node.name: node for node in flow.nodes}
    for node in flow.nodes:
        where = f"flow {flow.name}, node {node.name}"
        problems += [
            f"{where}: a {node.kind} node needs '{need}'"
            for need in _NEEDS[node.kind]
            if not getattr(node, need)
        ]
        if node.is_sensitive and node.kind not in ("menu", "collect"):
            problems.append(f"{where}: only a menu or a collect node can be sensitive")
        if node.kind != "queue" and (node.demand or node.credit_time):
            problems.append(f"{where}: only a queue node can have 'demand' or 'credit_time'")
        if _goes_round(node, nodes):
            problems.append(f"{where}: goes round in a circle without asking the caller anything")
    reached = _reached(flow.start, nodes)
    problems += [
        f"flow {flow.name}, node {name}: nothing leads there"
        for name in nodes
        if name not in reached
    ]
    return problems


def hours_problems(hours: Hours) -> list[str]:
    """Lines and dates that can't be read, one sentence each."""
    problems = []
    for line in hours.open:
        try:
            parse_period(line)
        except ValueError as exc:
            problems.append(f"hours {hours.name}: {exc}")
    for text in hours.closed_dates:
        try:
            date.fromisoformat(text)
        except ValueError:
            problems.append(f"hours {hours.name}: write a closed date as 2026-10-01, not '{text}'")
    return problems


def _goes_round(start: Node, nodes: dict[str, Node]) -> bool:
    line = [start] if start.kind in _SILENT else []
    seen: set[str] = set()
    for node in line:  # grows while it is read
        for name in (node.next, node.closed):
            follower = nodes.get(name or "")
            if follower is None or follower.kind not in _SILENT:
                continue
            if follower.name == start.name:
                return True
            if follower.name not in seen:
                seen.add(follower.name)
                line.append(follower)
    return False


def _reached(start: str, nodes: dict[str, Node]) -> set[str]:
    line, seen = [start], {start}
    for name in line:  # grows while it is read
        node = nodes[name]
        for follower in (
            node.next,
            *node.keys.values(),
            node.no_input,
            node.no_match,
            node.closed,
        ):
            if follower and follower not in seen:
                seen.add(follower)
                line.append(follower)
    return seen
