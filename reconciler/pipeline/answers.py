"""The shapes that AI functions answer in, and the one place where an answer is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ClusterAnswer(_Answer):
    """One cluster: related phrases, verbatim."""

    name: str = Field(min_length=1, max_length=200)
    description: str = ""
    keywords: tuple[str, ...] = Field(min_length=1)


class ClustersAnswer(_Answer):
    """Answer of auto_cluster."""

    clusters: tuple[ClusterAnswer, ...] = Field(min_length=1)


class IdeaAnswer(_Answer):
    """One article idea."""

    title: str = Field(min_length=1, max_length=300)
    description: str = ""
    keyword: str = Field(min_length=1)
    keywords: tuple[str, ...] = ()
    outline: tuple[str, ...] = ()


class IdeasAnswer(_Answer):
    """Answer of generate_ideas."""

    ideas: tuple[IdeaAnswer, ...] = Field(min_length=1)


class ArticleAnswer(_Answer):
    """Answer of generate_content. The Markdown begins below the title."""

    title: str = Field(min_length=1, max_length=300)
    meta_title: str = ""
    meta_description: str = ""
    slug: str = ""
    excerpt: str = ""
    tags: tuple[str, ...] = ()
    markdown: str = Field(min_length=1)


class ImagePromptAnswer(_Answer):
    """One image to draw."""

    prompt: str = Field(min_length=1)
    caption: str = ""
    alt: str = Field(min_length=1)
    after_heading: str = ""


class ImagePromptsAnswer(_Answer):
    """Answer of generate_image_prompts."""

    featured: ImagePromptAnswer
    in_article: tuple[ImagePromptAnswer, ...] = ()


_SHAPES: Mapping[str, type[_Answer]] = {
    "clusters": ClustersAnswer,
    "ideas": IdeasAnswer,
    "article": ArticleAnswer,
    "image_prompts": ImagePromptsAnswer,
}


@cache
def schema_of(output: str) -> Mapping[str, Any] | None:
    """Return the JSON Schema of a named output, None when it is no JSON object."""
    shape = _SHAPES.get(output)
    return None if shape is None else shape.model_json_schema()


AnswerT = TypeVar("AnswerT", bound=_Answer)

_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n\s*```\s*$", re.DOTALL)


def read_answer(shape: type[AnswerT], text: str) -> AnswerT | str:
    """Return the answer in its shape, or the reason why the text is none; a Markdown fence around it is forgiven."""
    fenced = _FENCE.match(text)
    try:
        return shape.model_validate_json(fenced[1] if fenced else text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the answer"
        return f"{place}: {first['msg']}"
