"""Flows that the tests of this folder share."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from cti.company import Company, Flow, Hours, Node
from cti.domain.ids import QueueName
from ivr.model import Script

MONDAY_NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
SUNDAY_NOON = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
OFFICE = Hours(name="office", open=("mon-fri 09:00-18:00",))
TEXT: dict[str, str] = {"en": "Hello", "zh": "你好"}


def node(name: str, kind: str, **fields: Any) -> Node:
    """A node; one that is spoken has a text unless the test gives it another."""
    if kind in ("say", "menu", "collect", "hangup"):
        fields.setdefault("text", TEXT)
    return Node.model_validate({"name": name, "kind": kind, **fields})


def flow(*nodes: Node, start: str | None = None, **fields: Any) -> Flow:
    """A flow that starts at its first node."""
    return Flow(name="main", start=start or nodes[0].name, nodes=nodes, **fields)


def script(*nodes: Node, default: str | None = "help") -> Script:
    """A script over these nodes."""
    queue = QueueName(default) if default else None
    return Script(flow(*nodes), {"office": OFFICE}, queue)


def company(*flows: Flow, numbers: dict[str, str] | None = None) -> Company:
    """A company around flows; its first queue is ``sales``, and ``help`` gives ten seconds' credit."""
    return Company.model_validate(
        {
            "queues": [
                {"name": "sales", "label": {"en": "Sales"}},
                {"name": "help", "label": {"en": "Help"}, "credit_time": timedelta(seconds=10)},
            ],
            "skills": ["vip"],
            "hours": [OFFICE.model_dump()],
            "flows": [item.model_dump() for item in flows],
            "numbers": [
                {"dnis": dnis, "flow": name}
                for dnis, name in (numbers or {"4000": flows[0].name}).items()
            ],
            "default_flow": flows[0].name,
        }
    )


_KINDS = ("say", "menu", "collect", "hours", "language", "queue", "hangup")


def any_script(seed: int) -> Script:
    """Any flow that ``cti.company`` accepts, the broken ones that ``ivr.check`` refuses among them.

    Built from a seed and not from strategies, which would cost a hundred draws a flow.
    """
    draw = random.Random(seed)
    names = [f"n{n}" for n in range(draw.randint(1, 7))]

    def maybe() -> str | None:
        return draw.choice([None, *names])

    nodes = [
        node(
            name,
            draw.choice(_KINDS),
            next=maybe(),
            closed=maybe(),
            no_input=maybe(),
            no_match=maybe(),
            keys={
                key: draw.choice(names) for key in draw.sample("0123456789*#", draw.randint(0, 3))
            },
            retries=draw.randint(0, 3),
            max_digits=draw.randint(1, 12),
            is_sensitive=draw.random() < 0.5,
            hours=draw.choice([None, "office"]),
            language=draw.choice([None, "en", "zh"]),
            queue=draw.choice([None, "sales", "help"]),
        )
        for name in names
    ]
    return script(*nodes, default=draw.choice([None, "help"]))
