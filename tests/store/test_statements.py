"""Statements handed to the driver as they are, some of them several at once: no one can tell the difference."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from reconciler.store.engine import AlreadyThereError, Connection, Database
from reconciler.store.statements import Result, find_rows, insert_row, later, run, together, updating
from reconciler.store.tables import cluster, credit_account, idea

_OF = credit_account.c.account == sa.bindparam("of_account")
_REVENUE = sa.select(credit_account.c.revenue_nano).where(_OF)


def set_revenue(connection: Connection, account: str, nano: int, check=None) -> None:
    later(connection, *updating(credit_account, {"account": account}, {"revenue_nano": nano}), check)


def revenue(connection: Connection, account: str) -> int:
    return run(connection, _REVENUE, {"of_account": account}).scalar_one()


def accounts(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {row.account: row.revenue_nano for row in connection.execute(sa.select(credit_account))}


def test_a_question_finds_what_was_written_before_it_and_the_end_writes_the_rest(database):
    with database.write() as connection, together(connection):
        insert_row(connection, credit_account, {"account": "acme"})
        set_revenue(connection, "acme", 1)
        set_revenue(connection, "acme", 2)
        assert revenue(connection, "acme") == 2
        set_revenue(connection, "acme", 3)
    assert accounts(database) == {"acme": 3}


def test_a_statement_of_another_kind_finds_it_too(database):
    with database.write() as connection, together(connection):
        insert_row(connection, credit_account, {"account": "acme"})
        assert connection.scalar(sa.select(sa.func.count()).select_from(credit_account)) == 1


def test_what_must_have_touched_a_row_is_checked_before_anything_is_committed(database):
    def must_touch(result: Result) -> None:
        if result.rowcount != 1:
            raise LookupError("nobody there")

    with pytest.raises(LookupError, match="nobody there"), database.write() as connection, together(connection):
        insert_row(connection, credit_account, {"account": "acme"})
        set_revenue(connection, "acme", 1, must_touch)
        set_revenue(connection, "gone", 1, must_touch)
        set_revenue(connection, "acme", 2, must_touch)
    assert accounts(database) == {}


def test_a_row_that_is_there_already_is_refused_as_ever(database):
    with database.write() as connection:
        insert_row(connection, credit_account, {"account": "acme"})
    with pytest.raises(AlreadyThereError), database.write() as connection, together(connection):
        insert_row(connection, credit_account, {"account": "best"})
        insert_row(connection, credit_account, {"account": "acme"})
        insert_row(connection, credit_account, {"account": "corp"})
    assert accounts(database) == {"acme": 0}


def test_what_waited_when_the_block_failed_is_not_written_by_the_next_one(database):
    with pytest.raises(ZeroDivisionError), database.write() as connection, together(connection):
        insert_row(connection, credit_account, {"account": "acme"})
        raise ZeroDivisionError
    with database.write() as connection, together(connection):
        insert_row(connection, credit_account, {"account": "best"})
    assert accounts(database) == {"best": 0}


def test_hundreds_of_statements_wait_without_being_lost(database):
    with database.write() as connection, together(connection):
        for number in range(700):
            insert_row(connection, credit_account, {"account": f"a{number}"})
        assert revenue(connection, "a699") == 0
    assert len(accounts(database)) == 700


def test_rows_hold_what_their_columns_hold_whichever_way_they_are_read(database):
    now = datetime(2024, 5, 15, 6, 30, 0, 250_000, tzinfo=UTC)
    shared = {"site": "blog", "sector": "all", "created_at": now}
    words = {"title": "Boots — “well made”", "keyword": "boots", "keywords": ["boots", "ß"], "outline": [{"h2": "One"}]}
    with database.write() as connection:
        connection.execute(cluster.insert().values(**shared, id=1, state="new", name="one"))
        connection.execute(idea.insert().values(**shared, **words, id=1, cluster_id=1, state="new", is_owner=True))
    of_site = sa.select(idea, cluster.c.name.label("cluster")).join(cluster, cluster.c.id == idea.c.cluster_id)
    with database.read() as connection:
        (row,) = find_rows(connection, of_site.where(idea.c.site == sa.bindparam("of_site")), {"of_site": "blog"})
        assert row == connection.execute(of_site).one()._asdict()
    assert (row["keywords"], row["is_owner"], row["set_aside_at"]) == (["boots", "ß"], True, None)
    assert (row["created_at"], row["cluster"]) == (now, "one")


def test_a_statement_alone_is_a_transaction(database):
    with database.write_once() as connection:
        insert_row(connection, credit_account, {"account": "acme"})
    assert accounts(database) == {"acme": 0}
    with pytest.raises(AlreadyThereError), database.write_once() as connection:
        insert_row(connection, credit_account, {"account": "acme"})
    assert accounts(database) == {"acme": 0}
