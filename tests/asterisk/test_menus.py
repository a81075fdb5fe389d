"""The menus on a real Asterisk: SIPp presses keys, the service speaks AGI, the dialplan goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import pytest

from cti.asterisk.fastagi import FastAgiServer
from cti.bus.local import LocalBus
from cti.clock import SystemClock
from cti.company import Company, parse_company
from cti.domain.call import Call, offer
from cti.domain.events import CallOffered, Event, MenuInput, MenuLeft
from cti.domain.ids import CallId, LegId, QueueName
from ivr.wiring import wire
from tests.asterisk.ami_probe import AmiProbe
from tests.asterisk.pbx import Pbx
from tests.asterisk.sipp import calling
from tests.fakes.waiting_line import Waits
from tests.until import until

pytestmark = pytest.mark.asterisk

AHEAD = {
    "name": "ahead",
    "start": "hello",
    "nodes": [
        {"name": "hello", "kind": "say", "text": {"en": "Hello and welcome."}, "next": "number"},
        {
            "name": "number",
            "kind": "collect",
            "text": {"en": "Please enter your number."},
            "max_digits": 6,
            "next": "help",
        },
        {"name": "help", "kind": "queue", "queue": "help"},
    ],
}


def company() -> Company:
    """The sample company, with a flow in which a number is asked for behind a greeting."""
    sample = parse_company((files("cti") / "sample" / "company.yaml").read_text(encoding="utf-8"))
    document = sample.model_dump(mode="json")
    document["flows"].append(AHEAD)
    document["numbers"].append({"dnis": "4002", "flow": "ahead"})
    return Company.model_validate(document)


@dataclass
class Desk:
    """The service beside a PBX."""

    pbx: Pbx
    events: list[Event]
    sounds: Path

    def get(self, call_id: CallId) -> Call:
        """Every call is known: AMI isn't part of these tests."""
        at = SystemClock().now()
        return offer(CallOffered(at=at, call_id=call_id, leg_id=LegId("1.1")))

    def describe(self, call_id: CallId) -> Waits:
        return Waits(2, queue=QueueName("help"))

    def visit(self, call_id: CallId, is_on: bool) -> None:
        """Nobody else speaks to him."""

    def tell_wait(self, call_id: CallId, minutes: Sequence[int]) -> None:
        """Nobody knows."""

    async def pause_recording(
        self, call_id: CallId, is_paused: bool, reason: str = "agent"
    ) -> None:
        raise AssertionError("nothing is recorded in a menu")

    def answers(self) -> list[tuple[str, str, str]]:
        return [(e.node, e.result, e.digits) for e in self.events if isinstance(e, MenuInput)]

    async def left(self, within: float = 20.0) -> MenuLeft:
        """The end of the flow, as soon as there is one."""
        found = await until(
            lambda: [event for event in self.events if isinstance(event, MenuLeft)], within
        )
        event: MenuLeft = found[0]
        return event


@pytest.fixture(scope="module")
def menu_pbx() -> Iterator[Pbx]:
    with Pbx.started(company=company()) as pbx:
        pbx.show_more()
        yield pbx


@pytest.fixture
async def desk(menu_pbx: Pbx) -> AsyncIterator[Desk]:
    clock, bus = SystemClock(), LocalBus()
    desk = Desk(menu_pbx, [], menu_pbx.settings.sounds_dir)
    bus.subscribe(desk.events.append)
    ivr = wire(
        menu_pbx.company, desk.sounds, bus=bus, clock=clock, calls=desk, line=desk, recording=desk
    )
    await ivr.configure(menu_pbx.company)
    server = FastAgiServer(ivr.routes, clock)
    await server.start(menu_pbx.settings.pbx.agi_port)
    try:
        yield desk
    finally:
        await server.close()


async def test_keys_pressed_at_once_lead_through_the_menu_to_a_queue(desk: Desk) -> None:
    async with AmiProbe.connected(desk.pbx) as ami, calling(desk.pbx, "4000", keys="23"):
        waiting = await ami.event("RdWait")
        assert (waiting["Queue"], waiting["Credit"]) == ("help", "10")
        assert waiting["RD_LANG"] == "zh"
    assert desk.answers() == [("choose_language", "match", "2"), ("main_menu", "match", "3")]
    assert (await desk.left()).outcome == "queue"


async def test_a_number_is_read_and_its_hash_answers_nothing_else(desk: Desk) -> None:
    async with AmiProbe.connected(desk.pbx) as ami, calling(desk.pbx, "4000", keys="12120260017#"):
        assert (await ami.event("RdWait"))["Queue"] == "billing"
    assert desk.answers()[-1] == ("invoice_number", "match", "20260017")


async def test_a_number_typed_into_the_greeting_is_whole(desk: Desk) -> None:
    async with AmiProbe.connected(desk.pbx) as ami, calling(desk.pbx, "4002", keys="739182"):
        assert (await ami.event("RdWait"))["Queue"] == "help"
    assert desk.answers() == [("number", "match", "739182")]


async def test_a_pin_is_in_no_event_and_in_no_file_of_asterisk(desk: Desk) -> None:
    async with AmiProbe.connected(desk.pbx) as ami, calling(desk.pbx, "4000", keys="122739182#"):
        assert (await ami.event("RdWait", within=20))["Queue"] == "billing"
    assert desk.answers()[-1] == ("refund_pin", "match", "")
    assert "739182" not in str([asdict(event) for event in desk.events])
    logs = desk.pbx.settings.asterisk_dir / "log"
    written = [path.read_bytes() for path in logs.rglob("*") if path.is_file()]
    assert written
    assert not any(b"739182" in text for text in written)


async def test_a_prompt_whose_file_is_gone_does_not_cost_the_caller_his_call(desk: Desk) -> None:
    gone = desk.sounds / "en" / "ahead-hello.wav"
    gone.unlink()
    async with AmiProbe.connected(desk.pbx) as ami, calling(desk.pbx, "4002", keys="4711#"):
        assert (await ami.event("RdWait"))["Queue"] == "help"
    assert desk.answers() == [("number", "match", "4711")]


async def test_a_caller_who_hangs_up_in_the_menu_is_gone(desk: Desk) -> None:
    async with AmiProbe.connected(desk.pbx) as ami, calling(desk.pbx, "4000") as caller:
        await ami.event("RdIn")
        await until(lambda: bool(desk.events), 10)
        await caller.hang_up()
        assert (await desk.left()).outcome == "gone"
        await ami.event("RdEnd")


async def test_a_waiting_caller_hears_his_position_and_waits_on(desk: Desk) -> None:
    async with AmiProbe.connected(desk.pbx) as ami, calling(desk.pbx, "4001"):
        waiting = await ami.event("RdWait")
        started = asyncio.get_running_loop().time()
        await ami.redirect(waiting["Channel"], "rd-visit")
        await ami.event("RdBack", Call=waiting["Call"])
        spoken = asyncio.get_running_loop().time() - started
        # "您排在第二位，请稍候。" takes about two seconds; without a sound it would be over at once.
        assert spoken > 1.0
