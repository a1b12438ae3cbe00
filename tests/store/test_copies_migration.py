"""How sites were found before they had further places is kept as what is known of their own."""

from __future__ import annotations

from builder import WEDNESDAY
from test_history_migration import insert, upgrade_to

from reconciler.store.engine import connect, open_database
from reconciler.store.site_sync import load_site_syncs, record_sync


def test_what_is_known_of_sites_is_carried_over_and_further_places_stand_beside_it(database_url):
    database = connect(database_url)
    upgrade_to(database, "0015")
    insert(
        database, "site_sync", site="blog", sync_status="stopped", reason="down", hint="wait", failures=2,
        next_attempt_at=WEDNESDAY,
    )  # fmt: skip
    insert(database, "sync_event", site="blog", event="stopped", at=WEDNESDAY)
    database.close()
    database = open_database(database_url, upgrade=True)
    with database.write() as connection:
        found = load_site_syncs(connection)["blog", ""]
        assert (found["sync_status"], found["failures"], found["next_attempt_at"]) == ("stopped", 2, WEDNESDAY)
        assert connection.exec_driver_sql("SELECT target_name FROM sync_event").all() == [("",)]
        record_sync(connection, ("blog", "partner"), differs=False, at=WEDNESDAY)
        assert {ref: row["sync_status"] for ref, row in load_site_syncs(connection).items()} == {
            ("blog", ""): "stopped", ("blog", "partner"): "ok",
        }  # fmt: skip
    database.close()
