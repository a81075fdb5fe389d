"""Customers' PINs: hashed, compared, locked after wrong ones, set anew; on every store."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cti.bus.local import LocalBus
from cti.domain import events as ev
from cti.domain.errors import CommandRefused
from cti.domain.ids import AgentId, CallId, CustomerId
from cti.domain.menu_events import CustomerPinSet, PinChecked
from tests.fakes.people import HandClock
from tickets.model import CallFile, Customer, Match
from tickets.pins import PinDesk, hide, is_right
from tickets.ports import Files, TicketStore

pytestmark = pytest.mark.contract

T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CALL, BOSS = CallId("pbx1-1.1-1"), AgentId("boss")
STORES = pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"], indirect=True)


def test_a_pin_is_kept_as_a_salted_hash() -> None:
    one, other = hide("2580"), hide("2580")
    assert one.digest != other.digest  # a salt each
    assert "2580" not in repr(one)
    assert (is_right(one, "2580"), is_right(one, "2581"), is_right(one, "")) == (True, False, False)


class Bench:
    """A desk with one customer, and what it told."""

    def __init__(self, store: TicketStore, match: Match = Match.KNOWN) -> None:
        self.store, self.match = store, match
        self.told: list[ev.Event] = []
        bus = LocalBus()
        bus.subscribe(self.told.append)
        self.customer_id = CustomerId(0)
        self.desk = PinDesk(store, self._file, bus, HandClock(), tries=3)

    async def begin(self) -> None:
        def add(files: Files) -> Customer:
            return files.add_customer("Ann", T0)

        self.customer_id = (await self.store.write(add)).customer_id
        await self.desk.set(self.customer_id, "2580", BOSS)

    def _file(self, call_id: CallId) -> CallFile | None:
        assert call_id == CALL
        return CallFile(CALL, T0, match=self.match, customer_id=self.customer_id)

    async def check(self, *pins: str) -> list[str]:
        return [await self.desk.check(CALL, pin) for pin in pins]


@STORES
async def test_wrong_ones_lock_it_and_a_right_one_forgives(store: TicketStore) -> None:
    at = Bench(store)
    await at.begin()
    assert await at.check("1", "2", "2580", "1", "2", "3", "2580") == [
        "no_match", "no_match", "match", "no_match", "no_match", "locked", "locked",
    ]  # fmt: skip
    assert await at.desk.is_ready(CALL) == "locked"
    # Another desk, as after a restart: what counts is what is written.
    again = PinDesk(store, at._file, LocalBus(), HandClock(), tries=3)
    assert await again.check(CALL, "2580") == "locked"
    await at.desk.set(at.customer_id, "1379", BOSS)
    assert await at.desk.is_ready(CALL) is None
    assert await at.check("2580", "1379") == ["no_match", "match"]
    checks = [e for e in at.told if isinstance(e, PinChecked)]
    assert {e.customer_id for e in checks} == {at.customer_id}
    assert "2580" not in repr(at.told)
    assert "1379" not in repr(at.told)


@STORES
async def test_it_is_taken_away_and_goes_with_its_customer(store: TicketStore) -> None:
    at = Bench(store)
    await at.begin()
    await at.desk.set(at.customer_id, "", BOSS)
    assert await at.desk.is_ready(CALL) == "no_pin"
    assert await at.check("2580") == ["no_pin"]
    sets = [(e.by, e.has_pin) for e in at.told if isinstance(e, CustomerPinSet)]
    assert sets == [(BOSS, True), (BOSS, False)]
    await at.desk.set(at.customer_id, "2580", BOSS)
    await store.write(lambda files: files.remove_customer(at.customer_id))
    assert await store.read(lambda files: files.pin_of(at.customer_id)) is None


@STORES
@pytest.mark.parametrize("match", [Match.MAYBE, Match.NONE])
async def test_who_is_not_known_for_sure_has_none(store: TicketStore, match: Match) -> None:
    at = Bench(store, match)
    await at.begin()
    assert await at.desk.is_ready(CALL) == "no_pin"
    assert await at.check("2580") == ["no_pin"]


@STORES
async def test_what_is_no_pin_and_whose_it_can_not_be(store: TicketStore) -> None:
    at = Bench(store)
    await at.begin()
    for wrong in ("123", "123456789", "12a4", "１２３４", "1234\n"):
        with pytest.raises(CommandRefused, match="4 to 8 digits"):
            await at.desk.set(at.customer_id, wrong, BOSS)
    with pytest.raises(CommandRefused, match="no such customer"):
        await at.desk.set(CustomerId(999), "2580", BOSS)
    assert await at.check("2580") == ["match"]
