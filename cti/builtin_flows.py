"""Flows that every queue has without anybody writing them: ``_voicemail_<queue>``, ``_callback_<queue>``, rules' messages.

Their names begin with ``_``, which no name of the company's does. A queue's keys and rules send callers there by
``Target("flow", builtin_flow("voicemail", queue))``; the dialplan knows each as ``f-<flow>``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from cti.company import Company, Flow, Node, Queue
from cti.company_base import Text
from cti.company_overflow import ways_out

VOICEMAIL_GREETING: Text = {
    "en": "Please leave a message after the tone. Press hash when you have finished.",
    "zh": "请在提示音后留言，说完请按井号键。",
}


class BuiltinFlow(Flow):
    """A flow that nobody wrote."""

    name: Annotated[str, Field(pattern=r"^_[a-z0-9_]{1,63}$")]


def builtin_flow(kind: str, queue: str) -> str:
    """The name of a queue's flow of this kind: ``voicemail``, and what else is in ``company_waiting.BUILT_IN``."""
    return f"_{kind}_{queue}"


def flows_of(company: Company) -> tuple[Flow, ...]:
    """All flows of a company: its own, then the built-in ones of its queues."""
    queues = company.queues
    messages = (flow for queue in queues for flow in _messages(queue))
    return (*company.flows, *map(_voicemail, queues), *map(_callback, queues), *messages)


def _messages(queue: Queue) -> Iterator[BuiltinFlow]:
    """What a rule of the queue lets callers hear before goodbye."""
    for rule, target in ways_out(queue):
        if rule.to.kind == "message":
            node = Node(name="goodbye", kind="hangup", text=rule.to.text)
            yield BuiltinFlow(name=target, start=node.name, nodes=(node,))


def _callback(queue: Queue) -> BuiltinFlow:
    node = Node(name="callback", kind="callback", label="回电 Callback", queue=queue.name)
    return BuiltinFlow(name=builtin_flow("callback", queue.name), start="callback", nodes=(node,))


def _voicemail(queue: Queue) -> BuiltinFlow:
    message = Node(
        name="message",
        kind="voicemail",
        label="留言 Voicemail",
        queue=queue.name,
        text=queue.voicemail.greeting or VOICEMAIL_GREETING,
    )
    return BuiltinFlow(
        name=builtin_flow("voicemail", queue.name), start="message", nodes=(message,)
    )
