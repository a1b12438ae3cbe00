"""The ledger on real databases: once, never below zero, books that sum to zero, whatever the order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from builder import WEDNESDAY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import ConflictError
from reconciler.store import ledger
from reconciler.store.ledger import Hold, Origin, OverdrawnError
from reconciler.store.movements import Movement, payload_of, write
from reconciler.store.tables import run, transfer

ORIGIN = Origin("tester", WEDNESDAY, 1)


def a_run(connection, site="blog"):
    """Return the id of a new closed run: holds belong to one."""
    statement = run.insert().values(
        site=site, account="acme", trigger="now", state="completed", generation=1, available_at_start=0,
        started_at=WEDNESDAY,
    )  # fmt: skip
    return connection.execute(statement.returning(run.c.id)).scalar_one()


def a_hold(run_id, credits, number=1, minutes=15):
    expires_at = WEDNESDAY + timedelta(minutes=minutes)
    return Hold(f"hold-{number}", "acme", "blog", "content", run_id, credits, expires_at)


def test_a_grant_is_given_once_by_its_key(database):
    with database.write() as connection:
        assert ledger.grant(connection, "acme", 100, "grant:acme:opening", "opening", ORIGIN)
        assert not ledger.grant(connection, "acme", 100, "grant:acme:opening", "opening", ORIGIN)
        assert ledger.balance_of(connection, "acme").available == 100


def test_a_transfer_of_an_account_that_is_not_there_is_a_defect_and_not_passed_over(database):
    movement = Movement("grant", "grant:acme:opening", "acme", 0, (), payload_of("grant", "acme", 0))
    with pytest.raises((AssertionError, ValueError)), database.write() as connection:
        write(connection, movement, ORIGIN)


def test_the_same_key_with_another_amount_is_a_conflict(database):
    with database.write() as connection:
        ledger.grant(connection, "acme", 100, "grant:acme:opening", "opening", ORIGIN)
        with pytest.raises(ConflictError, match="another content"):
            ledger.grant(connection, "acme", 200, "grant:acme:opening", "opening", ORIGIN)


def test_a_hold_takes_from_available_at_once_and_settling_gives_the_rest_back(database):
    with database.write() as connection:
        ledger.grant(connection, "acme", 100, "g", "opening", ORIGIN)
        ledger.place_hold(connection, a_hold(a_run(connection), 30), ORIGIN)
        balance = ledger.balance_of(connection, "acme")
        assert (balance.available, balance.held, balance.spent) == (70, 30, 0)
        ledger.settle(connection, "hold-1", 12, ORIGIN)
        balance = ledger.balance_of(connection, "acme")
        assert (balance.available, balance.held, balance.spent) == (88, 0, 12)


def test_a_hold_beyond_what_is_available_is_refused_and_changes_nothing(database):
    with database.write() as connection:
        ledger.grant(connection, "acme", 10, "g", "opening", ORIGIN)
        with pytest.raises(OverdrawnError):
            ledger.place_hold(connection, a_hold(a_run(connection), 11), ORIGIN)
        assert ledger.balance_of(connection, "acme").available == 10


@pytest.mark.parametrize(
    ("first", "second"), [("settle", "void"), ("void", "settle"), ("expire", "settle"), ("settle", "settle-other")]
)
def test_a_hold_is_resolved_once(database, first, second):
    def resolve(connection, how):
        if how == "settle":
            ledger.settle(connection, "hold-1", 5, ORIGIN)
        elif how == "settle-other":
            ledger.settle(connection, "hold-1", 6, ORIGIN)
        elif how == "void":
            ledger.void(connection, "hold-1", ORIGIN)
        else:
            ledger.expire_holds(connection, Origin("tester", WEDNESDAY + timedelta(hours=1), 1))

    with database.write() as connection:
        ledger.grant(connection, "acme", 100, "g", "opening", ORIGIN)
        ledger.place_hold(connection, a_hold(a_run(connection), 10), ORIGIN)
        resolve(connection, first)
        before = ledger.balance_of(connection, "acme")
        with pytest.raises(ConflictError, match="resolved already"):
            resolve(connection, second)
        assert ledger.balance_of(connection, "acme") == before


def test_settling_again_alike_changes_nothing(database):
    with database.write() as connection:
        ledger.grant(connection, "acme", 100, "g", "opening", ORIGIN)
        ledger.place_hold(connection, a_hold(a_run(connection), 10), ORIGIN)
        ledger.settle(connection, "hold-1", 5, ORIGIN)
        ledger.settle(connection, "hold-1", 5, ORIGIN)
        assert ledger.balance_of(connection, "acme").spent == 5


def test_holds_expire_by_time_and_not_before(database):
    with database.write() as connection:
        ledger.grant(connection, "acme", 100, "g", "opening", ORIGIN)
        run_id = a_run(connection)
        ledger.place_hold(connection, a_hold(run_id, 10, 1, minutes=5), ORIGIN)
        ledger.place_hold(connection, a_hold(run_id, 20, 2, minutes=50), ORIGIN)
        later = Origin("tester", WEDNESDAY + timedelta(minutes=6), 1)
        assert ledger.expire_holds(connection, later) == ("hold-1",)
        assert ledger.balance_of(connection, "acme").held == 20


def test_the_database_itself_refuses_a_negative_balance_and_books_out_of_balance(database):
    with database.write() as connection:
        ledger.grant(connection, "acme", 10, "g", "opening", ORIGIN)
    for statement in (
        "UPDATE credit_account SET available = -1, spent = 11",
        "UPDATE credit_account SET available = available + 1",
    ):
        with pytest.raises(Exception, match=r"(?i)check"), database.write() as connection:
            connection.execute(sa.text(statement))


def test_many_threads_on_credits_for_ten_are_served_ten_times(database):
    """32 calls of 1 credit at once, 10 credits: 10 are admitted, nobody else, and the balance is 0."""
    with database.write() as connection:
        ledger.grant(connection, "acme", 10, "g", "opening", ORIGIN)
        run_id = a_run(connection)

    def call(number):
        try:
            with database.write() as connection:
                ledger.place_hold(connection, a_hold(run_id, 1, number), ORIGIN)
        except OverdrawnError:
            return 0
        with database.write() as connection:
            ledger.settle(connection, f"hold-{number}", 1, ORIGIN)
        return 1

    with ThreadPoolExecutor(8) as pool:
        served = sum(pool.map(call, range(32)))
    with database.read() as connection:
        balance = ledger.balance_of(connection, "acme")
    assert served == 10
    assert (balance.available, balance.held, balance.spent) == (0, 0, 10)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(st.tuples(st.sampled_from("ghsve"), st.integers(0, 40), st.integers(0, 8)), max_size=40))
def test_any_sequence_of_operations_keeps_the_laws(sqlite, operations):
    """Legs sum to zero, no book of an account goes wrong, held equals the open holds, each hold is resolved once."""
    with sqlite.engine.connect() as connection:
        outer = connection.begin()
        run_id = a_run(connection)
        placed = []
        for number, (kind, amount, choice) in enumerate(operations):
            hold_id = placed[choice % len(placed)] if placed else None
            try:
                if kind == "g":
                    ledger.grant(connection, "acme", amount, f"g{number}", "test", ORIGIN)
                elif kind == "h":
                    ledger.place_hold(connection, a_hold(run_id, amount, number, minutes=choice), ORIGIN)
                    placed.append(f"hold-{number}")
                elif kind == "e":
                    ledger.expire_holds(connection, Origin("t", WEDNESDAY + timedelta(minutes=choice), 1))
                elif hold_id and kind == "v":
                    ledger.void(connection, hold_id, ORIGIN)
                elif hold_id:
                    ledger.settle(connection, hold_id, amount, ORIGIN)
            except (OverdrawnError, ConflictError, ValueError):
                continue
        balance = ledger.balance_of(connection, "acme")
        assert min(balance.available, balance.held, balance.spent) >= 0
        assert balance.available + balance.held + balance.spent == balance.granted
        broken = [line for line in ledger.find_breaks(connection) if "usage lines" not in line]
        assert broken == []
        outer.rollback()


def test_a_tampered_balance_is_found(database):
    with database.write() as connection:
        ledger.grant(connection, "acme", 10, "g", "opening", ORIGIN)
        connection.execute(sa.text("UPDATE credit_account SET available = 12, granted = -12"))
        breaks = ledger.find_breaks(connection)
    assert breaks == (
        "credit_account acme: available is 12, its postings say 10",
        "credit_account acme: granted is -12, its postings say -10",
        "acme: available is 12, its lots sum to 10",
    )


def test_every_transfer_tells_the_balance_after_it(database):
    with database.write() as connection:
        ledger.grant(connection, "acme", 100, "g", "opening", ORIGIN)
        ledger.place_hold(connection, a_hold(a_run(connection), 30), ORIGIN)
        ledger.settle(connection, "hold-1", 10, ORIGIN)
        rows = connection.execute(sa.select(transfer.c.kind, transfer.c.available_after).order_by(transfer.c.id)).all()
    assert [tuple(row) for row in rows] == [("grant", 100), ("hold", 70), ("settle", 90)]
