"""What the company, and each of its people, says about calls that reach somebody who talks already (docs/agents.md)."""

from __future__ import annotations

from cti.company_base import Part


class OwnCalls(Part):
    """What is a person's own choice about his calls."""

    # Whether a call that reaches him in a conversation waits; none: as the company says.
    call_waiting: bool | None = None


class OfficeCalls(Part):
    """What the company says about its people's calls."""

    conference_goes_on: bool = True  # when the agent leaves; else it ends with him
    # A call for somebody who talks waits at his phone (docs/decisions/0060); else its caller finds him busy.
    call_waiting: bool = True

    def waits_for(self, person: OwnCalls) -> bool:
        """Whether a second call waits for him."""
        return self.call_waiting if person.call_waiting is None else person.call_waiting
