"""Puts the recorder together on real parts. Nothing happens before ``start``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cti.config import Settings
from cti.domain.calls import CallTable
from cti.ports import Accounts, Clock, EventBus, Journal
from cti.web.routing import Route
from recorder.adapters.encode import Codec, ProcessEncoder
from recorder.adapters.folder import FolderStore
from recorder.adapters.http import ListeningDesk
from recorder.adapters.outside import AccountStaff, KnownCalls, LoggedAlarms
from recorder.adapters.spool import FolderSpool
from recorder.ports import Alarms, Encoder, RecordingBook, RecordingStore, Spool
from recorder.processing import Processor
from recorder.rules import RecorderRules
from recorder.service import Recorder


@dataclass(frozen=True, slots=True)
class RecorderParts:
    """What the rest of the service uses of the recorder."""

    service: Recorder
    """``start()`` after whoever attaches recordings to tickets has subscribed; ``stop()`` before the
    database closes."""
    routes: list[Route]
    book: RecordingBook
    alarms: Alarms


def build_recorder(
    settings: Settings,
    *,
    clock: Clock,
    bus: EventBus,
    journal: Journal,
    book: RecordingBook,
    accounts: Accounts,
    calls: CallTable,
    rules: RecorderRules | None = None,
    spool: Spool | None = None,
    store: RecordingStore | None = None,
    encoder: Encoder | None = None,
    alarms: Alarms | None = None,
    queues: Callable[[], Mapping[str, Collection[str]]] = dict,
) -> RecorderParts:
    """Build the recorder; whatever is given replaces the part from the settings.

    ``queues`` says which queues a login serves: they may hear what is left there.
    """
    wanted = settings.recorder
    rules = rules or RecorderRules(audio_format=wanted.format, workers=wanted.workers)
    encoder = encoder or ProcessEncoder(Codec(wanted.format, wanted.bitrate), wanted.workers)
    store = store or FolderStore(settings.recordings_dir)
    alarms = alarms or LoggedAlarms()
    spool = spool or FolderSpool(settings.spool_dir)
    processor = Processor(
        rules=rules,
        clock=clock,
        journal=journal,
        book=book,
        store=store,
        spool=spool,
        encoder=encoder,
        staff=AccountStaff(accounts, clock, queues, calls.seats.at),
        work_dir=settings.recordings_dir / ".work",
    )
    service = Recorder(
        rules=rules,
        clock=clock,
        bus=bus,
        book=book,
        store=store,
        spool=spool,
        processor=processor,
        live_calls=KnownCalls(calls, bus),
        alarms=alarms,
    )
    desk = ListeningDesk(book=book, store=store, accounts=accounts, bus=bus, clock=clock)
    return RecorderParts(service, desk.routes(), book, alarms)
