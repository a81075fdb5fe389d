"""The kinds of values that the parts of a company are made of, each with the form it must have."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cti.domain.demands import MAX_LENGTH, SKILL, parse_demand
from cti.domain.errors import InvalidDemand

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Extension = Annotated[str, Field(pattern=r"^[1-9][0-9]{2,4}$")]
OutsideNumber = Annotated[str, Field(pattern=r"^\+?[0-9]{2,20}$")]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
"""One of a telephone's."""
Language = Literal["en", "zh"]
Text = dict[Language, str]
Skill = Annotated[str, Field(pattern=f"^{SKILL.pattern}$")]
Level = Annotated[int, Field(ge=1, le=10)]
Login = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,63}$")]


def _canonical(text: str) -> str:
    try:
        return str(parse_demand(text))
    except InvalidDemand as exc:
        raise ValueError(f"demand '{text[:MAX_LENGTH]}': {exc}") from exc


Demand = Annotated[str, AfterValidator(_canonical)]
"""Skills as an expression (``cti.domain.demands``); empty: none."""
Credit = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=1))]
"""Priority, as seconds of wait that a caller is taken to have behind him."""

Span = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(hours=8))]
"""Some time of a working day."""
WrapUp = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(hours=8))] | Literal["until_done"]
"""How long an agent may write after a call; 0: not at all."""


class Part(BaseModel):
    """A part of the company: unknown keys are refused, nothing is changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)
