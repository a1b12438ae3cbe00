"""A random customer of the ledger: any operation in any order on a moving clock, beside a model of what must come out.

    python tests/ledger/random_ledger.py [--operations N] [--seed N] [--url URL]

After every batch the model's balances and the ledger's laws are compared. A failure names its seed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.errors import BlockedError, ConflictError
from reconciler.store import ledger
from reconciler.store.budgets import place_of, read_windows
from reconciler.store.engine import Connection, Database, open_database
from reconciler.store.ledger import Hold, Origin, OverdrawnError, Terms
from reconciler.store.ledger_laws import find_breaks
from reconciler.store.lots import bring_up_to_date, lots_of
from reconciler.store.refunds import refund
from reconciler.store.tables import attempt, run, stage_run, usage

START = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)  # the night of a DST change in Europe, a week before a month's end
ACCOUNTS = ("acme", "birch")
SITES = {"acme": ("blog", "shop"), "birch": ("news",)}
STAGES = ("clusters", "content", "images")


@dataclass
class Books:
    """What an account must have: all that was given, less what was spent and what expired."""

    given: int = 0
    spent: int = 0
    absorbed: int = 0


@dataclass
class Held:
    """A hold that was placed, and what became of it."""

    hold: Hold
    account: str
    end: str = ""
    taken: int = 0
    refunded: int = 0
    is_late: bool = False


@dataclass
class Customer:
    """Does random things to a ledger and knows what must come of them."""

    database: Database
    rng: random.Random
    now: datetime = START
    books: dict[str, Books] = field(default_factory=lambda: {name: Books() for name in ACCOUNTS})
    open: dict[str, Held] = field(default_factory=dict)
    ended: deque[Held] = field(default_factory=lambda: deque(maxlen=200))
    grants: dict[str, tuple[str, int, Terms]] = field(default_factory=dict)
    limits: dict[str, int | None] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    number: int = 0
    run_id: int = 0
    stage_run_id: int = 0

    def prepare(self) -> None:
        """Make the run that all holds belong to."""
        with self.database.write() as connection:
            values: dict[str, Any] = {"site": "blog", "account": "acme", "trigger": "now", "state": "completed"}
            insert = run.insert().values(**values, generation=1, available_at_start=0, started_at=START)
            self.run_id = int(connection.execute(insert.returning(run.c.id)).scalar_one())
            stage = stage_run.insert().values(run_id=self.run_id, stage="content", number=4, state="running")
            self.stage_run_id = int(connection.execute(stage.returning(stage_run.c.id)).scalar_one())

    def play(self, operations: int, batch: int = 50) -> None:
        """Do so many operations, several in a transaction, and compare after each transaction."""
        done = 0
        while done < operations:
            with self.database.write() as connection:
                for _ in range(min(batch, operations - done)):
                    self.step(connection)
                    done += 1
                self.compare(connection)
        with self.database.read() as connection:
            assert find_breaks(connection) == ()

    def step(self, connection: Connection) -> None:
        """Do one thing."""
        self.number += 1
        self.now += timedelta(seconds=self.rng.choice((0, 1, 30, 600, 7200, -900)))
        actions = (self.grant, self.hold, self.hold, self.hold, self.settle, self.settle, self.settle, self.void,
                   self.settle_late, self.expire, self.refund, self.refund, self.tend, self.limit, self.suspend)  # fmt: skip
        self.rng.choice(actions)(connection)

    def origin(self) -> Origin:
        return Origin("random", self.now, 1)

    def grant(self, connection: Connection) -> None:
        if self.grants and self.rng.random() < 0.2:
            key = self.rng.choice(list(self.grants))
            account, credits, terms = self.grants[key]
            assert not ledger.grant(connection, account, credits, key, "again", self.origin(), terms)
            try:
                ledger.grant(connection, account, credits + 1, key, "other", self.origin(), terms)
            except ConflictError:
                return
            raise AssertionError(f"{key} was given twice with other credits")
        account, credits = self.rng.choice(ACCOUNTS), self.rng.randint(1, 200)
        begins = self.rng.choice((None, None, None, self.now + timedelta(hours=self.rng.randint(1, 9))))
        ends = self.rng.choice((None, (begins or self.now) + timedelta(minutes=self.rng.randint(1, 3000))))
        terms = Terms("manual", "", self.rng.choice((None, 0, 20, 80)), begins, ends)
        key = f"grant-{self.number}"
        assert ledger.grant(connection, account, credits, key, "new", self.origin(), terms)
        self.grants[key] = (account, credits, terms)
        self.books[account].given += credits

    def hold(self, connection: Connection) -> None:
        account = self.rng.choice(ACCOUNTS)
        site, stage, credits = self.rng.choice(SITES[account]), self.rng.choice(STAGES), self.rng.randint(0, 60)
        hold = Hold(f"hold-{self.number}", account, site, stage, self.run_id, credits, self.now + timedelta(minutes=15))
        place = place_of(account, site, stage, self.run_id, self.now)
        limits = {key: self.limits.get(key.rpartition("/")[0]) for key in (place.account_key, place.site_key)}
        limits[place.stage_key] = self.limits.get(place.stage_key)
        before = ledger.balance_of(connection, account)
        funds = ledger.lock_funds(connection, place, self.origin(), limits)
        fits = credits <= funds.balance.available and account not in self.suspended
        fits &= all(window.left is None or credits <= window.left for window in funds.windows.values())
        try:
            ledger.place_hold(connection, hold, self.origin(), funds)
        except OverdrawnError:
            # Credits may also have expired on a clock that ran ahead and came back.
            assert not fits or before.next_change_at is not None, "it was refused although it fits"
            return
        assert fits, "it was admitted although it does not fit"
        for window in read_windows(connection, *place.keys).values():
            limit = limits.get(window.key)
            assert limit is None or window.spent + window.reserved <= limit, "a limit was exceeded at admission"
        self.open[hold.id] = Held(hold, account)

    def settle(self, connection: Connection) -> None:
        held = self.pick(open_=True)
        if held is None:
            return
        worth = self.rng.randint(0, held.hold.credits + 5)
        charged = ledger.charge(connection, held.hold, worth, self.origin(), credit_value_nano=7)
        assert charged == min(worth, held.hold.credits), "captured at most what was held"
        assert charged == ledger.charge(connection, held.hold, worth, self.origin(), credit_value_nano=7), "and once"
        self.end(held, "settle")
        held.taken = charged
        self.books[held.account].spent += charged
        self.books[held.account].absorbed += worth - charged
        self.write_usage(connection, held, charged, worth - charged)

    def settle_late(self, connection: Connection) -> None:
        """Settle a call whose hold time has released: charged afresh if the account can pay it, else the house gives it."""
        expired = [held for held in self.ended if held.end == "expire" and not held.is_late]
        if not expired:
            return
        held = self.rng.choice(expired)
        worth = self.rng.randint(0, held.hold.credits + 5)
        charged = ledger.charge(connection, held.hold, worth, self.origin(), credit_value_nano=7)
        assert charged in (0, min(worth, held.hold.credits)), "whole, or not at all"
        held.is_late = True
        self.books[held.account].spent += charged
        self.books[held.account].absorbed += worth - charged
        self.write_usage(connection, held, charged, worth - charged)

    def void(self, connection: Connection) -> None:
        held = self.pick(open_=self.rng.random() < 0.7)
        if held is None:
            return
        try:
            if held.end and self.rng.random() < 0.5:
                ledger.settle(connection, held.hold.id, held.taken + (held.end == "settle"), self.origin())
            else:
                ledger.void(connection, held.hold.id, self.origin())
        except (ConflictError, ValueError):
            assert held.end, "an open hold can be voided"
            return
        assert held.end in ("", "void", "expire"), "a settled hold was voided"
        if not held.end:
            self.end(held, "void")

    def expire(self, connection: Connection) -> None:
        gone = ledger.expire_holds(connection, self.origin(), account=self.rng.choice((None, *ACCOUNTS)))
        for hold_id in gone:
            held = self.open[hold_id]
            assert held.hold.expires_at <= self.now, "released before its time"
            self.end(held, "expire")

    def refund(self, connection: Connection) -> None:
        settled = [held for held in self.ended if held.end == "settle"]
        if not settled:
            return
        held = self.rng.choice(settled)
        wanted = self.rng.randint(1, 70)
        try:
            refund(connection, held.hold.id, wanted, self.origin(), "random", key=str(self.number))
        except BlockedError:
            assert held.refunded + wanted > held.taken, "a refund within the charge was refused"
            return
        held.refunded += wanted
        self.books[held.account].spent -= wanted
        assert held.refunded <= held.taken, "more was refunded than charged"

    def tend(self, connection: Connection) -> None:
        account = self.rng.choice(ACCOUNTS)
        ledger.lock_account(connection, account)
        bring_up_to_date(connection, account, self.origin())

    def limit(self, connection: Connection) -> None:
        stages = [f"stage/{self.run_id}/{name}" for name in STAGES]
        key = self.rng.choice(
            [f"account/{name}" for name in ACCOUNTS] + ["site/blog", "site/shop", "site/news", *stages]
        )
        windows = read_windows(connection, key) if key in stages else {}
        used = sum(window.spent for window in windows.values())
        self.limits[key] = self.rng.choice((None, None, used + self.rng.randint(0, 3000)))

    def suspend(self, connection: Connection) -> None:
        account = self.rng.choice(ACCOUNTS)
        (self.suspended.discard if self.rng.random() < 0.8 else self.suspended.add)(account)
        ledger.suspend(connection, account, account in self.suspended)

    def pick(self, *, open_: bool) -> Held | None:
        found = list(self.open.values() if open_ else self.ended)
        return self.rng.choice(found) if found else None

    def end(self, held: Held, how: str) -> None:
        held.end = how
        self.ended.append(self.open.pop(held.hold.id))

    def write_usage(self, connection: Connection, held: Held, charged: int, absorbed: int) -> None:
        """Leave the records that a charged call leaves."""
        common: dict[str, Any] = {
            "run_id": self.run_id, "account": held.account, "site": held.hold.site, "stage": held.hold.stage,
            "operation": "o", "provider": "p", "model": "m", "item_kind": "idea", "item_ids": [1],
        }  # fmt: skip
        connection.execute(
            attempt.insert().values(
                **common, id=f"attempt-{held.hold.id}", stage_run_id=self.stage_run_id, function="f",
                hold_id=held.hold.id, phase="DONE", status="success", estimated_cost_nano=0, started_at=self.now,
            )
        )  # fmt: skip
        connection.execute(
            usage.insert().values(
                **common, attempt_id=f"attempt-{held.hold.id}", cost_basis="computed", credits=charged,
                absorbed_credits=absorbed, credit_value_nano=7, revenue_nano=7 * charged, rates={}, generation=1,
                at=self.now, day=f"{self.now:%Y-%m-%d}",
            )
        )  # fmt: skip

    def compare(self, connection: Connection) -> None:
        """Compare the ledger with the model."""
        for name, books in self.books.items():
            balance = ledger.balance_of(connection, name)
            held = sum(one.hold.credits for one in self.open.values() if one.account == name)
            assert balance.available >= 0
            assert balance.held == held, "held is the sum of open holds"
            assert (balance.granted, balance.spent, balance.absorbed) == (books.given, books.spent, books.absorbed)
            assert balance.available + balance.held + balance.spent + balance.upcoming + balance.expired == books.given
            lots = lots_of(connection, name)
            assert sum(lot.available + lot.held for lot in lots) == balance.available + balance.held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--url", default="", help="an empty database; otherwise a new SQLite file")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seed {seed}, {options.operations:,} operations", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(options.url or f"sqlite:///{folder}/state.db", upgrade=True)
        customer = Customer(database, random.Random(seed))
        customer.prepare()
        for part in range(0, options.operations, 10_000):
            customer.play(min(10_000, options.operations - part))
            print(
                f"  {min(part + 10_000, options.operations):,} in {time.monotonic() - started:.0f} s, clock at {customer.now:%Y-%m-%d}",
                flush=True,
            )
        database.close()
    print("every law holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
