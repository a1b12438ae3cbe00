"""Forecasts of sites as they were worked out at an apply, so that a plan works out only those that changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.plan.forecast import Expected, Remembered
from reconciler.store.tables import forecast


def load_forecasts(connection: Connection) -> dict[str, Remembered]:
    """Return what is remembered, by site."""
    columns = forecast.c
    known = (columns.site, columns.digest, columns.account, columns.strategy, columns.basis)
    rows = connection.execute(sa.select(*known, columns.articles, columns.credits, columns.cost_nano))
    return {
        site: Remembered(digest, account, strategy, basis, Expected(articles, credits, cost))
        for site, digest, account, strategy, basis, articles, credits, cost in rows
    }


def save_forecasts(connection: Connection, fresh: Mapping[str, Remembered], gone: Iterable[str]) -> None:
    """Remember what was worked out anew, and forget sites that are gone."""
    names = [{"b_site": name} for name in {*fresh, *gone}]
    if names:
        connection.execute(forecast.delete().where(forecast.c.site == sa.bindparam("b_site")), names)
    rows = [
        {
            "site": name,
            "digest": item.digest,
            "account": item.account,
            "strategy": item.strategy,
            "basis": item.basis,
            "articles": item.expected.articles,
            "credits": item.expected.credits,
            "cost_nano": item.expected.cost_nano,
        }
        for name, item in fresh.items()
    ]
    if rows:
        connection.execute(forecast.insert(), rows)
