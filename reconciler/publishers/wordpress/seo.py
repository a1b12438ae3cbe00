"""Meta title, description and canonical address: WordPress has no fields for them, SEO plugins do. Pure.

A plugin's fields can be written only if it registers them for the REST API; the description of the route says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from reconciler.publishers.port import Article

# Plugin: its REST namespace, and its fields for title, description and canonical address.
_PLUGINS = {
    "Yoast SEO": ("yoast/", ("_yoast_wpseo_title", "_yoast_wpseo_metadesc", "_yoast_wpseo_canonical")),
    "Rank Math": ("rankmath/", ("rank_math_title", "rank_math_description", "rank_math_canonical_url")),
    "All in One SEO": ("aioseo/", ("_aioseo_title", "_aioseo_description", "_aioseo_canonical_url")),
    "SEOPress": ("seopress/", ("_seopress_titles_title", "_seopress_titles_desc", "_seopress_robots_canonical")),
}


def registered_meta(description: Any) -> frozenset[str]:
    """Return the meta fields that a route's description (of OPTIONS) names."""
    try:
        return frozenset(description["schema"]["properties"]["meta"]["properties"])
    except (KeyError, TypeError):
        return frozenset()


def meta_of(article: Article) -> dict[str, str]:
    """Return the meta of an article for every plugin. WordPress takes the fields that are registered, and no others."""
    values = (article.meta_title, article.meta_description, article.canonical_url)
    return {name: value for _, names in _PLUGINS.values() for name, value in zip(names, values, strict=True) if value}


def why_no_canonical(registered: Collection[str]) -> str:
    """Return why a post cannot name another address as canonical, "" when it can."""
    if any(names[2] in registered for _, names in _PLUGINS.values()):
        return ""
    return "no SEO plugin lets the canonical address of a post be written through the REST API"


def why_no_meta(registered: Collection[str], namespaces: Iterable[str]) -> str:
    """Return why meta title and description are not stored, "" when they are."""
    if any(names[0] in registered and names[1] in registered for _, names in _PLUGINS.values()):
        return ""
    there = [name for name, (prefix, _) in _PLUGINS.items() if any(space.startswith(prefix) for space in namespaces)]
    what = f"{there[0]} does not let its fields be written" if there else "no SEO plugin lets its fields be written"
    return (
        f"meta title and description are not stored: {what} through the REST API; the excerpt carries the description"
    )
