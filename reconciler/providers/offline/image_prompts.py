"""generate_image_prompts: a featured image and one for each of the first sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.providers.offline.choice import Lot
from reconciler.providers.offline.languages import Language, find_language

# Image models follow English best, so the scene is described in English whatever the language of the article.
_SCENES = (
    "wide view with a calm foreground and soft morning light",
    "view from slightly above with clear shapes and open space",
    "close view with one subject in the middle and an even background",
    "quiet scene at the golden hour with long shadows",
    "tidy arrangement seen from the side with natural colours",
)


def write_image_prompts(inputs: Mapping[str, Any], lot: Lot) -> Iterator[dict[str, Any]]:
    """Yield the prompts of an article; shorter versions hold fewer images within the text."""
    article = inputs.get("article") or {}
    title = article.get("title", "")
    if not title:
        return
    language = find_language(inputs.get("site", {}).get("language", "en"))
    style = inputs.get("image_style", "photorealistic")
    headings = _spread(list(article.get("headings", ())), max(int(inputs.get("in_article_max", 0)), 0))
    featured = _write_prompt(title, title, style, language, lot)
    in_article = [
        _write_prompt(heading, title, style, language, lot) | {"after_heading": heading} for heading in headings
    ]
    for count in range(len(in_article), -1, -1):
        yield {"featured": featured, "in_article": in_article[:count]}


def _spread(headings: list[str], count: int) -> list[str]:
    """Return `count` headings, spread evenly over the article, or all of them if there are fewer."""
    if count >= len(headings):
        return headings
    return [headings[place * len(headings) // count] for place in range(count)]


def _write_prompt(subject: str, title: str, style: str, language: Language, lot: Lot) -> dict[str, str]:
    scene = lot.pick(f"scene:{subject}", _SCENES)
    about = title if subject == title else f"{subject} ({title})"
    return {
        "prompt": f"{about}: {scene}, {style}.",
        "caption": lot.pick(f"caption:{subject}", language.image_captions).format(subject=subject),
        "alt": lot.pick(f"alt:{subject}", language.image_alts).format(subject=language.quote(subject)),
    }
