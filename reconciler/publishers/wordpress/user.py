"""Who we are at a WordPress, and whether that is enough: asked before anything is sent, since public lists tell nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.publishers.port import Preflight, PublishFailure
from reconciler.publishers.wordpress import WordPressSettings
from reconciler.publishers.wordpress.api import WordPressApi
from reconciler.publishers.wordpress.failures import ROLES_HINT, RefusedError
from reconciler.publishers.wordpress.seo import why_no_canonical, why_no_meta
from reconciler.publishers.wordpress.terms import Terms

_KNOWING = "see who they are"
# Capability and what it is for. An author has all of these.
_NEEDED = {
    "edit_posts": "write drafts",
    "upload_files": "upload images",
    "publish_posts": "publish",
    "edit_published_posts": "update what is published",
}
_EDITORS = {"manage_categories": "make categories", "edit_others_posts": "publish under another author's name"}


@dataclass(frozen=True, slots=True)
class User:
    """A user of the site with the role's capabilities."""

    name: str
    slug: str
    roles: tuple[str, ...]
    capabilities: frozenset[str]

    @property
    def missing(self) -> tuple[str, ...]:
        """Return what the user may not do and has to."""
        return tuple(what for capability, what in _NEEDED.items() if capability not in self.capabilities)

    @property
    def title(self) -> str:
        """Return name and roles."""
        return f"{self.name} ({', '.join(self.roles) or 'no role'})"

    @property
    def names_others(self) -> bool:
        """Tell whether the user may publish under another author's name."""
        return "edit_others_posts" in self.capabilities

    def why_not_enough(self, place: str) -> PublishFailure | None:
        """Return the failure that stops the site, None when the rights are enough."""
        if not self.missing:
            return None
        return PublishFailure(f"{place}: {self.title} may not {', '.join(self.missing)}", "site", hint=ROLES_HINT)


def who_am_i(api: WordPressApi) -> User:
    """Return the user that the site knows us as; RefusedError that tells a wrong password from ones switched off."""
    try:
        me = api.get("/wp/v2/users/me", _KNOWING, context="edit", _fields="id,name,slug,roles,capabilities")
    except RefusedError as error:
        if error.status == 401 and _are_off(api):
            message = f"{api.place} has no application passwords: they are switched off, or it is not reached by https"
            hint = "switch them on (a security plugin may forbid them), and serve the site by https"
            raise RefusedError(PublishFailure(message, "site", hint=hint), error.code, error.status) from error
        raise
    held = frozenset(name for name, has in me["capabilities"].items() if has)
    return User(str(me["name"]), str(me["slug"]), tuple(me["roles"]), held)


def preflight(
    api: WordPressApi, user: User, settings: WordPressSettings, meta: frozenset[str], terms: Terms
) -> Preflight:  # fmt: skip
    """Return what the user may do and what the site will drop."""
    able = {**_NEEDED, **_EDITORS, "unfiltered_html": "store any HTML"}
    warnings = [
        f"{user.title} may not {what}" for capability, what in _EDITORS.items() if capability not in user.capabilities
    ]
    if "unfiltered_html" not in user.capabilities:
        warnings.append("scripts, frames and inline styles are removed from articles: the user may not store any HTML")
    index = api.get("/", _KNOWING, _fields="namespaces")
    warnings += [why] if (why := why_no_meta(meta, index.get("namespaces", ()))) else []
    wants_editor = bool(settings.categories or settings.category_per_sector or settings.author)
    return Preflight(
        who=user.title,
        may=tuple(what for capability, what in able.items() if capability in user.capabilities),
        missing=user.missing or tuple(_declared_in_vain(user, settings, terms)),
        warnings=tuple(warnings),
        least_role="editor" if wants_editor else "author",
        no_canonical=why_no_canonical(meta),
    )


def _declared_in_vain(user: User, settings: WordPressSettings, terms: Terms) -> Iterator[str]:
    """Yield what the settings ask for and the user may not do: nothing would go out."""
    if settings.author and not user.names_others and settings.author.casefold() not in _names_of(user):
        yield f"publish under the name of {settings.author}"
    if "manage_categories" not in user.capabilities:
        for name in terms.missing_categories(settings.categories):
            yield f"make the category {name}"


def _names_of(user: User) -> tuple[str, str]:
    return user.slug.casefold(), user.name.casefold()


def _are_off(api: WordPressApi) -> bool:
    """Tell whether the site says that it has no application passwords."""
    try:
        index: Any = api.get("/", _KNOWING, _fields="authentication")
    except RefusedError:
        return False
    authentication = index.get("authentication") if isinstance(index, dict) else None
    return authentication is not None and "application-passwords" not in (authentication or {})
