"""What goes wrong around us: a full disk, a locked or broken database, a folder that is none."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from builder import World, write_root
from sqlalchemy import event

from reconciler.errors import ConflictError, LockedError, UnreachableError, UsageError
from reconciler.store.engine import SCHEMA_REVISION, open_database, schema_revision, upgrade_schema
from reconciler.store.tables import metadata


def test_a_full_disk_is_said_and_leaves_the_database_as_it_was(small_world):
    database = small_world.database
    with contextlib.closing(sqlite3.connect(database.engine.url.database)) as connection:
        connection.execute("VACUUM")  # no page is free any more
    with database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    @event.listens_for(database.engine, "begin")
    def limit(connection):
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(UnreachableError, match="no space left") as raised:
        small_world.apply()
    assert raised.value.hint == "free space; nothing was changed"
    assert small_world.rows("SELECT count(*) FROM resource") == [(0,)]
    assert small_world.rows("SELECT count(*) FROM history") == [(0,)]


def test_a_media_folder_that_cannot_be_written_interrupts_the_run_and_it_goes_on_later(small_world):
    small_world.apply()
    media = small_world.installation.media
    media.parent.mkdir(parents=True, exist_ok=True)
    media.write_text("a file where a folder should be")
    with pytest.raises(UnreachableError, match="cannot write an image"):
        small_world.run()
    assert small_world.counts("run") == {"interrupted": 1}
    media.unlink()
    small_world.run()
    assert small_world.counts("run") == {"completed": 1}
    assert small_world.rows("SELECT held FROM credit_account") == [(0,)]


def test_a_database_that_another_process_has_locked_is_said(tmp_path):
    path = tmp_path / "state.db"
    world = World(write_root(tmp_path / "root"), open_database(f"sqlite:///{path}?timeout=0.05"))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(LockedError, match="is locked by another process"):
            world.apply()
    finally:
        holder.rollback()
        holder.close()
    world.apply()


def test_a_file_that_is_no_database_is_said(tmp_path):
    path = tmp_path / "state.db"
    path.write_text("no database at all, but long enough to look like one at first sight " * 20)
    with pytest.raises(UnreachableError, match="no usable SQLite database"):
        open_database(f"sqlite:///{path}")


@pytest.mark.parametrize("url", ["nonsense", "oracle://x", "mysql://root@127.0.0.1/x"])
def test_a_url_that_names_no_supported_database_is_a_usage_error(url):
    with pytest.raises(UsageError):
        open_database(url)


def test_a_server_that_is_not_there_is_said_without_its_password():
    with pytest.raises(UnreachableError) as raised:
        open_database("postgresql://me:s3cr3t-canary@127.0.0.1:1/none")
    assert "s3cr3t-canary" not in raised.value.message


def test_a_new_postgresql_database_asks_for_the_upgrade_command(new_postgres):
    url = new_postgres()
    with pytest.raises(ConflictError, match="has no schema yet") as raised:
        open_database(url)
    assert raised.value.hint == "run `igny8 db upgrade`"
    database = open_database(url, upgrade=True)
    upgrade_schema(database)
    assert schema_revision(database) == SCHEMA_REVISION
    database.close()


def test_a_schema_of_a_newer_igny8_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'state.db'}"
    database = open_database(url)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(ConflictError, match="is newer than this igny8"):
        open_database(url)


def test_the_migrations_make_exactly_the_tables_that_the_program_knows(database):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
