"""Phones outside as agents' own: an agent at home or on the road has his queues' calls on a number of the public network.

Nothing registers there, so nobody can see whether the phone is on. Who is signed in with it counts as reachable as long as
the trunk is, until a call to it fails as unreachable; then he is away like anybody whose phone was lost. Whoever answers
it is asked for a key before a caller is let through: a voicemail box or somebody of the family never has a caller.

The number is personal: in events it is a field of the subject's rows (``AgentStateChanged.outside_number``), in Asterisk a
variable that is gone with the sign-in.
"""

from __future__ import annotations

from acd.ports import OutsideNumbers
from acd.rules import Profile
from cti.domain.errors import CommandRefused
from cti.domain.ids import is_outside_phone


def checked(profile: Profile, number: str, allowed: OutsideNumbers) -> str:
    """The number as the trunk is to be asked for it.

    Raises:
        CommandRefused: the agent may not take calls outside (``not_your_phone``), or not there or
            nobody may (``number_not_allowed`` and what else ``allowed`` says).
    """
    if not any(is_outside_phone(phone) for phone in profile.phones):
        raise CommandRefused("not_your_phone", "You may not take calls at a phone outside.")
    target = allowed(number)
    if profile.outside_numbers:
        known = {allowed(each).value for each in profile.outside_numbers}
        if target.value not in known:
            raise CommandRefused("number_not_allowed", "Choose one of the numbers that are yours.")
    return target.value
