"""What the company says about menus during a call, to which an agent can send his caller, and about customers' PINs.

Why it is so: docs/decisions/0075.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Protocol

from pydantic import Field

from cti.company_base import Name, Part, Text

PIN = r"^[0-9]{4,8}$"
"""The form of a customer's PIN."""
_LEADS_AWAY = frozenset({"queue", "voicemail", "callback"})


class CallMenu(Part):
    """A flow through which an agent can send the caller with whom he talks.

    ``comes_back``: the agent keeps the line and has him back when the flow is over; else the agent's part ends, and
    the flow ends the call.
    """

    name: Name
    label: Text
    flow: Name
    comes_back: bool = True


class HasCallMenus(Part):
    """The company's menus during a call."""

    call_menus: Annotated[tuple[CallMenu, ...], Field(max_length=4)] = ()
    pin_tries: Annotated[int, Field(ge=1, le=20)] = 5  # wrong ones in a row, then it is locked


class SampleCustomer(Part):
    """A customer that a new installation starts with."""

    name: str
    company: str = ""
    numbers: tuple[str, ...] = ()
    group: str = ""
    note: str = ""
    pin: Annotated[str, Field(pattern=PIN)] | None = Field(default=None, repr=False)


class _Step(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def next(self) -> str | None: ...
    @property
    def no_match(self) -> str | None: ...
    @property
    def closed(self) -> str | None: ...


class _Flow(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def nodes(self) -> Sequence[_Step]: ...


def menu_problems(menus: Sequence[CallMenu], flows: Sequence[_Flow]) -> Iterator[str]:
    """What keeps these menus from working, one sentence each."""
    names = [menu.name for menu in menus]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"call_menus: two are named {name}"
    known = {flow.name: flow for flow in flows}
    for menu in menus:
        flow = known.get(menu.flow)
        if flow is None:
            yield f"call_menus, {menu.name}: no flow is named {menu.flow}"
            continue
        for node in flow.nodes:
            if node.kind in _LEADS_AWAY:
                yield f"call_menus, {menu.name}: node {node.name} leads the caller away from his agent"
    used = {menu.flow for menu in menus}
    for flow in flows:
        for node in flow.nodes:
            if node.kind != "pin":
                continue
            where = f"flow {flow.name}, node {node.name}"
            if flow.name not in used:
                yield f"{where}: a PIN is checked during a call only (call_menus)"
            if not (node.next and node.no_match and node.closed):
                yield f"{where}: a pin node needs 'next', 'no_match' and 'closed'"
