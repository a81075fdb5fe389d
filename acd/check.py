"""Which callers of a company nobody could ever serve, found when it is configured and not when one waits. Pure.

A demand counts as it is at the end of the wait: with the last relaxation, and all tiers open.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from acd.rules import Configuration
from acd.standing import together
from cti.company import Company
from cti.domain.ids import QueueName

_LONG = timedelta(days=30)


def routing_problems(company: Company, configuration: Configuration) -> list[str]:
    """One sentence for each way to wait for ever; empty: there is none."""
    problems = []
    for queue, where, demand in _ways_in(company):
        rules = configuration.rules(queue)
        if not any(queue in profile.queues for profile in configuration.profiles.values()):
            continue  # a queue without people is plain to see, and may be meant
        last, tier, _ = rules.stage(together((rules.demand, demand)), _LONG)
        if not configuration.able((queue, last, tier)):
            what = f"has {last}" if last else f"has a penalty of at most {tier}"
            problems.append(
                f"{where}: nobody who serves queue {queue} {what}, however long he waits"
            )
    return problems


def _ways_in(company: Company) -> Iterator[tuple[QueueName, str, str]]:
    """Each queue, who comes into it, and what they demand."""
    for queue in company.queues:
        yield QueueName(queue.name), f"queue {queue.name}", ""
        for group in company.customer_groups:
            if group.demand:
                yield QueueName(queue.name), f"customer group {group.name}", group.demand
    for flow in company.flows:
        for node in flow.nodes:
            if node.kind == "queue" and node.queue and node.demand:
                yield QueueName(node.queue), f"flow {flow.name}, node {node.name}", node.demand
