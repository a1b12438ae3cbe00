"""Older articles are there after the upgrade, unchecked, and every cluster has the oldest of its live ideas as owner."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import reconciler.store.engine as engine
from reconciler.store.engine import connect, upgrade_schema

AT = "2026-11-18 10:30:00.000000"
OLDER = (
    *(
        f"INSERT INTO cluster (id, site, state, sector, name, created_at) VALUES ({number}, 'blog', 'new', 's', 'c', '{AT}')"
        for number in (1, 2)
    ),
    *(
        "INSERT INTO idea (id, site, state, sector, cluster_id, title, keyword, keywords, outline, created_at, superseded_at)"
        f" VALUES ({number}, 'blog', 'new', 's', {cluster}, 't{number}', 'k', '[]', '[]', '{AT}', {gone})"
        for number, cluster, gone in ((1, 1, f"'{AT}'"), (2, 1, "NULL"), (3, 1, "NULL"), (4, 2, "NULL"))
    ),
    f"INSERT INTO keyword (id, site, state, sector, term, volume, created_at) VALUES (1, 'blog', 'new', 's', 'k', 0, '{AT}')",
)


def test_an_older_database_gets_owners_and_unknown_stays_unknown(database_url):
    database = connect(database_url)
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        for statement in OLDER:
            connection.execute(sa.text(statement.replace(":", r"\:")))
    upgrade_schema(database)
    with database.read() as connection:
        owners = connection.exec_driver_sql("SELECT id FROM idea WHERE is_owner ORDER BY id").scalars().all()
        assert owners == [2, 4]
        known = connection.exec_driver_sql("SELECT volume, difficulty, imported_at FROM keyword").one()
        assert tuple(known) == (0, None, None)
    database.close()
