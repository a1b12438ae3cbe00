"""From a Prompt and its variables to the text that a model is asked with; from Markdown to safe HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconciler.kinds.prompt import Prompt
from reconciler.pipeline.port import SiteContext

# What a person would write in an article, and nothing that runs, frames, tracks or restyles.
_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "figcaption", "figure", "h2", "h3", "h4", "hr", "img", "li", "ol", "p",
    "pre", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_KEEPS_ITS_SCRIPT = {"ja", "zh", "ko", "th", "lo", "km", "my"}
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "th": {"align"}, "td": {"align"}}


def common_inputs(context: SiteContext, sector: str) -> dict[str, Any]:
    """Return the variables that every function is given. Without the thinker module, author and strategy are left out."""
    site = context.site
    thinks = context.account.modules.thinker
    author, strategy = (context.author, context.strategy) if thinks else (None, None)
    return {
        "site": {
            "name": site.name,
            "display_name": site.display_name or site.name,
            "url": site.url,
            "language": site.language,
            "industry": site.industry or "",
        },
        "author": author.model_dump(mode="json", exclude={"labels", "protected"}) if author else None,
        "strategy": strategy.model_dump(mode="json", exclude={"labels", "protected"}) if strategy else None,
        "sector": sector,
    }


def render_prompt(prompt: Prompt, inputs: Mapping[str, Any]) -> str:
    """Return the prompt's text; ValueError with the reason when the template cannot be rendered."""
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    try:
        return environment.from_string(prompt.template).render(inputs).strip() + "\n"
    except (TemplateError, TypeError, ArithmeticError) as error:
        raise ValueError(f"prompt/{prompt.name} cannot be rendered: {error}") from error


def markdown_to_html(markdown: str) -> str:
    """Return the sanitised HTML of an article's Markdown; links and images to http(s) and relative places only."""
    import nh3
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(markdown)
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto"}, link_rel=None)


def count_words(markdown: str) -> int:
    """Return the words of a text; in scripts without spaces two characters count as a word."""
    text = re.sub(r"[#>*_`|\[\]()-]", " ", markdown)
    wide = len(re.findall(r"[぀-ヿ㐀-鿿가-힯]", text))
    return len(re.sub(r"[぀-ヿ㐀-鿿가-힯]", " ", text).split()) + wide // 2


def make_slug(wanted: str, title: str, taken: set[str], *, fallback: str, language: str) -> str:
    """Return a slug that is not taken: from the wished one, else the title, else the fallback; at most 80 characters.

    Scripts that cannot be transliterated without knowing the language stay as they are; URLs encode them.
    """
    from slugify import slugify

    stays = language.split("-")[0] in _KEEPS_ITS_SCRIPT
    base = slugify(wanted, max_length=80, word_boundary=True, allow_unicode=stays)
    base = base or slugify(title, max_length=80, word_boundary=True, allow_unicode=stays) or fallback
    slug, number = base, 2
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug
