"""One person exported and erased: of all tables, recordings and logs, on SQLite and PostgreSQL, beside a running service."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cti.bus.local import LocalBus
from cti.clock import SystemClock
from cti.company import parse_company
from cti.domain import events as ev
from cti.domain.errors import CommandRefused, InvalidValue
from cti.domain.ids import AgentId, CallId, CustomerId, Endpoint, LegId, QueueName, RecordingId
from cti.domain.numbers import DialPlan
from cti.domain.people import Role, User
from cti.storage.database import Database
from cti.storage.journal import SqlJournal
from cti.subjects import Places, Subjects
from recorder.adapters.folder import FolderStore
from recorder.adapters.spool import FolderSpool
from recorder.adapters.sql import SqlBook
from recorder.model import audio_key, fold, peaks_key, verify
from recorder.ports import Checked, Finding
from tests.fakes.people import MemoryAccounts
from tests.recorder.stories import plain_call
from tests.servers import sqlite_url
from tests.until import until
from tickets.adapters.sql import SqlTicketStore
from tickets.wiring import Tickets, build_tickets

pytestmark = pytest.mark.contract

PLAN = DialPlan("CN", "10", frozenset({"1001"}))
LINA = User(AgentId("u1"), "lina", "李娜", "7001", "1001", Role.AGENT)
WANG, WANGS_DIGITS = "13800138000", "214711"
BEN, BENS_DIGITS = "13900139000", "998877"
COMPANY = """
queues: [{name: sales, label: {en: Sales}, dispositions: [sold]}]
flows: [{name: main, start: a, nodes: [{name: a, kind: queue, queue: sales}]}]
numbers: [{dnis: "100", flow: main}]
default_flow: main
"""
SOON = 30.0


def call_id(n: int) -> CallId:
    return CallId(f"pbx1-1790000000.{n}-{n}")


@dataclass
class Installation:
    """A service that works on a database and a home, and what the command sees of both."""

    home: Path
    database: Database
    journal: SqlJournal
    bus: LocalBus
    tickets: Tickets
    subjects: Subjects

    def happen(self, kind: type[ev.Event], /, **values: Any) -> None:
        self.bus.publish(kind(at=datetime.now(UTC), **values))

    async def talk(
        self, n: int, ani: str, digits: str, *, name: str = "", ends: bool = True
    ) -> None:
        """A whole call with its ticket and its recording."""
        call = call_id(n)
        self.happen(
            ev.CallOffered, call_id=call, leg_id=LegId(f"{n}.1"), dnis="100", ani=ani, ani_name=name
        )
        self.happen(ev.MenuInput, call_id=call, node="invoice", result="match", digits=digits)
        self.happen(
            ev.CallEnqueued, call_id=call, queue=QueueName("sales"), enqueued_at=datetime.now(UTC)
        )
        phone = Endpoint("1001w")
        self.happen(ev.CallConnected, call_id=call, leg_id=LegId(f"{n}.2"), endpoint=phone)
        self.happen(
            ev.ConsultStarted,
            call_id=call,
            endpoint=phone,
            target_kind="outside",
            number="075512345678",
        )
        if ends:
            self.happen(ev.CallEnded, call_id=call, cause=16, ended_by="caller")
        await self.tickets.service.idle()
        await self.journal.flush()

    async def record(self, n: int, *, is_done: bool = True) -> RecordingId:
        """The call's recording, with its files."""
        recording_id, at = RecordingId(f"recordingnumber{n:07}"), datetime.now(UTC)
        book, store = SqlBook(self.database), self.subjects.store
        await book.add(recording_id, call_id(n), at, at)
        (self.home / "spool").mkdir(exist_ok=True)
        (self.home / "spool" / f"{call_id(n)}.raw").write_bytes(b"sound")
        if not is_done:
            return recording_id
        job = await book.claim(at + timedelta(seconds=1), at + timedelta(hours=1), "t")
        assert job is not None
        assert job.call_id == call_id(n)
        sound = self.home / "sound"
        sound.write_bytes(f"sound of {n}".encode())
        key = audio_key(recording_id, at, "opus")
        await store.put(key, sound)
        await store.put(peaks_key(recording_id, at), sound)
        ledger = fold(plain_call())
        finding = Finding(ledger, verify(ledger, 64_000), (LINA.user_id,))
        checked = Checked(timedelta(seconds=2), hashlib.sha256(b"x").hexdigest(), 10)
        assert await book.store(job, finding, checked, None, key, at)
        sound.unlink()
        self.happen(
            ev.RecordingStored, call_id=call_id(n), recording_id=recording_id,
            duration_time=timedelta(seconds=2), sha256=checked.sha256, size=10,
        )  # fmt: skip
        await self.tickets.service.idle()
        return recording_id

    async def write_note(self, n: int, text: str) -> None:
        view = await self.tickets.office.ticket(call_id(n))
        assert view is not None
        await self.tickets.office.write_note(view.ticket_id, text, 0)

    async def export(self, who: str) -> dict[str, Any]:
        subject = await self.subjects.find(who)
        return await self.subjects.export(subject, datetime.now(UTC))

    async def erase(self, who: str) -> dict[str, int]:
        return await self.subjects.erase(await self.subjects.find(who), "test", datetime.now(UTC))

    async def dump(self) -> str:
        """Every value of every table."""

        def read(connection: Any) -> str:
            from sqlalchemy import MetaData

            tables = MetaData()
            tables.reflect(connection)
            rows = [connection.execute(t.select()).all() for t in tables.sorted_tables]
            return repr(rows)

        return await self.database.look(read)

    async def files_with(self, text: str) -> list[str]:
        """The files of the installation in which these bytes stand, the database's own included."""
        return await asyncio.to_thread(
            lambda: [
                str(path.relative_to(self.home))
                for path in self.home.rglob("*")
                if path.is_file() and text.encode() in path.read_bytes()
            ]
        )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def database_url(request: pytest.FixtureRequest, home: Path) -> str:
    """As an installation has it."""
    if request.param == "sqlite":
        return sqlite_url(home, "ringdesk.db")
    return str(request.getfixturevalue("postgres_server").new_database())


