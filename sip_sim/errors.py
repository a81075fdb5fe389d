"""What can go wrong with a simulator, as opposed to with the thing it tests.

* SimulatorError
    * SippMissing      SIPp is not installed; names the remedy
    * SippFailed       SIPp could not run the scenario at all (not: a call failed)
    * PhoneFailed      the pjsua2 phone's process died or refused a command
"""

from __future__ import annotations

from cti.domain.errors import RingdeskError


class SimulatorError(RingdeskError):
    """Base of the simulators' errors."""


class SippMissing(SimulatorError):
    """SIPp is not installed."""

    def __init__(self) -> None:
        super().__init__("sipp was not found: install the package sip-tester (make setup does)")


class SippFailed(SimulatorError):
    """SIPp could not run a scenario at all."""


class PhoneFailed(SimulatorError):
    """The phone's process died or refused a command."""
