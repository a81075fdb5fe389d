"""What a queue means for the agents who serve it: the part of its rules that begins when a call ends."""

from __future__ import annotations

from datetime import timedelta

from cti.company_base import Part, WrapUp


class AgentRules(Part):
    """A queue's part for those who serve it."""

    wrap_up_time: WrapUp = timedelta(seconds=30)  # after its calls
    requires_disposition: bool = False  # until it is named its agents get no other call

    @property
    def fallback_wrap_up_time(self) -> timedelta:
        """Between two calls while the service is down: nobody can say then that he is done."""
        return timedelta(seconds=30) if self.wrap_up_time == "until_done" else self.wrap_up_time