@pytest.fixture
async def place(home: Path, database_url: str) -> AsyncIterator[Installation]:
    database = Database(database_url)
    journal, bus, clock = SqlJournal(database), LocalBus(), SystemClock()
    await journal.start()
    bus.subscribe(lambda event: _ignore(journal.record(event)))
    journal.on_handed_in = bus.publish
    tickets = build_tickets(
        SqlTicketStore(database), bus, clock, MemoryAccounts(LINA), parse_company(COMPANY), PLAN
    )
    await tickets.start()
    subjects = Subjects(
        database,
        PLAN,
        FolderStore(home / "recordings"),
        FolderSpool(home / "spool"),
        Places((home / "asterisk" / "log", home / "service.log"), home / "company.yaml"),
    )
    (home / "company.yaml").write_text(COMPANY, encoding="utf-8")
    yield Installation(home, database, journal, bus, tickets, subjects)
    await tickets.stop()
    await journal.stop()
    await database.close()


def _ignore(_: object) -> None:
    """A listener returns nothing."""


both = pytest.mark.parametrize("database_url", ["sqlite", "postgres"], indirect=True)
sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def two_people(place: Installation) -> None:
    """Wang called twice, Ben once; once Ben's agent asked Wang; a log tells of both."""
    await place.talk(1, "+86 138 0013 8000", WANGS_DIGITS, name="Wang Xiaoming")
    await place.record(1)
    await place.write_note(1, f"Wang lives in the Blue Road, call back {WANG}")
    await place.talk(2, WANG, WANGS_DIGITS)
    await place.talk(3, BEN, BENS_DIGITS, name="Ben")
    await place.record(3)
    await place.write_note(3, "his friend has 138-0013-8000, his own is as shown")
    place.happen(
        ev.CallTransferred, call_id=call_id(3), kind="blind", target_kind="outside", number=WANG
    )
    await place.tickets.service.idle()
    await place.journal.flush()
    log = place.home / "asterisk" / "log"
    log.mkdir(parents=True)
    (log / "queue_log").write_text(
        f"1790000000|pbx1|sales|NONE|ENTERQUEUE||{WANG}|1\n1790000000|x||||{BEN}|2\n"
    )
    (log / "messages.log").write_bytes(
        b"\xff\xfe from <sip:+8613800138000@host>, 113800138001 not\n"
    )


