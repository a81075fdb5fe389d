"""Rules take callers out of queues, on a real Asterisk and with the real service, over a kill too."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from cti.company import parse_company
from cti.domain import events as ev
from cti.domain.ids import CallId
from tests.asterisk.live import Live, live
from tests.asterisk.pbx import OUTSIDE_PORT
from tests.asterisk.scene import scene
from tests.asterisk.sipp import calling, carrier
from tests.until import until

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]
WAIT, NIGHT, FULL, ABROAD, LATE = "4001", "4002", "4003", "4004", "4005"
CLOSED, HOLIDAY, SLOW = "4006", "4007", "4008"


def feast_days() -> list[str]:
    """Today, wherever on earth, and tomorrow: the test may run over midnight."""
    today = datetime.now(UTC).date()
    return [(today + timedelta(days=days)).isoformat() for days in (-1, 0, 1, 2)]


COMPANY = parse_company(f"""
name: Overflow
people:
  - {{login: agent1, name: Agent One, staff_number: "1", extension: "1101", queues: [backup, slow]}}
hours:
  - {{name: feast, closed_dates: {feast_days()}}}
queues:
  - name: sales
    label: {{en: Sales}}
    announce_every: 0
    overflow: [{{when: wait, after: 2, to: {{kind: queue, queue: backup}}}}]
  - name: late
    label: {{en: Late}}
    announce_every: 0
    overflow: [{{when: wait, after: 8, to: {{kind: queue, queue: backup}}}}]
  - {{name: backup, label: {{en: Backup}}, ring_time: 8, wrap_up_time: 0, gap_time: 0, announce_every: 0}}
  - name: night
    label: {{en: Night}}
    overflow:
      - {{when: no_agents, to: {{kind: message, text: {{en: "Nobody is here.", zh: "没有人。"}}}}}}
  - name: full
    label: {{en: Full}}
    announce_every: 0
    overflow: [{{when: length, at_least: 1, to: {{kind: menu, flow: choose}}}}]
  - name: abroad
    label: {{en: Abroad}}
    announce_every: 0
    overflow: [{{when: wait, after: 1, to: {{kind: outside, number: "01088"}}}}]
  - name: closed
    label: {{en: Closed}}
    hours: feast
    callback: {{}}
    overflow: [{{when: closed, to: {{kind: callback}}}}]
  - name: holiday
    label: {{en: Holiday}}
    hours: feast
    overflow:
      - {{when: holiday, to: {{kind: message, text: {{en: "It is a holiday.", zh: "今天放假。"}}}}}}
      - {{when: closed, to: {{kind: queue, queue: backup}}}}
  - name: slow
    label: {{en: Slow}}
    announce_every: 0
    voicemail: {{}}
    overflow: [{{when: estimate, after: 60, to: {{kind: voicemail}}}}]
flows:
  - {{name: sales, start: wait, nodes: [{{name: wait, kind: queue, queue: sales}}]}}
  - {{name: late, start: wait, nodes: [{{name: wait, kind: queue, queue: late}}]}}
  - {{name: night, start: wait, nodes: [{{name: wait, kind: queue, queue: night}}]}}
  - {{name: full, start: wait, nodes: [{{name: wait, kind: queue, queue: full}}]}}
  - {{name: abroad, start: wait, nodes: [{{name: wait, kind: queue, queue: abroad}}]}}
  - {{name: closed, start: wait, nodes: [{{name: wait, kind: queue, queue: closed}}]}}
  - {{name: holiday, start: wait, nodes: [{{name: wait, kind: queue, queue: holiday}}]}}
  - {{name: slow, start: wait, nodes: [{{name: wait, kind: queue, queue: slow}}]}}
  - name: choose
    start: ask
    nodes:
      - {{name: ask, kind: menu, label: Choose, text: {{en: "Press one."}}, keys: {{"1": wait}},
          input_timeout: 1, retries: 0, no_match: wait}}
      - {{name: wait, kind: queue, queue: backup}}
numbers:
  - {{dnis: "{WAIT}", flow: sales}}
  - {{dnis: "{LATE}", flow: late}}
  - {{dnis: "{NIGHT}", flow: night}}
  - {{dnis: "{FULL}", flow: full}}
  - {{dnis: "{ABROAD}", flow: abroad}}
  - {{dnis: "{CLOSED}", flow: closed}}
  - {{dnis: "{HOLIDAY}", flow: holiday}}
  - {{dnis: "{SLOW}", flow: slow}}
