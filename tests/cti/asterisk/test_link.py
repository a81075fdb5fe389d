"""The AMI link and the switch on a fake Asterisk that goes wrong, in virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from cti.asterisk.link import LinkState
from cti.domain import events as ev
from cti.domain.errors import ConfigError, LocalProtocolError, SwitchUnavailable
from tests.contracts.switch_rig import FakeRig, RecordingBus
from tests.cti.asterisk.conftest import SECOND, up, whole_call
from tests.fakes.asterisk_ami import AmiDoor
from tests.fakes.clock import settle

pytestmark = pytest.mark.unit


def links(bus: RecordingBus) -> list[tuple[bool, str]]:
    return [(e.is_up, e.cause) for e in bus.seen if isinstance(e, ev.SwitchLinkChanged)]


async def test_nothing_is_sent_before_the_snapshot(rig: FakeRig) -> None:
    with pytest.raises(SwitchUnavailable):
        await rig.beat()
    await up(rig)
    names = [name for name, _ in rig.pbx.actions]
    lists = ["status", "bridgelist", "devicestatelist", "queuestatus"]
    assert names == ["login", *lists, "corestatus"]
    await rig.beat()
    assert rig.pbx.variables["RD_HB"] == "boot.2"
    assert links(rig.bus) == [(True, "")]


async def test_a_silent_asterisk_is_given_up_within_five_seconds_and_found_again(
    rig: FakeRig,
) -> None:
    await up(rig)
    await rig.virtual.advance(30 * SECOND)
    assert links(rig.bus) == [(True, "")]  # pings are answered: it lives
    began = rig.virtual.monotonic()
    rig.pbx.freeze()
    await rig.until(lambda: not rig.switch.is_up)
    assert rig.virtual.monotonic() - began <= 5
    assert links(rig.bus)[-1] == (False, "Asterisk is silent")
    await rig.virtual.advance(10 * SECOND)
    assert not rig.switch.is_up
    rig.pbx.thaw()
    began = rig.virtual.monotonic()
    await rig.until(lambda: rig.switch.is_up)
    assert rig.virtual.monotonic() - began <= 2


async def test_an_asterisk_that_does_not_answer_gets_no_further_commands(rig: FakeRig) -> None:
    await up(rig)
    rig.pbx.freeze()
    beat = asyncio.create_task(rig.beat())
    await rig.virtual.advance(2.5 * SECOND)
    written = len(rig.pbx.actions)
    with pytest.raises(SwitchUnavailable):
        await rig.beat()
    await rig.virtual.advance(3 * SECOND)
    with pytest.raises(SwitchUnavailable):
        await beat
    rig.pbx.thaw()
    await rig.until(lambda: rig.switch.is_up)
    sent = [name for name, _ in rig.pbx.actions[written:]]
    assert sent.count("setvar") == 1  # the one in flight, which Asterisk read late; none again


async def test_an_action_in_flight_is_not_sent_again(rig: FakeRig) -> None:
    await up(rig)
    rig.pbx.freeze()
    beat = asyncio.create_task(rig.beat())
    await settle()
    rig.pbx.drop_links()
    with pytest.raises(SwitchUnavailable):
        await beat
    rig.pbx.misbehaviour.is_frozen = False
    await rig.until(lambda: rig.switch.is_up)
    await rig.virtual.advance(5 * SECOND)
    assert "setvar" not in [name for name, _ in rig.pbx.actions]


async def test_a_wrong_secret_stops_all_attempts(rig: FakeRig) -> None:
    rig.pbx.secret = "another"
    await rig.switch.start()
    waiting = asyncio.create_task(rig.switch.wait_until_up())
    await rig.virtual.advance(SECOND)
    with pytest.raises(ConfigError):
        await waiting
    await rig.virtual.advance(60 * SECOND)
    assert [name for name, _ in rig.pbx.actions] == ["login"]
    assert rig.switch.link.state is LinkState.REFUSED
    assert links(rig.bus) == [(False, "refused")]


async def test_close_is_final(rig: FakeRig) -> None:
    rig.gate.is_open = False
    await rig.switch.start()
    await rig.virtual.advance(3 * SECOND)
    await rig.switch.close()
    rig.gate.is_open = True
    await rig.virtual.advance(30 * SECOND)
    assert rig.pbx.actions == []
    with pytest.raises(SwitchUnavailable):
        await rig.switch.link.start()


async def test_a_full_asterisk_is_tried_again_often_enough(rig: FakeRig) -> None:
    rig.pbx.is_full = True
    await rig.switch.start()
    await rig.virtual.advance(5 * SECOND)
    assert not rig.switch.is_up
    rig.pbx.is_full = False
    began = rig.virtual.monotonic()
    await rig.until(lambda: rig.switch.is_up)
    assert rig.virtual.monotonic() - began <= 1


async def test_a_connection_that_hangs_is_given_up(rig: FakeRig) -> None:
    hanging = asyncio.Event()

    async def never(_: object) -> object:
        hanging.set()
        return await asyncio.Event().wait()

    rig.gate._connect, connect = never, rig.gate._connect  # type: ignore[assignment]
    await rig.switch.start()
    await settle()
    assert hanging.is_set()
    rig.gate._connect = connect
    await rig.virtual.advance(2 * SECOND)
    assert rig.switch.is_up


async def test_our_own_standstill_leads_to_a_snapshot_before_any_command(rig: FakeRig) -> None:
    await up(rig)
    caller = rig.pbx.call("4000")
    enqueued = await rig.event(ev.CallEnqueued)
    rig.virtual.freeze(30 * SECOND)  # SIGSTOP, SIGCONT: timers and sockets come after it
    with pytest.raises(SwitchUnavailable):
        await rig.switch.control.announce(enqueued.call_id)
    assert not rig.switch.is_up
    snapshots = rig.switch.snapshots
    await rig.until(lambda: rig.switch.is_up)
    assert rig.switch.snapshots == snapshots + 1
    assert rig.switch.link.connects == 1  # the link itself was not to blame
    assert links(rig.bus) == [(True, ""), (False, "standstill"), (True, "")]
    caller.hang_up()
    await rig.event(ev.CallEnded)


async def test_events_older_than_the_snapshot_are_dropped(rig: FakeRig) -> None:
    await up(rig)
    rig.pbx.call("4000")
    enqueued = await rig.event(ev.CallEnqueued)
    # Asterisk's answers come first, then an event from before: as after a standstill.
    old = dict(rig.pbx.events[-1][1])
    rig.switch.link.drop("a test")
    await rig.until(lambda: not rig.switch.is_up)
    await rig.virtual.advance(SECOND)
    assert rig.switch.is_up
    start = len(rig.bus.seen)
    for door in rig.pbx.doors:
        door.event("UserEvent", list(old.items()))
    await settle()
    assert rig.bus.names(start) == []
    # Much later the clock has stepped back: nothing may be swallowed for that.
    await rig.virtual.advance(3 * SECOND)
    rig.virtual.step_wall(timedelta(hours=-1))
    await rig.switch.control.announce(enqueued.call_id)
    rig.pbx.call("4000", ani="13900139000")
    second = await rig.event(ev.CallOffered, after=start)
    assert second.ani == "13900139000"


async def test_an_epoch_ends_what_was_begun_before(rig: FakeRig) -> None:
    await up(rig)
    epoch = rig.switch.link.epoch
    rig.switch.link.drop("a test")
    await rig.until(lambda: rig.switch.is_up and rig.switch.link.epoch > epoch)
    with pytest.raises(SwitchUnavailable):
        await rig.switch.link.action("Ping", {}, epoch=epoch)
    assert (await rig.switch.link.action("Ping", {})).success


async def test_a_link_that_breaks_in_mid_message_or_says_garbage_recovers(rig: FakeRig) -> None:
    await up(rig)
    written = rig.pbx.doors[0]._written
    rig.pbx.misbehaviour.cut_after = written + 300
    rig.pbx.call("4000")
    assert (await rig.event(ev.CallRecovered)).dnis == ""
    assert links(rig.bus)[:2] == [(True, ""), (False, "closed by Asterisk")]
    rig.pbx.misbehaviour.garbage = b"\xff\x00garbage\r\n\r\n\r\nmore: of it\r\n\r\n"
    rig.pbx.call("4000", name="王小明")
    second = await rig.event(ev.CallOffered, after=len(rig.bus.seen))
    assert second.ani_name == "王小明"
    rig.pbx.misbehaviour.garbage = b"x" * 70_000
    rig.pbx.phone("1001")
    await rig.until(lambda: not rig.switch.is_up)
    await rig.until(lambda: rig.switch.is_up)


async def test_doubled_and_lost_events_do_no_harm(rig: FakeRig) -> None:
    await up(rig)
    rig.pbx.misbehaviour.is_doubling = True
    rig.pbx.misbehaviour.dropped = {"DialState"}
    await whole_call(rig)
    names = rig.bus.names()
    for once in ("CallOffered", "LegDialled", "CallConnected", "LegEnded", "CallEnded"):
        assert names.count(once) == 1
    assert rig.bus.illegal == []


async def test_a_value_that_may_not_be_sent_is_refused_before_the_wire(rig: FakeRig) -> None:
    await up(rig)
    before = len(rig.pbx.action_bytes)
    with pytest.raises(LocalProtocolError):
        await rig.switch.link.action("Setvar", {"Variable": "A", "Value": "x\r\nAction: Command"})
    assert len(rig.pbx.action_bytes) == before


async def test_too_many_waiting_messages_lead_to_a_snapshot(
    rig: FakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cti.asterisk.switch._MOST_WAITING", 50)
    await up(rig)
    phone = rig.pbx.phone("1001")
    for _ in range(30):
        phone.unregister()
        phone.register()
    await rig.until(lambda: rig.switch.snapshots == 2)
    await rig.until(lambda: rig.switch.is_up)
    assert rig.switch.registry.phones == {"1001": "idle"}


async def test_a_snapshot_that_is_not_answered_ends_the_link(rig: FakeRig) -> None:
    rig.pbx.misbehaviour.dropped = set()
    do_action = rig.pbx.do_action
    rig.pbx.do_action = lambda *args: None  # type: ignore[method-assign]
    await rig.switch.start()
    await rig.virtual.advance(SECOND)
    assert rig.switch.link.state is LinkState.SYNCHRONISING
    await rig.virtual.advance(6 * SECOND)
    rig.pbx.do_action = do_action  # type: ignore[method-assign]
    await rig.until(lambda: rig.switch.is_up)
    assert rig.switch.link.connects >= 2


async def test_events_between_the_login_and_the_snapshot_are_not_told(rig: FakeRig) -> None:
    await up(rig)
    caller = rig.pbx.call("4000")
    await rig.event(ev.CallEnqueued)
    told = [(name, list(headers.items())) for name, headers in rig.pbx.events]
    caller.hang_up()
    await rig.event(ev.CallEnded)
    start = len(rig.bus.seen)
    login = AmiDoor._login

    def login_and_repeat(door: AmiDoor, headers: dict[str, str], action_id: str) -> None:
        login(door, headers, action_id)
        for name, values in told:
            door.event(name, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AmiDoor, "_login", login_and_repeat)
        rig.pbx.drop_links()
        await rig.until(lambda: not rig.switch.is_up)
        await rig.until(lambda: rig.switch.is_up)
    assert rig.bus.names(start) == []
    assert len(rig.switch.registry) == 0


@pytest.mark.parametrize("is_restarted", [True, False])
async def test_calls_that_a_restarted_asterisk_took_with_it_ended_when_the_link_broke(
    rig: FakeRig, is_restarted: bool
) -> None:
    await up(rig)
    caller = rig.pbx.call("4000")
    await rig.event(ev.CallEnqueued)
    rig.pbx.misbehaviour.dropped = {"Hangup", "HangupRequest"}
    rig.pbx.is_reachable = False
    rig.pbx.drop_links()
    await rig.until(lambda: not rig.switch.is_up)
    lost_at = rig.virtual.now()
    caller.hang_up()
    await rig.virtual.advance(20 * SECOND)
    rig.pbx.started = "09:00:07" if is_restarted else rig.pbx.started
    rig.pbx.is_reachable = True
    ended = await rig.event(ev.CallEnded)
    assert ended.ended_by == ("system" if is_restarted else "unknown")
    assert (abs(ended.at - lost_at) < SECOND) is is_restarted
