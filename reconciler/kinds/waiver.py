"""Waiver: a warning that somebody accepts for a while, and answers for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from reconciler.kinds.fields import Date, Spec, Text

CODE_PATTERN = r"^IG[0-9]{3}$"
Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN)]


class Waiver(Spec):
    """Accepts a warning, or a violated policy, until a day. It says why, and who answers for it."""

    code: Code = Field(description="The finding's code.")
    resource: Text = Field(description="Whose findings: `kind/name`, such as `site/*`; a catalogue is just its kind.")
    field: Text | None = Field(None, description="Only findings about this field; `*` and `?` stand for any text.")
    policy: Text | None = Field(
        None, description="Of IG601 and IG602: only this rule, as POLICY/RULE; `*` and `?` stand for any text."
    )
    reason: Text = Field(description="Why the finding is accepted.")
    owner: Text = Field(description="Who answers for it.")
    expires: Date = Field(description="The last day that it holds.")