default_flow: sales
outbound: {{address: "127.0.0.1:{OUTSIDE_PORT}", caller_id: "+864001234567", allowed: ["0"]}}
""")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[Live]:
    async with live(COMPANY, simulated=1) as running:
        yield running


async def told(product: Live, since: int, call_id: CallId | None = None) -> ev.CallOverflowed:
    """The overflow that happened since then, in one place or another."""

    async def found() -> list[ev.CallOverflowed]:
        events = await product.events(ev.CallOverflowed, since)
        return [e for e in events if call_id in (None, e.call_id)]

    first: ev.CallOverflowed = (await until(found, 30))[0]
    return first


async def lines(product: Live, call_id: CallId, count: int) -> list[ev.CallEnqueued]:
    """Where he waited, when he has been in so many lines."""

    async def found() -> list[ev.CallEnqueued]:
        events = await product.since(0, call_id)
        waits = [e for e in events if isinstance(e, ev.CallEnqueued)]
        return waits if len(waits) >= count else []

    waits: list[ev.CallEnqueued] = await until(found, 30)
    return waits


async def test_by_wait_he_is_served_in_another_queue_with_his_old_place(product: Live) -> None:
    since = await product.last()
    async with scene(product) as stage, stage.phones("agent1"), calling(product.pbx, WAIT):
        over = await told(product, since)
        assert (over.queue, over.reason) == ("sales", "wait")
        assert (over.target_kind, over.target) == ("queue", "backup")
        [answered] = await product.wait_for(ev.CallAnswered, since, within=30)
        assert (answered.call_id, answered.queue) == (over.call_id, "backup")
        first, then, *_ = await lines(product, over.call_id, 2)
        assert (first.queue, then.queue) == ("sales", "backup")
        assert then.enqueued_at == first.enqueued_at
        assert answered.wait_time >= timedelta(seconds=2)


async def test_nobody_signed_in_he_hears_a_message_and_goodbye(product: Live) -> None:
    since = await product.last()
    async with calling(product.pbx, NIGHT) as caller:
        over = await told(product, since)
        assert (over.queue, over.reason, over.target_kind) == ("night", "no_agents", "message")
        assert await caller.finished(within=30) == 0  # Asterisk says BYE
    [ended] = await product.wait_for(ev.CallEnded, since)
    assert (ended.call_id, ended.ended_by) == (over.call_id, "system")
    entered = [e.flow for e in await product.events(ev.MenuEntered, since)]
    assert entered[-1] == "_message_night_1"
    assert await product.events(ev.CallAbandoned, since) == []


async def test_a_long_line_leads_to_a_menu_and_that_to_another_queue(product: Live) -> None:
    since = await product.last()
    async with calling(product.pbx, FULL, ani="13800000001"):
        await product.wait_for(ev.CallEnqueued, since)
        async with calling(product.pbx, FULL, ani="13800000002"):
            over = await told(product, since)
            assert (over.queue, over.reason) == ("full", "length")
            assert (over.target_kind, over.target) == ("menu", "choose")
            first, then, *_ = await lines(product, over.call_id, 2)
            assert (first.queue, then.queue) == ("full", "backup")
            assert then.enqueued_at == first.enqueued_at
        assert len(await product.events(ev.CallOverflowed, since)) == 1


async def test_to_a_number_outside_over_the_trunk(product: Live) -> None:
    since = await product.last()
    async with carrier(product.pbx) as other, calling(product.pbx, ABROAD):
        over = await told(product, since)
        assert (over.queue, over.target_kind, over.target) == ("abroad", "outside", "")
        [connected] = await product.wait_for(ev.CallConnected, since, within=30)
        assert (connected.call_id, connected.endpoint) == (over.call_id, "trunk_carrier")
        assert "INVITE sip:01088@" in other.messages()
        assert "4001234567" in other.messages()


async def test_nobody_takes_him_outside_so_he_waits_on_in_his_place(product: Live) -> None:
    since = await product.last()
    async with carrier(product.pbx, "busy"), calling(product.pbx, ABROAD):
        over = await told(product, since)
        first, again, *_ = await lines(product, over.call_id, 2)
        assert (again.queue, again.enqueued_at) == (first.queue, first.enqueued_at)


async def test_closed_he_may_ask_to_be_called_back(product: Live) -> None:
    since = await product.last()
    async with calling(product.pbx, CLOSED, ani="01088886666"):
        over = await told(product, since)
        assert (over.queue, over.reason, over.target_kind) == ("closed", "closed", "callback")

        async def asked() -> bool:
            flows = [e.flow for e in await product.events(ev.MenuEntered, since)]
            return flows[-1:] == ["_callback_closed"]

        await until(asked, 30)


async def test_on_a_holiday_he_hears_of_it_and_goodbye(product: Live) -> None:
    """Which is closed too: the rule that comes first counts."""
    since = await product.last()
    async with calling(product.pbx, HOLIDAY) as caller:
        over = await told(product, since)
        assert (over.queue, over.reason, over.target_kind) == ("holiday", "holiday", "message")
        assert await caller.finished(within=30) == 0
    assert len(await product.events(ev.CallOverflowed, since)) == 1


async def test_who_would_wait_too_long_may_leave_a_message(product: Live) -> None:
    """The only agent speaks with somebody else, and no call has shown yet how long calls take."""
    since = await product.last()
    async with (
        scene(product) as stage,
        stage.phones("agent1"),
        calling(product.pbx, SLOW, ani="13800000001"),
    ):
        [talks] = await product.wait_for(ev.CallAnswered, since, within=30)
        async with calling(product.pbx, SLOW, ani="13800000002"):
            over = await told(product, since)
            assert over.call_id != talks.call_id
            assert (over.queue, over.reason) == ("slow", "estimate")
            [begun] = await product.wait_for(ev.VoicemailBegun, since, within=30)
            assert (begun.call_id, begun.queue) == (over.call_id, "slow")
            [known] = [
                e
                for e in await product.events(ev.WaitEstimated, since)
                if e.call_id == over.call_id
            ]
            assert known.estimate_time >= timedelta(seconds=60)


async def test_after_a_kill_he_overflows_from_his_old_place(product: Live) -> None:
    """Killed before the rule applies, and started when he stands in Asterisk's own queue."""
    since = await product.last()
    async with calling(product.pbx, LATE):
        [waiting] = await product.wait_for(ev.CallEnqueued, since)
        await product.stop(signal.SIGKILL)

        async def in_queue() -> bool:
            return "!Queue!" in await product.pbx.rx("core show channels concise")

        await until(in_queue, 30)
        await product.start()
        over = await told(product, since, waiting.call_id)
        assert over.queue == "late"

        async def in_backup() -> list[ev.CallEnqueued]:
            waits = await lines(product, waiting.call_id, 2)
            return waits if waits[-1].queue == "backup" else []

        waits = await until(in_backup, 30)
        assert {e.enqueued_at for e in waits} == {waiting.enqueued_at}
