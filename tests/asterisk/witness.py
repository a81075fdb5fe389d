"""The independent witness in tests: what Asterisk wrote down of a live installation, against its journal.

Any test of this folder may end with ``await no_difference(product)``; it waits until all calls are over and both sides
have written everything, and fails with each difference on a line.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from cti.cli.reconcile import facts
from cti.witness.compare import Rules
from cti.witness.files import WitnessFiles, inquire
from cti.witness.inquiry import Inquiry, Window
from tests.asterisk.live import Live
from tests.until import until

RULES = Rules(tolerance=timedelta(seconds=2))
"""On a loaded machine Asterisk tells AMI later than its own file."""


async def look(product: Live, since: datetime | None = None, **inquiry_fields: Any) -> Inquiry:
    """Compare once, as things are now; ``since``: only calls that began then or later."""
    now = datetime.now(UTC)
    window = Window(start_at=since)
    files = WitnessFiles(product.settings.asterisk_dir / "log")
    inquiry = Inquiry(RULES, window=window, until=now, **inquiry_fields)
    cel, cdr = files.holding("cel", window), files.holding("cdr", window)
    await inquire(inquiry, facts(product.database, window), cel, cdr)
    inquiry.finish(now)
    return inquiry


async def no_difference(
    product: Live, since: datetime | None = None, *, within: float = 20
) -> Inquiry:
    """Wait until every call is over and neither side tells anything differently; fail with what differs."""
    last: list[Inquiry] = []

    async def agree() -> Inquiry | None:
        if await asyncio.to_thread(product.pbx.leftovers):
            return None
        last[:] = [await look(product, since)]
        is_clean = not last[0].differences and not last[0].tally.live
        return last[0] if is_clean and not last[0].tally.unreadable else None

    try:
        found: Inquiry = await until(agree, within)
    except TimeoutError:
        left = await asyncio.to_thread(product.pbx.leftovers)
        rows = "\n".join(str(d) for d in last[0].differences) if last else ""
        tally = last[0].tally if last else None
        raise AssertionError(
            f"the witness disagrees\n{rows}\n{tally}\n{left}\n{product.log_text()}"
        ) from None
    return found