@both
async def test_the_export_is_whole_and_names_nobody_else(place: Installation) -> None:
    await two_people(place)
    document = await place.export(WANG)
    text = json.dumps(document, ensure_ascii=False)
    assert document["numbers"] == ["+8613800138000"]
    assert [c["call_id"] for c in document["calls"]] == [call_id(1), call_id(2)]
    assert [r["call_id"] for r in document["recordings"]] == [call_id(1)]
    sound = place.home / "recordings" / document["recordings"][0]["file"]
    assert sound.read_bytes() == b"sound of 1"
    assert "Blue Road" in document["tickets"][0]["note"]
    told = [(e["event"], e["personal"]) for e in document["journal"] if e["personal"]]
    assert told == [
        ("CallOffered", {"ani": "+86 138 0013 8000", "ani_name": "Wang Xiaoming"}),
        ("MenuInput", {"digits": WANGS_DIGITS}),
        ("CallOffered", {"ani": WANG}),
        ("MenuInput", {"digits": WANGS_DIGITS}),
        ("CallTransferred", {"number": WANG}),
    ]
    assert [Path(f["file"]).name for f in document["files"]] == ["messages.log", "queue_log"]
    for of_others in (BEN, BENS_DIGITS, "075512345678", "Ben"):
        assert of_others not in text


@both
async def test_nothing_of_the_person_is_left_and_everything_of_the_others(
    place: Installation,
) -> None:
    await two_people(place)
    before = await place.export(BEN)
    erased = await place.erase("8613800138000")
    assert erased == {
        "customers": 1,
        "tickets": 1,
        "calls": 2,
        "recordings": 1,
        "fields": 6,
        "elsewhere": 1,
        "lines": 2,
    }
    dump = await place.dump()
    for gone in (WANG, "138 0013 8000", "138-0013-8000", WANGS_DIGITS, "Xiaoming", "Blue Road"):
        assert gone not in dump
    for gone in (WANG, "138-0013-8000"):
        assert await place.files_with(gone) == []
    assert await place.files_with(WANGS_DIGITS) == []
    assert await place.files_with("Xiaoming") == []
    log = place.home / "asterisk" / "log"
    assert (log / "queue_log").read_text() == (
        f"1790000000|pbx1|sales|NONE|ENTERQUEUE||{'x' * 11}|1\n1790000000|x||||{BEN}|2\n"
    )
    line = b"\xff\xfe from <sip:+xxxxxxxxxxxxx@host>, 113800138001 not\n"
    assert (log / "messages.log").read_bytes() == line
    assert not (place.home / "spool" / f"{call_id(1)}.raw").exists()
    assert await place.files_with("sound of 1") == []
    after = await place.export(BEN)
    assert after["tickets"][0]["note"] == "his friend has xxx-xxxx-xxxx, his own is as shown"
    for document in (before, after):
        document["tickets"][0]["note"] = document["exported_at"] = ""
        document["files"] = []
    assert after == before
    assert await place.journal.verify() is None


@both
async def test_what_was_written_besides_the_note_is_his_too(place: Installation) -> None:
    await two_people(place)
    work = place.tickets.work
    own = await place.tickets.office.ticket(call_id(1))
    bens = await place.tickets.office.ticket(call_id(3))
    assert own is not None
    assert bens is not None
    await work.comment(LINA, own.ticket_id, "a Mr Xiaoming of the Blue Road", at_hand=True)
    changes = {"subject": "Xiaoming's roof"}
    await work.change(LINA, own.ticket_id, 1, changes, {}, at_hand=True)
    await work.comment(LINA, bens.ticket_id, f"knows {WANG} well", at_hand=True)
    await work.keep_text(LINA, "wang", f"call {WANG} back")
    await place.journal.flush()
    exported = await place.export(WANG)
    assert [c["text"] for c in exported["ticket_comments"]] == ["a Mr Xiaoming of the Blue Road"]
    await place.erase(WANG)
    dump = await place.dump()
    for gone in (WANG, "Xiaoming", "Blue Road"):
        assert gone not in dump
    after = await work.view(LINA, bens.ticket_id, at_hand=True)
    assert [c.text for c in after.comments] == ["knows xxxxxxxxxxx well"]
    assert (await work.form(LINA, "en")).texts == (("wang", "call xxxxxxxxxxx back", True),)


@both
async def test_it_is_journalled_once_and_may_be_done_again(place: Installation) -> None:
    await two_people(place)
    await place.erase(WANG)
    again = await place.erase(WANG)
    assert not any(again.values())
    await place.journal.flush()
    erasures = [
        item.event
        async for item in place.journal.read()
        if isinstance(item.event, ev.SubjectErased)
    ]
    assert [set(e.call_ids) for e in erasures] == [{call_id(1), call_id(2)}]
    assert [(e.by, e.recordings) for e in erasures] == [("test", 1)]
    assert WANG not in repr(erasures)
    with pytest.raises(CommandRefused, match="no customer's file #1"):
        await place.subjects.find("#1")


