"""In which queue a caller waits whom nobody could ask: the one to which the number that he dialled leads.

A service that is dead or hung leaves callers in the menu. Asterisk's own queue takes them, and which one must be known
without us: the first that is reached from the flow's start by asking as little as possible.
"""

from __future__ import annotations

from collections.abc import Iterator

from cti.company import Company, Flow, Node


def fallback_lines(company: Company) -> dict[str, str]:
    """Queue by dialled number, where the number leads to one; any other's callers wait in the company's first."""
    flows = {flow.name: flow for flow in company.flows}
    found = {n.dnis: _first_queue(flows[n.flow]) for n in company.numbers if n.flow is not None}
    return {dnis: queue for dnis, queue in found.items() if queue is not None}


def _first_queue(flow: Flow) -> str | None:
    """The nearest queue by steps; of several as near the one of a silent caller, then that of the first key."""
    nodes = {node.name: node for node in flow.nodes}
    line = [flow.start]
    for name in line:  # grows while it is read
        node = nodes[name]
        if node.kind == "queue" and node.queue is not None:
            return node.queue
        line += [step for step in _steps(node) if step not in line]
    return None


def _steps(node: Node) -> Iterator[str]:
    wanted = (node.next, node.no_input or node.no_match, *node.keys.values(), node.no_match)
    yield from (step for step in (*wanted, node.closed) if step is not None)
