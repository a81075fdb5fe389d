"""An agent's own time: breaks that should end, wrap-up that waits for an outcome; over restarts of the service."""

from __future__ import annotations

import pytest

from cti.domain import events as ev
from tests.acceptance.centre import Centre
from tests.acceptance.company import ORDERS
from tests.acceptance.desktop import Refused

pytestmark = pytest.mark.acceptance


async def test_a_break_that_lasts_too_long_is_shown_and_journalled_once_over_a_restart(
    centre: Centre,
) -> None:
    lina = await centre.agent("lina")
    await lina.do("agent.not_ready", reason="lunch")
    agent = lina.sections["agent"]
    assert agent["warn_at"] < agent["late_at"]
    assert agent["overrun_at"] is None
    since, late_at = agent["since"], agent["late_at"]
    await centre.wait(2 * 60)
    await centre.kill()
    await centre.start()
    lina = await centre.open_page("lina")
    assert (lina.sections["agent"]["since"], lina.sections["agent"]["late_at"]) == (since, late_at)
    await centre.until(lambda: lina.sections["agent"]["overrun_at"], within=3 * 60)
    assert lina.state == "NOT_READY lunch"
    await centre.wait(60)
    late = [e for e in centre.all(ev.AgentStateChanged) if e.overrun_at is not None]
    assert [(e.agent_id, e.reason) for e in late] == [("lina", "lunch")]
    await lina.do("agent.ready")
    assert lina.state == "READY"
    assert lina.sections["agent"]["overrun_at"] is None


async def test_a_missing_outcome_keeps_the_agent_in_wrap_up_until_he_names_it(
    centre: Centre,
) -> None:
    nora = await centre.agent("nora")
    caller = await centre.talking(nora, ORDERS)
    caller.hang_up()
    await centre.until(lambda: nora.state == "WRAP_UP")
    waiting = await centre.waiting(ORDERS)
    await centre.until(lambda: nora.sections["agent"]["overrun_at"], within=15)
    await centre.kill()
    await centre.start()
    nora = await centre.open_page("nora")
    await centre.wait(30)
    assert nora.state == "WRAP_UP"
    assert nora.sections["agent"]["overrun_at"]
    await nora.do("agent.not_ready", reason="lunch")
    assert (nora.state, nora.sections["agent"]["next_reason"]) == ("WRAP_UP", "lunch")
    await nora.do("agent.ready")
    assert nora.state == "WRAP_UP"
    await centre.until(lambda: nora.sections["ticket"] is not None)
    number = nora.ticket["ticket_id"]
    await nora.do(
        "ticket.disposition", call_id=nora.call_id, ticket_id=number, disposition="order taken"
    )
    await centre.until(lambda: nora.call == "ringing")
    assert nora.call_id == waiting.call_id
    states = [e for e in centre.all(ev.AgentStateChanged) if e.agent_id == "nora"]
    assert len({e.overrun_at for e in states} - {None}) == 1


async def test_a_wrap_up_is_extended_as_often_as_the_company_allows(centre: Centre) -> None:
    lina = await centre.agent("lina")
    caller = await centre.talking(lina)
    caller.hang_up()
    await centre.until(lambda: lina.state == "WRAP_UP")
    assert lina.sections["agent"]["extensions_left"] == 2
    for _ in range(2):
        await lina.do("agent.extend_wrap_up")
    await centre.until(lambda: lina.sections["agent"]["extensions_left"] == 0)
    with pytest.raises(Refused, match="no_more_time"):
        await lina.do("agent.extend_wrap_up")
