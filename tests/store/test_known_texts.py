"""What a site has already is known without reading it anew: what is added, what goes, and what was never committed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from reconciler.pipeline.port import Insert
from reconciler.store.items import SiteItems, carry_out
from reconciler.store.tables import cluster, idea

NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)


def make(connection, site: str, *titles: str) -> None:
    row = cluster.insert().values(site=site, state="new", sector="s", name="c", created_at=NOW)
    cluster_id = connection.execute(row.returning(cluster.c.id)).scalar_one()
    values = {"sector": "s", "cluster_id": cluster_id, "keywords": [], "outline": [], "state": "new"}
    inserts = (Insert("idea", values | {"title": title, "keyword": title}) for title in titles)
    carry_out(connection, site, inserts, NOW)


def near(database, site: str, title: str) -> str | None:
    with database.read() as connection:
        found = SiteItems(connection, site).near("idea", "title", title)
        return found and found.of


def test_what_another_process_adds_is_known_at_the_next_look(database):
    with database.write() as connection:
        make(connection, "blog", "Best tents for rain")
    assert near(database, "blog", "The best tent for rain") == "Best tents for rain"
    assert near(database, "blog", "Warm stoves") is None
    with database.write() as connection:
        make(connection, "blog", "A warm stove")
        make(connection, "shop", "Cheap ropes")
    assert near(database, "blog", "Warm stoves") == "A warm stove"
    assert near(database, "blog", "Cheap rope") is None, "each site for itself"


def test_what_was_superseded_repeats_nothing_and_what_took_its_place_does(database):
    with database.write() as connection:
        make(connection, "blog", "Best tents", "Best boots")
    assert near(database, "blog", "Best tent") == "Best tents"
    with database.write() as connection:
        connection.execute(idea.update().where(idea.c.title == "Best tents").values(superseded_at=NOW))
    assert near(database, "blog", "Best tent") is None
    assert near(database, "blog", "Best boot") == "Best boots"
    with database.write() as connection:
        make(connection, "blog", "The best tent of all")
    assert near(database, "blog", "Best tents of all") == "The best tent of all"


def test_what_was_rolled_back_is_not_known_and_what_takes_its_ids_is(database):
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        make(connection, "blog", "Best tents", "Best boots")
        assert SiteItems(connection, "blog").near("idea", "title", "Best boot").of == "Best boots"
        raise ZeroDivisionError
    with database.write() as connection:
        make(connection, "blog", "Warm stoves", "Cheap ropes")
    assert near(database, "blog", "A cheap rope") == "Cheap ropes"
    assert near(database, "blog", "Best boot") is None


def test_a_look_goes_on_while_somebody_else_beside_it_rolls_back(database):
    """As the daemon's publishing may, which has a thread of its own."""
    with database.write() as connection:
        make(connection, "blog", "Best tents", "Best boots")
    assert near(database, "blog", "Best tent") == "Best tents"
    with database.write() as connection:
        connection.execute(idea.update().where(idea.c.title == "Best tents").values(superseded_at=NOW))
    rolled_back = []

    def roll_back(_connection, _cursor, statement, *_facts):
        if "FROM idea" in statement:
            rolled_back.append(statement)
            with pytest.raises(ZeroDivisionError), database.read():
                raise ZeroDivisionError

    event.listen(database.engine, "after_cursor_execute", roll_back)
    assert near(database, "blog", "Best tent") is None
    assert near(database, "blog", "Best boot") == "Best boots"
    assert rolled_back
