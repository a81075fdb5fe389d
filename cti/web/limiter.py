"""How often a thing may be tried. Pure; time is an argument.

``AttemptLimiter``, for sign-ins:

Failures are counted by login *and* address, so that nobody can lock a colleague out from
elsewhere, and by address alone against one password tried on many logins. Beyond the free
attempts each further failure doubles the wait, up to a quarter of an hour.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

_MAX_WAIT = 900.0
_MAX_KEYS = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    blocked_until: float  # monotonic seconds
    last: float


class AttemptLimiter:
    """Counts failures by key; bounded, the longest untouched keys are forgotten first."""

    def __init__(self, free_attempts: int, max_wait: float = _MAX_WAIT) -> None:
        self._free = free_attempts
        self._max_wait = max_wait
        self._keys: OrderedDict[str, _Failures] = OrderedDict()

    def wait_time(self, key: str, now: float) -> float:
        """Seconds until this key may try again; 0: now."""
        known = self._keys.get(key)
        return max(0.0, known.blocked_until - now) if known else 0.0

    def failed(self, key: str, now: float) -> None:
        """Note a failure."""
        known = self._keys.pop(key, None)
        if known is None or now - known.last > 2 * self._max_wait:
            known = _Failures(0, now, now)
        known.count += 1
        known.last = now
        if known.count >= self._free:
            wait = min(self._max_wait, 2.0 ** min(known.count - self._free, 20))
            known.blocked_until = now + wait
        self._keys[key] = known
        while len(self._keys) > _MAX_KEYS:
            self._keys.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget a key."""
        self._keys.pop(key, None)


class RateLimiter:
    """So many at once, then so many a second, by key: a bucket that fills again. Bounded like the other."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how many, and when

    def allows(self, key: str, now: float) -> bool:
        """Take one, if there is one left; ``now`` in monotonic seconds."""
        left, at = self._left.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        self._left[key] = (left - 1 if left >= 1 else left), now
        while len(self._left) > _MAX_KEYS:
            self._left.popitem(last=False)
        return left >= 1
