"""The shapes that AI functions answer in, and the one place where an answer is read.

Limits keep out what nobody asked for: a book for an article, a thousand ideas. Lists that are only long are cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

# Longer than any article with its metadata; a parser need not see more.
ANSWER_CHARACTERS_MAX = 400_000
_PROBLEMS_SHOWN = 3

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
FullLine = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Paragraph = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
FullParagraph = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


def _cut(most: int) -> AfterValidator:
    return AfterValidator(lambda items: tuple(item for item in items if item)[:most])


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ClusterAnswer(_Answer):
    """One cluster: related phrases, verbatim."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    description: Paragraph = ""
    keywords: tuple[str, ...] = Field(min_length=1)


class ClustersAnswer(_Answer):
    """Answer of auto_cluster."""

    clusters: tuple[ClusterAnswer, ...] = Field(min_length=1)


class IdeaAnswer(_Answer):
    """One article idea."""

    title: FullLine
    description: Paragraph = ""
    keyword: FullLine
    keywords: Annotated[tuple[Line, ...], _cut(30)] = ()
    outline: Annotated[tuple[Line, ...], _cut(20)] = ()


class IdeasAnswer(_Answer):
    """Answer of generate_ideas."""

    ideas: tuple[IdeaAnswer, ...] = Field(min_length=1)


class ArticleAnswer(_Answer):
    """Answer of generate_content. The Markdown begins below the title."""

    title: FullLine
    meta_title: Line = ""
    meta_description: Line = ""
    slug: Line = ""
    excerpt: Paragraph = ""
    tags: Annotated[tuple[Line, ...], _cut(10)] = ()
    markdown: str = Field(min_length=1, max_length=200_000)


class ImagePromptAnswer(_Answer):
    """One image to draw."""

    prompt: FullParagraph
    caption: Line = ""
    alt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    after_heading: Line = ""


class ImagePromptsAnswer(_Answer):
    """Answer of generate_image_prompts."""

    featured: ImagePromptAnswer
    in_article: tuple[ImagePromptAnswer, ...] = ()


class LinkAnswer(_Answer):
    """One link: words of the article, verbatim, and the page that they lead to."""

    anchor: FullLine
    url: FullLine


class LinksAnswer(_Answer):
    """Answer of link_content. No link at all is an answer, too."""

    links: tuple[LinkAnswer, ...] = ()


class OptimizedAnswer(_Answer):
    """Answer of optimize_content: the article, whole, and what was changed in a sentence."""

    title: FullLine
    meta_title: FullLine
    meta_description: FullLine
    excerpt: Paragraph = ""
    markdown: str = Field(min_length=1, max_length=200_000)
    changes: Paragraph = ""


_SHAPES: Mapping[str, type[_Answer]] = {
    "clusters": ClustersAnswer,
    "ideas": IdeasAnswer,
    "article": ArticleAnswer,
    "image_prompts": ImagePromptsAnswer,
    "links": LinksAnswer,
    "optimized_article": OptimizedAnswer,
}


@cache
def schema_of(output: str) -> Mapping[str, Any] | None:
    """Return the JSON Schema of a named output, None when it is no JSON object."""
    shape = _SHAPES.get(output)
    return None if shape is None else shape.model_json_schema()


AnswerT = TypeVar("AnswerT", bound=_Answer)

_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n\s*```\s*$", re.DOTALL)


def read_answer(shape: type[AnswerT], text: str) -> AnswerT | str:
    """Return the answer in its shape, or the reason why the text is none.

    A Markdown fence around the JSON is forgiven, and so are words before and after it.
    """
    if len(text) > ANSWER_CHARACTERS_MAX:
        return f"the answer has {len(text):,} characters, far more than was asked for"
    fenced = _FENCE.match(text)
    text = fenced[1] if fenced else text
    # Databases store no NUL, and no reader misses it.
    text = text.replace("\x00", "").replace("\\u0000", "")
    start, end = text.find("{"), text.rfind("}")
    if start < 0:
        return f"the answer is no JSON object; it begins with {_beginning(text)}"
    try:
        return shape.model_validate_json(text[start : end + 1] if end > start else text[start:])
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        if found[0]["type"] == "json_invalid":
            return f"the answer is no JSON: {found[0]['msg'].removeprefix('Invalid JSON: ')}; it begins with {_beginning(text)}"
        shown = [f"{'.'.join(str(step) for step in item['loc']) or 'the answer'}: {item['msg']}" for item in found]
        rest = f"; and {len(shown) - _PROBLEMS_SHOWN} more" if len(shown) > _PROBLEMS_SHOWN else ""
        return "; ".join(shown[:_PROBLEMS_SHOWN]) + rest


def _beginning(text: str) -> str:
    line = " ".join(text[:200].split())
    return f"“{line[:59]}…”" if len(line) > 60 else f"“{line}”"
