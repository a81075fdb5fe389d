"""How Python's collector of cycles works in the service: seldom, and not on what stays for ever.

The interpreter looks for cycles whenever 700 objects more were made than freed, and from time to time goes through all
there are. A service that is up holds some hundred thousand that no look will ever free (code, tables, the company), and
nearly all that a call makes goes by counting references. So a look at everything is a pause in which a phone rings
later, and those at the young ones cost a twelfth of a call, for nothing.
"""

from __future__ import annotations

import gc

YOUNG = 20_000
"""Objects made and not freed until the young ones are looked at."""
MIDDLE = 20
"""Looks at the young ones until those that survived one are looked at."""
OLD = 100
"""Looks at these until everything is, what was there at the start left out."""


def settle() -> None:
    """Call once, when all parts are made: what is there now stays, and is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
