"""How a queue's calls are shown to its agents (docs/pop.md): the company's part."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from cti.company_base import Part, Text
from cti.domain.pops import FIELDS, HOST, Mute, OutsidePage, PopRule, problem_of

Host = Annotated[str, Field(pattern=f"^{HOST}(:[0-9]{{1,5}})?$")]


class Page(Part):
    """Another program's page beside the call."""

    url: str
    label: Text = Field(default_factory=dict)
    place: Literal["frame", "tab"] = "frame"
    opens: Literal["click", "offer", "answer"] = "click"
    whole_number: bool = False  # {number} is whole, whatever the agent's role sees

    @property
    def outside(self) -> OutsidePage:
        """As the desktops take it."""
        return OutsidePage(
            template=self.url,
            label={str(language): text for language, text in self.label.items()},
            place=self.place,
            opens=self.opens,
            has_whole_number=self.whole_number,
        )


class Pop(Part):
    """What the pop of a queue's calls shows, and what it sounds like."""

    fields: tuple[str, ...] = FIELDS
    mute: Mute = "none"
    page: Page | None = None

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - set(FIELDS):
            raise ValueError(f"no field is named {min(unknown)}; there are {', '.join(FIELDS)}")
        if len(set(value)) != len(value):
            raise ValueError("a field stands there twice")
        return value

    @property
    def rule(self) -> PopRule:
        """As the desktops take it."""
        return PopRule(self.fields, self.mute, None if self.page is None else self.page.outside)


class ShowsPops(Part):
    """A queue's part."""

    pop: Pop = Pop()


class AllowsPages(Part):
    """The company's part: which hosts its queues' outside pages may be on."""

    page_hosts: tuple[Host, ...] = ()

    @model_validator(mode="after")
    def _pages_are_allowed(self) -> Self:
        for queue in getattr(self, "queues", ()):
            page = queue.pop.page
            if page and (problem := problem_of(page.url, self.page_hosts)):
                raise ValueError(f"queue {queue.name}, pop.page.url: {problem}")
        return self
