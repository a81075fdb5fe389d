"""The commands: ``ringdesk …``. Each module adds its own to ``app``; ``deployment.py`` is what they share."""

from cti.cli import (
    check,
    company,
    doctor,
    figures,
    journal,
    pbx,
    reconcile,
    service,
    size,
    subject,
    whatif,
)
from cti.cli.app import app

__all__ = [
    "app",
    "check",
    "company",
    "doctor",
    "figures",
    "journal",
    "pbx",
    "reconcile",
    "service",
    "size",
    "subject",
    "whatif",
]
