"""Databases from before the chain of applies: their past stays readable, and a chain begins after it."""

from __future__ import annotations

import json

from alembic import command
from alembic.config import Config
from builder import WEDNESDAY, World, edited, write_root

import reconciler.store as store
from reconciler.errors import ConflictError
from reconciler.operations.blame import blame
from reconciler.operations.history import show_apply, verify_history
from reconciler.store.engine import Database, connect, open_database
from reconciler.store.history import load_snapshot


def upgrade_to(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", f"{store.__path__[0]}/migrations")
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def insert(database: Database, table: str, **values: object) -> None:
    import sqlalchemy as sa

    names = ", ".join(values)
    with database.write() as connection:
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def test_the_past_of_an_older_schema_is_carried_over(database_url, tmp_path):
    world = World(write_root(tmp_path / "root"), connect(database_url))
    upgrade_to(world.database, "0003")
    plans = [
        {"id": "a", "environment": "", "summary": {"create": 11, "update": 0, "delete": 0, "unchanged": 0, "blocked": 0},
         "forecast": {"before": {"sites": {}}, "after": {"sites": {"blog": {}}}}, "changes": []},
        {"id": "b", "environment": "", "summary": {"create": 0, "update": 1, "delete": 0, "unchanged": 10, "blocked": 0},
         "forecast": {"before": {}, "after": {}}, "changes": []},
    ]  # fmt: skip
    resources = world.compile().resources
    plans[0]["changes"] = [
        {"action": "create", "kind": item.kind, "name": item.name, "fields": [], "causes": []} for item in resources
    ]
    field = {"field": "automation.time", "before": "01:00", "after": "02:00", "state": "pending"}
    plans[1]["changes"] = [{"action": "update", "kind": "site", "name": "blog", "fields": [field], "causes": ["x:1"]}]
    for generation, plan in enumerate(plans, 1):
        insert(
            world.database, "history", generation=generation, at=WEDNESDAY, actor="old", config_digest="d",
            plan=json.dumps(plan),
        )  # fmt: skip
    for number, item in enumerate(resources):
        text = item.canonical().decode()
        insert(
            world.database, "resource", kind=item.kind, name=item.name, uid=str(number),
            generation=2 if item.kind == "site" else 1, spec=text, applied_spec=text, applied_digest=item.digest,
            applied_at=WEDNESDAY, created_at=WEDNESDAY,
        )  # fmt: skip
    world.database.close()
    world.database = open_database(database_url, upgrade=True)

    shown = show_apply(world.database, 2).to_json()
    assert shown["changes"][0]["fields"] == [field]
    assert "sites" not in show_apply(world.database, 1).applied.plan["forecast"]["after"]
    (time,) = blame(world.database, "site/blog.automation.time").fields
    assert (time.applied.generation, time.value) == (2, "02:00")
    (url,) = blame(world.database, "site/blog.url").fields
    assert url.applied.generation == 1
    world.write(edited("platform.yaml", ('"0.01"', '"0.02"')))
    world.apply()
    found = verify_history(world.database)
    assert (found.broken, found.applies, found.unchained) == (None, 3, 2)
    with world.database.read() as connection:
        assert len(load_snapshot(connection, 2)) == len(resources), "what was in force is kept"
        try:
            load_snapshot(connection, 1)
        except ConflictError as error:
            assert "what generation 1 wrote of site/blog was not kept" in error.message
        else:
            raise AssertionError("the first site was not kept")
    world.database.close()
