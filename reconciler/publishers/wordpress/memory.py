"""What a WordPress was found to have. It is kept between visits, so that an article asks for what is its own.

Each of it shows by a failure once it is gone: a category that was deleted is not stored, a right that was taken away is
refused. What was not found is not kept, since it may come at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.publishers.wordpress.user import User

TERMS_MAX = 1000


@dataclass(slots=True)
class SiteMemory:
    """Where the API is (its address and its `rest_route`), who we are if that is enough for all, and numbers by name.

    Authors are known by name and display name.
    """

    root: tuple[str, str] | None = None
    user: User | None = None
    categories: dict[str, int] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)
    authors: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def is_large(self) -> bool:
        """Tell whether more terms are known than one would want to keep for each of a thousand sites."""
        return len(self.tags) + len(self.categories) > TERMS_MAX

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is known yet."""
        return self.root is None

    def forget(self) -> None:
        """Know nothing any more."""
        self.root = self.user = None
        self.categories.clear()
        self.tags.clear()
        self.authors.clear()
