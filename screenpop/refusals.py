"""Every word by which a desktop can be refused something, and the blanks in its text. Pure.

The texts stand in the page's catalogue (``pages/src/i18n``, ``refusal.<id>``), in each of its languages; a test proves that
none is missing there. What goes over the socket is the id, the values of its blanks, and the words in English for programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cti.domain.errors import CommandRefused

REFUSALS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # of any command
        **dict.fromkeys(
            (
                "internal", "invalid_value", "no_such_command", "not_allowed", "not_confirmed",
                "not_journalled", "refused", "sent_before", "switch_unavailable", "timed_out",
                "too_many",
            ),
            frozenset[str](),
        ),
        "wrong_shape": frozenset({"place"}),
        # of the agent
        **dict.fromkeys(
            (
                "busy", "desk_taken", "no_more_time", "no_such_agent", "no_such_reason", "not_in_wrap_up",
                "not_your_phone", "signed_out",
            ),
            frozenset[str](),
        ),
        # of calls; wrong_state: ``why`` is the sentence that the button shows, in the page's language
        **dict.fromkeys(
            (
                "caller_id_not_allowed", "held_by_phone", "lift_receiver", "menu_asked", "no_outside_line",
                "no_such_call", "no_such_menu", "no_such_number", "no_such_party", "no_such_target",
                "not_a_person", "not_recording", "not_your_call", "number_not_allowed", "phone_outside",
                "other_phone_silent", "own_number", "own_phone_silent", "same_phone",
                "slot_empty", "slot_in_use",
            ),
            frozenset[str](),
        ),
        # of callbacks
        **dict.fromkeys(
            ("callback_stands", "has_an_agent", "no_callbacks", "no_such_callback"),
            frozenset[str](),
        ),
        "busy_target": frozenset({"name"}),
        "wrong_state": frozenset({"why"}),
        # of hands on waiting callers
        **dict.fromkeys(
            (
                "agent_away", "agent_lacks_skill", "agent_not_serving", "agent_phone_away",
                "agent_rung", "agent_signed_out", "agent_talks", "agent_wraps_up",
                "being_offered", "no_such_demand", "no_such_place", "too_much_credit",
            ),
            frozenset[str](),
        ),
        # of missed calls, own callbacks, messages
        **dict.fromkeys(
            (
                "entry_taken", "no_such_entry", "no_such_message", "no_such_promise", "no_such_team",
                "nobody_there", "not_taken", "promise_stands",
            ),
            frozenset[str](),
        ),
        # of tickets and customers
        **dict.fromkeys(("field_missing", "invalid_field", "no_such_value"), frozenset({"name"})),
        "ticket_changed": frozenset({"name"}),
        **dict.fromkeys(
            (
                "comment_missing", "has_a_ticket", "note_missing", "own_ticket", "subject_missing",
                "too_many_texts", "closed", "name_missing", "no_such_customer", "no_such_disposition",
                "no_such_ticket", "no_ticket_yet", "not_your_customer", "not_your_ticket",
                "note_changed", "number_hidden", "too_long",
            ),
            frozenset[str](),
        ),
    }
)  # fmt: skip


def refusal(error_id: str, message: str, **values: str) -> dict[str, object]:
    """The ``error`` of a result. An id that is none of ours is told as a refusal of the switch."""
    known = error_id if error_id in REFUSALS else "refused"
    blanks = {name: values.get(name, "") for name in REFUSALS[known]}
    return {"id": known, "message": message, "values": blanks}


def refused(exc: CommandRefused) -> dict[str, object]:
    """The ``error`` of a result."""
    return refusal(exc.reason, str(exc), **exc.values)
