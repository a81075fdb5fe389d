"""What the phones' own traces say of a queue: how long a freed agent stayed idle, who overtook whom, the makespan. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.sip_trace import SipMessage


@dataclass(frozen=True, slots=True)
class Served:
    """One caller at one phone: from the INVITE to the BYE, whoever sent it."""

    caller: str
    phone: str
    invite_at: datetime
    bye_at: datetime


def served(messages: Iterable[SipMessage]) -> list[Served]:
    """Everything that was answered and ended, in the order of the INVITEs."""
    invites: dict[str, SipMessage] = {}
    byes: dict[str, datetime] = {}
    for message in messages:
        if message.first_line.startswith("INVITE ") and not message.is_sent:
            invites.setdefault(message.call_id, message)
        elif message.first_line.startswith("BYE "):
            byes.setdefault(message.call_id, message.at)
    found = [
        Served(invite.from_user, invite.user, invite.at, byes[call_id])
        for call_id, invite in invites.items()
        if call_id in byes
    ]
    return sorted(found, key=lambda one: one.invite_at)


def gaps_ms(all_served: Sequence[Served], joined: Mapping[str, datetime]) -> list[float]:
    """From each BYE to the same phone's next INVITE in milliseconds, where somebody waited at the BYE."""
    before: dict[str, Served] = {}
    gaps = []
    for one in all_served:
        last = before.get(one.phone)
        if last is not None and _waited(all_served, joined, last.bye_at):
            gaps.append((one.invite_at - last.bye_at) / timedelta(milliseconds=1))
        before[one.phone] = one
    return gaps


def _waited(all_served: Sequence[Served], joined: Mapping[str, datetime], at: datetime) -> bool:
    return any(joined[one.caller] <= at < one.invite_at for one in all_served)


def inversions(all_served: Sequence[Served], joined: Mapping[str, datetime]) -> int:
    """How many callers' phones rang only after that of somebody who had joined later."""
    count, latest = 0, min(joined.values())
    for one in all_served:
        count += joined[one.caller] < latest
        latest = max(latest, joined[one.caller])
    return count


def makespan_s(all_served: Sequence[Served], joined: Mapping[str, datetime]) -> float:
    """From the first join to the last BYE."""
    last = max(one.bye_at for one in all_served)
    return (last - min(joined.values())).total_seconds()


def ideal_s(all_served: Sequence[Served], joined: Mapping[str, datetime]) -> float:
    """The makespan if each freed agent took whoever waited longest in no time, for the same lengths of talk."""
    first = min(joined.values())
    free = [0.0] * len({one.phone for one in all_served})
    heapq.heapify(free)
    end = 0.0
    for one in sorted(all_served, key=lambda served: joined[served.caller]):
        start = max(heapq.heappop(free), (joined[one.caller] - first).total_seconds())
        until = start + (one.bye_at - one.invite_at).total_seconds()
        heapq.heappush(free, until)
        end = max(end, until)
    return end