@both
async def test_by_the_customers_file(place: Installation) -> None:
    await two_people(place)
    view = await place.tickets.office.caller(call_id(1))
    assert view is not None
    assert view.customer is not None
    document = await place.export(f"#{view.customer.customer_id}")
    assert [c["call_id"] for c in document["calls"]] == [call_id(1), call_id(2)]
    await place.erase(str(view.customer.customer_id))
    assert WANG not in await place.dump()


@both
async def test_a_withheld_caller_is_found_by_his_file(place: Installation) -> None:
    await place.talk(1, "anonymous", WANGS_DIGITS, name="Wang")
    view = await place.tickets.office.caller(call_id(1))
    assert view is not None
    assert view.customer is not None
    await place.tickets.office.rename(view.customer.customer_id, "Wang Xiaoming", "Acme")
    await place.erase(f"#{view.customer.customer_id}")
    dump = await place.dump()
    assert WANGS_DIGITS not in dump
    assert "Wang" not in dump
    assert "075512345678" in dump  # whom the agent consulted is somebody else


@sqlite
async def test_a_number_of_several_customers_must_be_told_apart(place: Installation) -> None:
    await place.talk(1, WANG, WANGS_DIGITS)

    def add(files: Any) -> Any:
        return files.add_customer("His wife", datetime.now(UTC), number_keys=["+8613800138000"])

    wife = await place.tickets.store.write(add)
    with pytest.raises(CommandRefused, match=f"#{wife.customer_id}"):
        await place.erase(WANG)
    await place.erase(f"#{wife.customer_id}")
    assert "wife" not in await place.dump()
    document = await place.export(WANG)
    assert [c["call_id"] for c in document["calls"]] == [call_id(1)]


@sqlite
async def test_what_is_under_way_is_refused_with_the_remedy(place: Installation) -> None:
    await place.talk(1, WANG, WANGS_DIGITS, ends=False)
    await place.record(1, is_done=False)
    before = await place.dump()
    with pytest.raises(CommandRefused, match=r"goes on.*run this again when it is over"):
        await place.erase(WANG)
    assert await place.dump() == before
    place.happen(ev.CallEnded, call_id=call_id(1), cause=16, ended_by="caller")
    await place.journal.flush()
    with pytest.raises(CommandRefused, match="still being made: run this again"):
        await place.erase(WANG)
    job = await SqlBook(place.database).claim(
        datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) + timedelta(hours=2), "t"
    )
    assert job is not None
    await SqlBook(place.database).fail(job, None, "missing")
    company = place.home / "company.yaml"
    company.write_text(COMPANY + f"customers: [{{name: W, numbers: ['{WANG}']}}]\n")
    with pytest.raises(CommandRefused, match="take him out of it first"):
        await place.erase(WANG)
    company.write_text(COMPANY)
    await place.erase(WANG)
    assert await place.files_with(WANG) == []


# ---- legal holds -------------------------------------------------------------------------------


async def refusal(place: Installation, who: str) -> str:
    """Why a person is not erased; and that nothing of him was."""
    before, sound = await place.dump(), await place.files_with("sound of")
    with pytest.raises(CommandRefused) as refused:
        await place.erase(who)
    assert refused.value.reason == "held"
    assert (await place.dump(), await place.files_with("sound of")) == (before, sound)
    return str(refused.value)


async def hold(place: Installation, what: str | CallId, reason: str = "case 12") -> int:
    held = what if isinstance(what, str) and "-" in what else await place.subjects.find(what)
    put = await place.subjects.hold(held, reason, "admin", datetime.now(UTC))  # type: ignore[arg-type]
    return put.hold_id


async def release(place: Installation, hold_id: int) -> None:
    await place.subjects.release(hold_id, "the case is over", "sofia", datetime.now(UTC))


@both
async def test_nothing_of_a_held_person_is_erased_until_the_hold_is_lifted(
    place: Installation,
) -> None:
    await two_people(place)
    first, second = await hold(place, WANG), await hold(place, "#1", "case 13")
    line = await refusal(place, WANG)
    assert "a legal hold is on this person (hold 1, set by admin on " in line
    assert line.endswith(
        ": case 12): nothing is erased until it is lifted, with `ringdesk subject release 1 --reason …`"
    )
    await release(place, first)
    assert "hold 2" in await refusal(place, WANG)
    with pytest.raises(CommandRefused, match="hold 1 was lifted by sofia before"):
        await release(place, first)
    with pytest.raises(CommandRefused, match="there is no hold 77"):
        await release(place, 77)
    await release(place, second)
    assert await place.subjects.holds() == []
    assert len(await place.subjects.holds(with_released=True)) == 2
    await place.erase(WANG)
    assert WANG not in await place.dump()
    assert await place.subjects.holds(with_released=True) == []
    await place.journal.flush()
    told = [item.event async for item in place.journal.read()]
    held = [e for e in told if isinstance(e, (ev.SubjectHeld, ev.SubjectReleased))]
    assert [(type(e).__name__, e.hold_id, e.by) for e in held] == [
        ("SubjectHeld", 1, "admin"),
        ("SubjectHeld", 2, "admin"),
        ("SubjectReleased", 1, "sofia"),
        ("SubjectReleased", 2, "sofia"),
    ]
    assert held[0].customer_id == 1  # type: ignore[union-attr]
    assert await place.journal.verify() is None


