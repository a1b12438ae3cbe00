"""Lots, refunds, budget windows and proof on real databases: what expires, what returns, what is never exceeded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from builder import WEDNESDAY
from test_store_ledger import ORIGIN, a_hold, a_run

from reconciler.errors import BlockedError, ConflictError
from reconciler.store import ledger
from reconciler.store.budgets import alert_once, place_of, read_windows
from reconciler.store.engine import AlreadyThereError
from reconciler.store.ledger import Hold, Origin, OverdrawnError, SuspendedError, Terms
from reconciler.store.ledger_laws import find_breaks
from reconciler.store.lots import lots_of
from reconciler.store.refunds import refund

HOUR = timedelta(hours=1)


def at(instant):
    return Origin("tester", instant, 1)


def laws(connection):
    return [line for line in find_breaks(connection) if "usage" not in line]


def books(connection):
    balance = ledger.balance_of(connection, "acme")
    return (balance.available, balance.held, balance.spent, balance.expired)


def give(connection, key, credits, **terms):
    return ledger.grant(connection, "acme", credits, key, key, ORIGIN, Terms(**terms))


def test_what_expires_sooner_is_spent_first_and_what_nobody_used_expires_by_a_transfer_of_its_own(database):
    with database.write() as connection:
        give(connection, "bought", 100, source="package", detail="p")
        give(connection, "month", 50, source="monthly", expires_at=WEDNESDAY + HOUR)
        ledger.place_hold(connection, a_hold(a_run(connection), 30), ORIGIN)
        ledger.settle(connection, "hold-1", 20, ORIGIN)
        assert [(lot.key, lot.available, lot.spent) for lot in lots_of(connection, "acme")] == [
            ("month", 30, 20), ("bought", 100, 0),
        ]  # fmt: skip
        ledger.place_hold(connection, a_hold(a_run(connection), 1, 2), at(WEDNESDAY + HOUR))
        assert books(connection) == (99, 1, 20, 30)
        kinds = connection.scalars(sa.text("SELECT kind FROM transfer ORDER BY id")).all()
        assert kinds == ["grant", "grant", "hold", "settle", "lapse", "hold"]
        assert laws(connection) == []


def test_credits_in_a_hold_do_not_expire_under_it_and_what_returns_expires_then(database):
    with database.write() as connection:
        give(connection, "month", 50, source="monthly", expires_at=WEDNESDAY + HOUR)
        run_id = a_run(connection)
        ledger.place_hold(connection, a_hold(run_id, 30, 1), ORIGIN)
        ledger.place_hold(connection, a_hold(run_id, 20, 2), ORIGIN)
        later = at(WEDNESDAY + 2 * HOUR)
        ledger.settle(connection, "hold-1", 25, later)
        assert books(connection) == (0, 20, 25, 5), "the call was admitted in time; its rest came too late"
        ledger.void(connection, "hold-2", later)
        assert books(connection) == (0, 0, 25, 25)
        with pytest.raises(OverdrawnError):
            ledger.place_hold(connection, a_hold(run_id, 1, 3), later)
        assert laws(connection) == []


def test_credits_granted_for_a_later_day_cannot_be_held_before_it(database):
    with database.write() as connection:
        give(connection, "next", 50, effective_at=WEDNESDAY + HOUR, expires_at=WEDNESDAY + 3 * HOUR)
        run_id = a_run(connection)
        assert ledger.balance_of(connection, "acme").upcoming == 50
        with pytest.raises(OverdrawnError):
            ledger.place_hold(connection, a_hold(run_id, 1), ORIGIN)
        ledger.place_hold(connection, a_hold(run_id, 50), at(WEDNESDAY + HOUR))
        assert books(connection) == (0, 50, 0, 0)
        assert laws(connection) == []


def test_a_clock_that_jumps_ahead_and_back_loses_only_what_had_expired_by_then(database):
    with database.write() as connection:
        give(connection, "month", 50, source="monthly", expires_at=WEDNESDAY + HOUR)
        give(connection, "bought", 10, source="package", detail="p")
        run_id = a_run(connection)
        ledger.place_hold(connection, a_hold(run_id, 20, 1), ORIGIN)
        ledger.place_hold(connection, a_hold(run_id, 1, 2), at(WEDNESDAY + 5 * HOUR))
        assert books(connection) == (9, 21, 0, 30), "the clock jumped ahead"
        ledger.void(connection, "hold-1", ORIGIN)
        assert books(connection) == (29, 1, 0, 30), "it came back; what was held returned in time"
        ledger.place_hold(connection, a_hold(run_id, 9, 3), at(WEDNESDAY + 2 * HOUR))
        assert ledger.balance_of(connection, "acme").held == 10
        with pytest.raises(OverdrawnError):
            ledger.place_hold(connection, a_hold(run_id, 1, 4), at(WEDNESDAY + 2 * HOUR))
        assert laws(connection) == []


def test_what_a_hold_gives_back_while_the_clock_is_behind_expires_once_it_has_caught_up(database):
    with database.write() as connection:
        give(connection, "month", 50, source="monthly", expires_at=WEDNESDAY + HOUR)
        run_id = a_run(connection)
        ledger.place_hold(connection, a_hold(run_id, 30), ORIGIN)
        place = place_of("acme", "blog", "content", run_id, WEDNESDAY)
        ledger.lock_funds(connection, place, at(WEDNESDAY + 2 * HOUR))
        assert books(connection) == (0, 30, 0, 20)
        ledger.void(connection, "hold-1", at(WEDNESDAY))
        assert books(connection) == (30, 0, 0, 20)
        assert ledger.lock_funds(connection, place, at(WEDNESDAY + 2 * HOUR)).balance.available == 0
        assert books(connection) == (0, 0, 0, 50)
        assert laws(connection) == []


def test_a_suspended_account_holds_nothing_but_settles_what_it_holds(database):
    with database.write() as connection:
        give(connection, "g", 50)
        run_id = a_run(connection)
        ledger.place_hold(connection, a_hold(run_id, 5, 1), ORIGIN)
        ledger.suspend(connection, "acme", True)
        with pytest.raises(SuspendedError, match="the account acme is suspended"):
            ledger.place_hold(connection, a_hold(run_id, 5, 2), ORIGIN)
        ledger.settle(connection, "hold-1", 5, ORIGIN)
        ledger.suspend(connection, "acme", False)
        ledger.place_hold(connection, a_hold(run_id, 5, 2), ORIGIN)
        assert books(connection) == (40, 5, 5, 0)


def test_placing_a_hold_again_alike_changes_nothing_and_otherwise_is_a_conflict(database):
    with database.write() as connection:
        give(connection, "g", 50)
        run_id = a_run(connection)
        for _ in range(2):
            ledger.place_hold(connection, a_hold(run_id, 5), ORIGIN)
        assert books(connection) == (45, 5, 0, 0)
        with pytest.raises(ConflictError, match="another content"):
            ledger.place_hold(connection, a_hold(run_id, 6), ORIGIN)


def test_what_a_call_used_beyond_its_hold_is_given_by_the_house(database):
    with database.write() as connection:
        give(connection, "g", 50)
        held = a_hold(a_run(connection), 5)
        ledger.place_hold(connection, held, ORIGIN)
        assert ledger.charge(connection, held, 8, ORIGIN, credit_value_nano=10) == 5
        balance = ledger.balance_of(connection, "acme")
        assert (balance.spent, balance.absorbed, balance.granted, balance.revenue_nano) == (5, 3, 50, 50)
        assert laws(connection) == []


def test_an_answer_after_its_hold_expired_is_charged_afresh_if_the_account_can_pay_it_else_by_the_house(database):
    with database.write() as connection:
        give(connection, "g", 20)
        run_id = a_run(connection)
        late = at(WEDNESDAY + HOUR)
        first, second = a_hold(run_id, 9, 1), a_hold(run_id, 11, 2)
        for held in (first, second):
            ledger.place_hold(connection, held, ORIGIN)
        ledger.expire_holds(connection, late)
        assert ledger.charge(connection, first, 8, late, credit_value_nano=10) == 8
        ledger.place_hold(connection, a_hold(run_id, 10, 3), late)
        assert ledger.charge(connection, second, 11, late, credit_value_nano=10) == 0
        ledger.void(connection, "hold-1", late)  # released already: no effect
        balance = ledger.balance_of(connection, "acme")
        assert (balance.available, balance.held, balance.spent, balance.absorbed) == (2, 10, 8, 11)
        assert laws(connection) == []


def test_a_refund_returns_to_the_lots_it_was_taken_from_last_first_and_never_more_than_the_charge(database):
    with database.write() as connection:
        give(connection, "month", 5, source="monthly", expires_at=WEDNESDAY + HOUR)
        give(connection, "bought", 100, source="package", detail="p")
        ledger.place_hold(connection, a_hold(a_run(connection), 12), ORIGIN)
        ledger.settle(connection, "hold-1", 12, ORIGIN, credit_value_nano=10)
        done = refund(connection, "hold-1", 8, ORIGIN, "wrong language", key="a")
        assert (done.credits, done.left, done.is_new) == (8, 4, True)
        assert {lot.key: lot.spent for lot in lots_of(connection, "acme")} == {"month": 4, "bought": 0}
        assert not refund(connection, "hold-1", 8, ORIGIN, "again", key="a").is_new
        with pytest.raises(ConflictError, match="was used for a refund of 8 credits"):
            refund(connection, "hold-1", 2, ORIGIN, "again", key="a")
        with pytest.raises(BlockedError, match="of the 12 credits that were charged, 4 are left"):
            refund(connection, "hold-1", 5, ORIGIN, "more", key="b")
        later = refund(connection, "hold-1", None, at(WEDNESDAY + 2 * HOUR), "the rest", key="c")
        assert (later.credits, later.expired) == (4, 4), "its lot has expired"
        balance = ledger.balance_of(connection, "acme")
        assert (balance.available, balance.spent, balance.expired, balance.revenue_nano) == (100, 0, 5, 0)
        assert laws(connection) == []


def test_the_database_itself_keeps_refunds_within_the_charge(database):
    with database.write() as connection:
        give(connection, "g", 50)
        ledger.place_hold(connection, a_hold(a_run(connection), 5), ORIGIN)
        ledger.settle(connection, "hold-1", 5, ORIGIN)
    with pytest.raises(AlreadyThereError), database.write() as connection:
        connection.execute(sa.text("UPDATE hold_resolution SET credits_refunded = 6"))


def test_a_month_is_a_new_window_and_a_hold_counts_in_the_month_it_was_placed_in(database):
    silvester = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    january = silvester + timedelta(seconds=2)
    with database.write() as connection:
        give(connection, "g", 100)
        run_id = a_run(connection)
        for number, instant in ((1, silvester), (2, january)):
            held = Hold(f"hold-{number}", "acme", "blog", "content", run_id, 10, january + HOUR)
            ledger.place_hold(connection, held, at(instant))
        ledger.settle(connection, "hold-1", 7, at(january))
        found = {
            key: (window.reserved, window.spent)
            for instant in (silvester, january)
            for key, window in read_windows(
                connection, *place_of("acme", "blog", "content", run_id, instant).keys
            ).items()
        }
        assert found == {
            "account/acme/2026-12": (0, 7), "account/acme/2027-01": (10, 0),
            "site/blog/2026-12": (0, 7), "site/blog/2027-01": (10, 0), f"stage/{run_id}/content": (10, 7),
        }  # fmt: skip
        assert laws(connection) == []


def test_a_limit_holds_at_admission_can_be_raised_and_a_lowered_one_refuses_what_comes(database):
    with database.write() as connection:
        give(connection, "g", 100)
        run_id = a_run(connection)
        place = place_of("acme", "blog", "content", run_id, WEDNESDAY)

        def hold(number, credits, limit):
            funds = ledger.lock_funds(connection, place, ORIGIN, {place.site_key: limit})
            ledger.place_hold(connection, a_hold(run_id, credits, number), ORIGIN, funds)

        hold(1, 8, 10)
        with pytest.raises(OverdrawnError, match="site/blog/2026-11 has fewer than 3 credits left"):
            hold(2, 3, 10)
        hold(2, 3, 11)
        with pytest.raises(OverdrawnError):
            hold(3, 1, 5)
        assert read_windows(connection, place.site_key)[place.site_key].limit == 11, "what the last admission held to"
        hold(3, 30, None)
        assert laws(connection) == []
    with pytest.raises(AlreadyThereError), database.write() as connection:
        connection.execute(sa.text("UPDATE budget_window SET limit_credits = 1"))


def test_a_threshold_alerts_once_a_window_whoever_looks(database):
    with database.write() as connection:
        give(connection, "g", 100)
        run_id = a_run(connection)
        place = place_of("acme", "blog", "content", run_id, WEDNESDAY)
        funds = ledger.lock_funds(connection, place, ORIGIN, {place.account_key: 10})
        ledger.place_hold(connection, a_hold(run_id, 8), ORIGIN, funds)
        told = []
        for taken in (None, 8, None):
            if taken:
                ledger.settle(connection, "hold-1", taken, ORIGIN)
            window = read_windows(connection, place.account_key)[place.account_key]
            told.append(alert_once(connection, window, 80, WEDNESDAY))
        assert told == [False, True, False]


@pytest.mark.parametrize(
    ("tampering", "first_break"),
    [
        ("UPDATE posting SET credits = credits + 1 WHERE book = 'spent'", "does not sum to zero"),
        ("UPDATE transfer SET credits = 9 WHERE kind = 'settle'", "says 9 credits, its postings 4"),
        ("UPDATE credit_lot SET available = available - 1, spent = spent + 1", "credit_lot g: available is 45"),
        ("DELETE FROM hold_resolution", "its open holds sum to 10"),
        ("UPDATE hold_resolution SET credits_taken = 5", "its resolution and its transfers differ"),
        ("UPDATE hold_resolution SET credits_refunded = 2", "0 of 4 credits were refunded, it says 2"),
        ("UPDATE credit_account SET revenue_nano = 1", "revenue is 1"),
        ("UPDATE budget_window SET spent = 5 WHERE scope = 'site'", "budget site/blog/2026-11: 0 reserved and 5 spent"),
        ("UPDATE transfer SET available_after = 1 WHERE kind = 'hold'", "available after it is 1"),
    ],
)
def test_whatever_is_tampered_with_is_found_and_named(database, tampering, first_break):
    with database.write() as connection:
        give(connection, "g", 50)
        ledger.place_hold(connection, a_hold(a_run(connection), 10), ORIGIN)
        ledger.settle(connection, "hold-1", 4, ORIGIN)
        take_guards_away(connection)
        connection.execute(sa.text(tampering))
        assert first_break in laws(connection)[0]


def take_guards_away(connection):
    """Drop the triggers that keep the ledger as it was written, as somebody would who wants to change it."""
    tables = ("posting", "transfer", "hold_resolution")
    on = "" if connection.dialect.name == "sqlite" else " ON {table}"
    for table in tables:
        for name in ("unchanged", "kept"):
            connection.execute(sa.text(f"DROP TRIGGER {table}_{name}{on.format(table=table)}"))


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE posting SET credits = credits + 1",
        "DELETE FROM posting",
        "UPDATE transfer SET available_after = 1",
        "DELETE FROM transfer",
        "UPDATE hold_resolution SET kind = 'void'",
        "DELETE FROM hold_resolution",
    ],
)
def test_the_database_refuses_to_change_what_was_posted(database, tampering):
    with database.write() as connection:
        give(connection, "g", 50)
        ledger.place_hold(connection, a_hold(a_run(connection), 10), ORIGIN)
        ledger.settle(connection, "hold-1", 4, ORIGIN)
    with pytest.raises(AlreadyThereError, match="is immutable"), database.write() as connection:
        connection.execute(sa.text(tampering))
    with database.read() as connection:
        assert laws(connection) == []
