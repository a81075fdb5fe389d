"""The glossary is complete: every event and every state that the code knows stands in it."""

from __future__ import annotations

import pytest

from acd.model import AgentState
from cti.domain.call import CallState
from cti.domain.records import EVENT_CLASSES
from tests.architecture.tree import ROOT

pytestmark = pytest.mark.architecture

TEXT = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(EVENT_CLASSES) - {"CallEvent"}))
def test_every_event_is_explained(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("state", [s.name for s in AgentState] + [s.name for s in CallState])
def test_every_state_is_explained(state: str) -> None:
    assert f"`{state}`" in TEXT