@both
async def test_a_hold_on_a_call_holds_its_caller_and_those_whom_it_names(
    place: Installation,
) -> None:
    await two_people(place)
    await hold(place, call_id(3))  # Ben's, in which his agent asked Wang
    assert "on this person" in await refusal(place, BEN)
    assert "on something that names this person" in await refusal(place, WANG)
    await release(place, 1)
    await hold(place, call_id(2))
    assert "on this person" in await refusal(place, WANG)
    await place.erase(BEN)
    assert BEN not in await place.dump()


@both
async def test_a_hold_outlives_the_customers_file_and_reaches_calls_to_come(
    place: Installation,
) -> None:
    await two_people(place)
    await hold(place, WANG)
    await place.talk(4, WANG, "1")
    await place.tickets.store.write(lambda files: files.remove_customer(CustomerId(1)))
    assert "on this person" in await refusal(place, WANG)


@sqlite
async def test_a_provisional_file_under_a_hold_is_not_swept_away(place: Installation) -> None:
    await place.talk(1, "anonymous", WANGS_DIGITS, name="Wang")
    view = await place.tickets.office.caller(call_id(1))
    assert view is not None
    assert view.customer is not None
    assert view.customer.is_provisional
    customer_id = view.customer.customer_id
    await hold(place, f"#{customer_id}")
    kept = await place.tickets.store.read(lambda files: files.customer(customer_id))
    assert kept is not None
    assert kept.is_touched


@sqlite
async def test_a_hold_needs_a_reason_and_something_to_hold(place: Installation) -> None:
    await two_people(place)
    for reason in ("", "  \n", "x" * 501):
        with pytest.raises(InvalidValue):
            await hold(place, WANG, reason)
    with pytest.raises(CommandRefused, match="nothing is known of this person"):
        await hold(place, "13700137000")
    with pytest.raises(CommandRefused, match="there is no such call"):
        await hold(place, call_id(99))
    assert await place.subjects.holds(with_released=True) == []


@sqlite
@pytest.mark.timeout(400)  # starts eight Pythons with everything in them
async def test_the_command_beside_a_running_service(place: Installation) -> None:
    """Another process erases; the service hears it, forgets, journals it, and brings nothing back."""
    await two_people(place)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RINGDESK_")}
    environment |= {"RINGDESK_HOME": str(place.home), "RINGDESK_AREA_CODE": "10"}

    async def ringdesk(*arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cti", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    status, out, err = await ringdesk("subject", "erase", WANG)  # nobody is there to say yes
    assert status != 0
    assert len((await place.export(WANG))["calls"]) == 2
    status, out, err = await ringdesk("subject", "hold", WANG, "--reason", "case 12")
    assert (status, err) == (0, "")
    assert out.startswith("hold 1, set by console:")
    status, out, err = await ringdesk("subject", "erase", WANG, "--yes")
    assert (status, out) == (1, "")
    assert "a legal hold is on this person (hold 1, set by console:" in err
    status, out, err = await ringdesk("subject", "holds")
    assert out.endswith(": case 12; on #1\n")
    status, out, err = await ringdesk("subject", "release", "1", "--reason", "over", "--json")
    assert (status, json.loads(out)["release_reason"]) == (0, "over")
    status, out, err = await ringdesk("subject", "erase", WANG, "--yes", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["recordings"] == 1
    assert place.tickets.service.files.at_hand(call_id(1)) is None
    view = await place.tickets.office.caller(call_id(1))
    assert view is not None
    assert view.customer is None
    await place.tickets.service.idle()
    assert await place.files_with(WANG) == []

    async def erasures() -> list[Any]:
        return [
            i
            for i in [i async for i in place.journal.read()]
            if isinstance(i.event, ev.SubjectErased)
        ]

    assert len(await until(erasures, within=SOON)) == 1
    assert await place.journal.verify() is None
    status, out, err = await ringdesk("subject", "export", WANG)
    assert (status, out, err) == (1, "", "ringdesk: nothing is known of this person\n")
