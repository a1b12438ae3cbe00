"""Calls that are under way beside each other write together: fewer commits, and each is as whole as it would be alone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from reconciler.errors import LockedError, UnreachableError
from reconciler.kinds.providers import Limits
from reconciler.operations.group_commit import GroupCommit
from reconciler.operations.passages import Passages
from reconciler.pipeline.flow import Go, WaitUntil
from reconciler.store.engine import Connection, Database
from reconciler.store.statements import insert_rows
from reconciler.store.tables import credit_account

NOW, MINUTE = datetime(2026, 11, 21, 12, tzinfo=UTC), timedelta(minutes=1)


def open_account(name: str) -> Callable[[Connection, list[str]], str]:
    def work(connection: Connection, notes: list[str]) -> str:
        connection.execute(credit_account.insert().values(account=name))
        notes.append(name)
        return f"{name} after {', '.join(notes[:-1]) or 'nobody'}"

    return work


def fail(connection: Connection, notes: list[str]) -> str:
    connection.execute(credit_account.insert().values(account="lost"))
    raise ValueError("this one cannot be done")


def write_at_once(database: Database, works, undone=None) -> list[object]:
    async def go() -> list[object]:
        group: GroupCommit[list[str]] = GroupCommit(list)
        take_back = (lambda _: None) if undone is None else undone.append
        return await asyncio.gather(
            *(group.add(database, work, undo=take_back) for work in works), return_exceptions=True
        )

    return asyncio.run(go())


def accounts(database: Database) -> list[str]:
    with database.read() as connection:
        return sorted(connection.scalars(sa.select(credit_account.c.account)))


def count_commits(database: Database) -> list[object]:
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    return commits


def test_what_comes_at_once_is_committed_once_in_the_order_in_which_it_came(database):
    commits = count_commits(database)
    results = write_at_once(database, [open_account(name) for name in ("acme", "best", "corp")])
    assert results == ["acme after nobody", "best after acme", "corp after acme, best"]
    assert len(commits) == 1
    assert accounts(database) == ["acme", "best", "corp"]


def test_one_that_fails_takes_no_other_with_it_and_what_the_others_noted_is_taken_back_before_they_go_again(database):
    undone: list[str] = []
    acme, failed, corp = write_at_once(database, [open_account("acme"), fail, open_account("corp")], undone)
    assert (acme, corp) == ("acme after nobody", "corp after nobody")
    assert isinstance(failed, ValueError)
    assert undone == ["acme after nobody"]
    assert accounts(database) == ["acme", "corp"]


def test_a_commit_that_fails_fails_for_each_of_the_group_and_is_not_made_again(database):
    undone: list[str] = []
    commits: list[object] = []

    @event.listens_for(database.engine, "commit")
    def lose(connection: Connection) -> None:
        commits.append(connection)
        raise sa.exc.OperationalError("COMMIT", None, Exception("the server went away"))

    results = write_at_once(database, [open_account("acme"), open_account("best")], undone)
    assert [type(result) for result in results] == [UnreachableError, UnreachableError]
    assert undone == ["acme after nobody", "best after acme"]
    assert len(commits) == 1
    event.remove(database.engine, "commit", lose)
    assert accounts(database) == []


def test_a_busy_database_is_asked_once_for_the_whole_group_and_not_for_each_of_it(database):
    undone: list[str] = []
    asked: list[str] = []

    def wait_in_vain(connection: Connection, notes: list[str]) -> str:
        asked.append("again")
        raise LockedError("the database is locked by another process")

    results = write_at_once(database, [open_account("acme"), wait_in_vain, open_account("best")], undone)
    assert [type(result) for result in results] == [LockedError] * 3
    assert (undone, asked, accounts(database)) == (["acme after nobody"], ["again"], [])


def test_a_write_that_nobody_waits_for_any_more_is_not_made(database):
    async def go() -> str:
        group: GroupCommit[list[str]] = GroupCommit(list)
        unwanted = group.add(database, open_account("acme"))
        wanted = group.add(database, open_account("best"))
        unwanted.cancel()
        return await wanted

    assert asyncio.run(go()) == "best after nobody"
    assert accounts(database) == ["best"]


def test_many_are_committed_in_small_groups_between_which_others_have_their_turn(database):
    commits = count_commits(database)
    turns: list[int] = []

    async def go() -> None:
        group: GroupCommit[list[str]] = GroupCommit(list)
        writes = asyncio.gather(*(group.add(database, open_account(f"a{number:02}")) for number in range(70)))
        while not writes.done():
            await asyncio.sleep(0)
            turns.append(len(commits))
        await writes

    asyncio.run(go())
    assert accounts(database) == [f"a{number:02}" for number in range(70)]
    assert sorted(set(turns)) == [1, 2, 3, 4, 5]


def test_calls_that_are_admitted_in_one_transaction_count_each_other_at_the_provider(database):
    with database.write() as connection:
        passages = Passages()
        passages.lock(connection, "openai")

        def ask(limits: Limits, answered: int = 0) -> Go | WaitUntil:
            return passages.pass_gate(
                connection, "openai", "gpt", limits, 100, NOW, timeout=MINUTE, answered=answered
            )  # fmt: skip

        two = Limits(concurrency=2)
        assert isinstance(ask(two), Go)
        passages.note("openai", "gpt", 100, NOW)
        assert isinstance(ask(two), Go)
        passages.note("openai", "gpt", 100, NOW)
        assert isinstance(ask(two), WaitUntil)
        # One of them has its answer already; only the database does not know it yet.
        assert isinstance(ask(two, answered=1), Go)


def test_a_limit_of_requests_a_minute_counts_what_this_transaction_admitted(database):
    limits = Limits(requests_per_minute=1)
    with database.write() as connection:
        passages = Passages()
        passages.lock(connection, "openai")
        first = passages.pass_gate(connection, "openai", "gpt", limits, 100, NOW, timeout=MINUTE, answered=0)
        passages.note("openai", "gpt", 100, NOW)
        second = passages.pass_gate(connection, "openai", "gpt", limits, 100, NOW, timeout=MINUTE, answered=0)
    assert isinstance(first, Go)
    assert second == WaitUntil(NOW + timedelta(seconds=61), "the limits of the provider")


@pytest.mark.parametrize("number", [1, 2, 7, 250])
def test_rows_go_in_together_whatever_their_number(database, number):
    with database.write() as connection:
        insert_rows(connection, credit_account, [{"account": f"a{index:03}"} for index in range(number)])
    assert accounts(database) == [f"a{index:03}" for index in range(number)]


def test_a_transaction_that_another_one_was_in_the_way_of_may_be_tried_again(database):
    if database.engine.dialect.name == "postgresql":
        raising = "DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '{}'; END $$"
        failing, says = [raising.format(code) for code in ("40001", "40P01", "55P03")], "is busy: deadlock detected"
    else:
        failing, says = ["INSERT INTO credit_account (account) VALUES ('acme')"], "is locked by another process"
        other = sqlite3.connect(database.engine.url.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        event.listen(database.engine, "engine_connect", lambda one: one.exec_driver_sql("PRAGMA busy_timeout = 1"))
    for statement in failing:
        with pytest.raises(LockedError, match=says), database.write() as connection:
            connection.exec_driver_sql(statement)
