"""Keyword items follow their site's sectors when an apply changes them; a site's first ones are taken in by its first run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from reconciler.kinds.site import Site
from reconciler.plan.change import Change
from reconciler.store.engine import Connection
from reconciler.store.keywords import take_in_keywords
from reconciler.store.resources import read_spec


def follow_keywords(connection: Connection, changes: Iterable[Change], now: datetime) -> None:
    """Archive the keywords that updates of sites take away, and take up those that they bring."""
    for change in changes:
        if change.kind != "site" or change.action != "update" or change.after is None:
            continue
        if any(field.path[0] == "sectors" for field in change.fields):
            site = read_spec("site", change.after)
            assert isinstance(site, Site)
            take_in_keywords(connection, site, now)
