"""Prompt: the template that an AI function is asked with."""

from __future__ import annotations

from pydantic import Field

from reconciler.kinds.extensions import ModelType
from reconciler.kinds.fields import NamedSpec, Text


class Prompt(NamedSpec):
    """Front matter of a prompt file; `template` is the file's body."""

    function: Text
    model_type: ModelType
    variables: tuple[Text, ...] = ()
    output: Text
    template: str = Field("", description="The body below the front matter; not written as a key.")
