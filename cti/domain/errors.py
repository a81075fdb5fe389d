"""The one tree of errors, and whose fault each is.

* RingdeskError
    * InvalidValue            a value from outside is not of the form asked for (theirs)
    * InvalidDemand           a text is no demand for skills; says at which character (theirs)
    * CommandRefused          a command can't be carried out now; ``reason`` is stable, for programs
    * IllegalTransition       an event that the transition table doesn't know in this state (ours)
    * RemoteProtocolError     Asterisk or a peer sent what its protocol forbids (theirs)
    * LocalProtocolError      we were about to send what the protocol forbids (ours)
    * SwitchUnavailable       no link to Asterisk at the moment
        * NothingSent         and Asterisk certainly heard nothing of the command
    * ConfigError             a setting is wrong; the message names the key and the remedy
"""

from __future__ import annotations


class RingdeskError(Exception):
    """Base of all errors that this project raises on purpose."""


class InvalidValue(RingdeskError):
    """A value from outside is not of the form asked for."""

    def __init__(self, what: str, value: str) -> None:
        self.what = what
        self.value = value
        # The value may be personal or hostile: its length is all that a message needs.
        super().__init__(f"not a valid {what} ({len(value)} characters)")


class InvalidDemand(RingdeskError):
    """A text is no demand for skills. ``place`` is the character, from 1."""

    def __init__(self, place: int, problem: str) -> None:
        self.place = place
        super().__init__(f"character {place}: {problem}")


class CommandRefused(RingdeskError):
    """A command can't be carried out now.

    ``reason`` is a stable word for programs (``no_such_call``, ``not_your_call``, ``not_ready``…);
    the message is for people and names the remedy. ``values`` are what the reason's text has blanks for, where somebody
    puts it into words of another language.
    """

    def __init__(self, reason: str, message: str, **values: str) -> None:
        self.reason = reason
        self.values = values
        super().__init__(message)


class IllegalTransition(RingdeskError):
    """An event came in a state in which the transition table doesn't know it."""

    def __init__(self, what: str, state: str, event: str) -> None:
        self.what = what
        self.state = state
        self.event = event
        super().__init__(f"{what} in state {state} can't take {event}")


class RemoteProtocolError(RingdeskError):
    """The peer sent what its protocol forbids, or more than the limits allow."""


class LocalProtocolError(RingdeskError):
    """We were about to send what the protocol forbids, such as a line break in a value."""


class SwitchUnavailable(RingdeskError):
    """There is no link to Asterisk at the moment; whether it took the command isn't known."""


class NothingSent(SwitchUnavailable):
    """There is no link to Asterisk at the moment; the command was not sent."""


class ConfigError(RingdeskError):
    """A setting is wrong. The message names the key and the remedy."""
