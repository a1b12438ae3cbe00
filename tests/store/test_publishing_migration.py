"""Publications from before articles were compared with their sites keep their place, and new ones get new numbers."""

from __future__ import annotations

from builder import WEDNESDAY
from test_history_migration import insert, upgrade_to

from reconciler.publishers.port import Remote
from reconciler.store.engine import connect, open_database
from reconciler.store.publications import find_publication, known_remote


def test_publications_of_an_older_schema_are_carried_over(database_url):
    database = connect(database_url)
    upgrade_to(database, "0010")
    item = {"site": "blog", "sector": "hiking", "created_at": WEDNESDAY}
    insert(database, "cluster", **item, state="ideas_generated", name="c")
    insert(database, "idea", **item, state="queued", cluster_id=1, title="t", keyword="k", keywords="[]", outline="[]")
    insert(database, "task", **item, state="completed", idea_id=1)
    insert(
        database, "content", **item, state="published", task_id=1, title="t", slug="s", tags="[]", markdown="m",
        html="h", model="w",
    )  # fmt: skip
    row = {"site": "blog", "state": "published", "content_id": 1, "slot_at": WEDNESDAY, "key": "k"}
    insert(
        database, "publication", **row, remote_id="posts/s.md", url="https://a.example/s/", published_at=WEDNESDAY,
        created_at=WEDNESDAY, id=7,
    )  # fmt: skip
    database.close()
    database = open_database(database_url, upgrade=True)
    with database.read() as connection:
        found = find_publication(connection, 1)
    assert found is not None
    assert (found["id"], found["published_at"], found["next_attempt_at"]) == (7, WEDNESDAY, None)
    assert known_remote(found, "static out") == Remote("posts/s.md", "https://a.example/s/", "public")
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM publication")
    insert(database, "publication", **row, created_at=WEDNESDAY)
    with database.read() as connection:
        again = find_publication(connection, 1)
    assert again is not None
    assert again["id"] == (8 if database_url.startswith("postgresql") else 1), "numbers go on where they were"
    database.close()
