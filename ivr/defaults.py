"""Where a caller goes when his flow fails."""

from __future__ import annotations

from cti.company import Company, Flow, Node
from cti.domain.ids import QueueName


def default_queue(flow: Flow, company: Company) -> QueueName | None:
    """Where a caller goes when a flow fails: the first queue it leads to, else the company's first.

    The nearest in numbers of steps, keys in the order in which they are written.
    """
    nodes = {node.name: node for node in flow.nodes}
    line, seen = [flow.start], {flow.start}
    for name in line:  # grows while it is read: breadth first
        node = nodes[name]
        if node.kind in ("queue", "callback") and node.queue:
            return QueueName(node.queue)
        for follower in _followers(node):
            if follower not in seen:
                seen.add(follower)
                line.append(follower)
    return QueueName(company.queues[0].name) if company.queues else None


def _followers(node: Node) -> list[str]:
    ways = (node.next, *node.keys.values(), node.no_input, node.no_match, node.closed)
    return [name for name in ways if name]
