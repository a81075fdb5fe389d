"""Somebody who asked to be called back is exported and erased with his number, also one that he entered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from cti.domain import callback_events as cb
from cti.domain import events as ev
from cti.domain.callbacks import attempt_id
from cti.domain.ids import Endpoint, LegId, QueueName
from tests.cti import test_subjects
from tests.cti.test_subjects import LINA, WANG, Installation, call_id, sqlite

pytestmark = pytest.mark.contract

SALES = QueueName("sales")
home, database_url, place = test_subjects.home, test_subjects.database_url, test_subjects.place


async def ask(place: Installation, n: int, ani: str) -> None:
    """A call in which somebody asks to be called back at Wang's number, and one agent who doesn't lift."""
    now = datetime.now(UTC)
    place.happen(ev.CallOffered, call_id=call_id(n), leg_id=LegId(f"{n}.1"), dnis="100", ani=ani)
    place.happen(
        cb.CallbackRequested, call_id=call_id(n), queue=SALES, enqueued_at=now,
        expires_at=now + timedelta(days=1), number=WANG,
    )  # fmt: skip
    place.happen(ev.CallEnded, call_id=call_id(n), cause=16, ended_by="system")
    place.happen(
        cb.CallbackAttempted, call_id=attempt_id(call_id(n), 1), callback_id=call_id(n),
        agent_id=LINA.user_id, endpoint=Endpoint("1001"), queue=SALES, serial=1, attempt=1,
        requested_at=now, enqueued_at=now, number=WANG,
    )  # fmt: skip
    place.happen(
        ev.ReservationReleased, call_id=attempt_id(call_id(n), 1), agent_id=LINA.user_id,
        reason="agent",
    )  # fmt: skip
    await place.tickets.service.idle()
    await place.journal.flush()


@sqlite
@pytest.mark.parametrize("ani", [WANG, "anonymous"], ids=["his own", "entered"])
async def test_exported_and_erased(place: Installation, ani: str) -> None:
    await ask(place, 1, ani)
    exported = json.dumps(await place.export(WANG))
    assert "CallbackRequested" in exported
    await place.erase(WANG)
    assert WANG not in await place.dump()
    story = await place.journal.open_callbacks(before=place.journal.last)
    assert [type(e) for e in story] == [cb.CallbackRequested, cb.CallbackAttempted]
    assert {e.number for e in story if hasattr(e, "number")} == {""}
