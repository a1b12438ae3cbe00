"""`igny8 credits` as people and scripts use it: grants, purchases, refunds, statements, holds, proof."""

from __future__ import annotations

import csv
import io
import json

import pytest
from builder import World, edited

from cli.main import run as igny8
from reconciler.store import ledger
from reconciler.store.budgets import read_windows
from reconciler.store.ledger import Hold, Origin

PACKAGES = """credit_packages:
  small: {credits: 500, price_usd: "8.00"}
  yearly: {credits: 2000, price_usd: "30.00", valid_days: 365}
"""


@pytest.fixture
def cli(small_world, capsys):
    """Runs a command on the applied root and returns its exit code and what it printed."""

    def command(*words, at="2026-11-18T10:30+00:00"):
        timed = ["--at", at] if words[0] not in ("holds", "verify") else []
        database = ["-C", str(small_world.root), "--db", small_world.database.url]
        code = igny8([*database, "credits", *words, *timed])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return command


@pytest.fixture
def applied(small_world: World) -> World:
    small_world.write(
        edited("tiers.yaml", ("ai_overrides_allowed: true}\n", "ai_overrides_allowed: true}\n" + PACKAGES))
    )
    small_world.apply()
    return small_world


def data(answer):
    assert answer[0] == 0, answer[1]
    return json.loads(answer[1])


def test_a_package_is_given_once_for_its_payment_and_a_payment_for_something_else_is_a_conflict(applied, cli):
    buy = ("grant", "acme", "--package", "small", "--payment-ref", "inv-1")
    assert cli(*buy) == (0, "Granted 500 credits to acme. Available: 1,500\n")
    assert cli(*buy) == (0, "The payment inv-1 was used before; nothing was given. Available: 1,500\n")
    code, told = cli("grant", "acme", "--package", "yearly", "--payment-ref", "inv-1")
    assert code == 5
    assert "the payment inv-1 was used already, for another account or package" in told
    code, told = cli("grant", "acme", "--package", "smal", "--payment-ref", "inv-2")
    assert (code, "small" in told) == (64, True)
    assert cli("grant", "acme", "--package", "small")[0] == 64, "a payment is missing"
    assert cli("grant", "acme", "5")[0] == 64, "a reason is missing"


def test_the_balance_tells_each_grant_in_its_turn_and_when_it_expires(applied, cli):
    cli("grant", "acme", "--package", "yearly", "--payment-ref", "inv-1")
    cli("grant", "acme", "50", "--reason", "offer", "--key", "k", "--expires-on", "2026-11-20")
    cli("grant", "acme", "70", "--reason", "later", "--key", "l", "--effective-on", "2026-12-01", "--priority", "10")
    [account] = data(cli("balance", "acme", "--json"))["accounts"]
    assert (account["available"], account["upcoming"]) == (3050, 70)
    assert [(lot["key"], lot["available"], lot["expires_at"]) for lot in account["grants"]] == [
        ("manual:acme:l", 0, None),
        ("manual:acme:k", 50, "2026-11-21T00:00:00+00:00"),
        ("grant:acme:opening", 1000, None),
        ("payment:inv-1", 2000, "2027-11-18T10:30:00+00:00"),
    ]
    [later] = data(cli("balance", "acme", "--json", at="2026-12-01T00:00+00:00"))["accounts"]
    assert (later["available"], later["expired"], later["upcoming"]) == (3070, 50, 0)
    assert cli("grant", "acme", "5", "--reason", "late", "--expires-on", "2026-11-17")[0] == 64


def test_grants_of_the_config_count_from_and_until_the_days_that_they_declare(small_world, cli):
    opening = "{id: opening, credits: 1000, reason: opening balance"
    small_world.write(edited("accounts/acme.yaml", (opening, f'{opening}, priority: 5, expires_on: "2026-11-30"')))
    small_world.apply()
    [lot] = data(cli("balance", "acme", "--json"))["accounts"][0]["grants"]
    assert (lot["priority"], lot["expires_at"]) == (5, "2026-12-01T00:00:00+00:00")


def test_changing_a_grant_that_was_given_is_refused(applied):
    from reconciler.errors import ConflictError

    applied.write(edited("accounts/acme.yaml", ("credits: 1000", "credits: 2000")))
    with pytest.raises(
        ConflictError, match="the grant opening of account acme was given already, with another content"
    ):
        applied.apply()


def test_a_charge_is_refunded_in_parts_up_to_the_charge_and_the_statement_adds_up(applied, cli):
    applied.run()
    lines = applied.rows("SELECT id, credits FROM usage ORDER BY credits DESC, id")
    usage_id, charged = lines[0]
    total = sum(credits for _, credits in lines)
    part = data(cli("refund", "--usage", str(usage_id), "--credits", "1", "--reason", "wrong", "--key", "a", "--json"))
    assert part["summary"] == {"refunded": 1, "expired": 0, "left": charged - 1, "available": 1000 - total + 1}
    assert cli("refund", "--usage", str(usage_id), "--credits", "1", "--reason", "wrong", "--key", "a")[1].startswith(
        "The key a was used before"
    )
    code, told = cli("refund", "--usage", str(usage_id), "--credits", str(charged), "--reason", "all")
    assert (code, f"{charged - 1} are left to refund" in told) == (4, True)
    assert cli("refund", "--usage", "999", "--reason", "none")[0] == 64
    assert cli("refund", "--reason", "none")[0] == 64

    found = data(cli("statement", "acme", "--format", "json"))
    assert found["summary"] == {
        "account": "acme", "month": "2026-11", "opening": 0, "granted": 1000, "charged": total, "refunded": 1,
        "expired": 0, "closing": 1001 - total,
    }  # fmt: skip
    assert found["lines"][-1]["balance"] == found["summary"]["closing"]
    december = data(cli("statement", "acme", "--month", "2026-12", "--format", "json"))
    assert (december["summary"]["opening"], december["lines"]) == (1001 - total, [])
    assert data(cli("verify", "--json"))["breaks"] == []


def test_a_statement_is_a_table_a_csv_and_a_page_of_its_own(applied, cli):
    applied.run()
    code, text = cli("statement", "acme")
    assert code == 0
    assert "Opening balance" in text and "Grant: opening balance" in text and "Closing balance" in text
    rows = list(csv.reader(io.StringIO(cli("statement", "acme", "--format", "csv")[1])))
    assert rows[0][:3] == ["day", "what", "site"]
    page = cli("statement", "acme", "--format", "html")[1]
    assert "<!doctype html>" in page.lower() and "@media print" in page
    assert "src=" not in page and "<link" not in page, "nothing is fetched"
    assert cli("statement", "acme", "--month", "November")[0] == 64
    assert cli("statement", "nobody")[0] == 64


def test_open_holds_tell_what_they_wait_for_and_until_when(applied, cli):
    assert cli("holds") == (0, "No credits are held.\n")
    applied.run()
    now = applied.clock.now()
    with applied.database.write() as connection:
        held = Hold("h1", "acme", "blog", "content", 1, 9, now)
        ledger.place_hold(connection, held, Origin("tester", now, 1))
    found = data(cli("holds", "--account", "acme", "--json"))
    assert found["summary"] == {"holds": 1, "credits": 9}
    assert (found["holds"][0]["stage"], found["holds"][0]["run_id"]) == ("content", 1)
    assert "content" in cli("holds", "--site", "blog")[1]
    [account] = data(cli("balance", "acme", "--json", at="2026-11-18T11:30+00:00"))["accounts"]
    assert account["held"] == 0, "its time was over"


def test_a_months_credits_come_once_and_expire_when_the_tier_says(small_world, cli):
    small_world.write(edited("tiers.yaml", ("paid: true", "paid: true, monthly_credits: 50")))
    small_world.apply()
    last, first = "2026-11-30T23:59+00:00", "2026-12-01T00:00+00:00"
    for at, available, expired in ((last, 1050, 0), (last, 1050, 0), (first, 1050, 50), (first, 1050, 50)):
        [account] = data(cli("balance", "acme", "--json", at=at))["accounts"]
        assert (account["available"], account["expired"]) == (available, expired)
    statement = data(cli("statement", "acme", "--month", "2026-12", "--format", "json", at=first))["summary"]
    assert (statement["opening"], statement["granted"], statement["expired"], statement["closing"]) == (
        1050,
        50,
        50,
        1050,
    )


def test_verify_names_the_first_break_and_ends_with_7(applied, cli):
    with applied.database.write() as connection:
        connection.exec_driver_sql("UPDATE credit_account SET available = 999, spent = 1")
    code, told = cli("verify")
    assert code == 7
    assert told.splitlines()[0] == "credit_account acme: available is 999, its postings say 1000"


def test_a_suspended_account_is_refused_by_the_ledger_itself_with_the_reason(applied):
    applied.write(edited("accounts/acme.yaml", ("tier: growth", "tier: growth\nstatus: suspended")))
    applied.apply()
    report = applied.run()
    assert report.skipped[0].reason == "the account acme is suspended"
    with applied.database.read() as connection:
        assert ledger.balance_of(connection, "acme").is_suspended


def test_a_month_over_its_share_alerts_once_for_the_account_and_once_for_the_site(applied):
    applied.write(
        edited("accounts/acme.yaml", ("tier: growth", "tier: growth\ncredits: {monthly_max: 16, warn_at_pct: 50}"))
    )
    applied.write(edited("sites/blog.yaml", ("automation:", "credits: {monthly_max: 16}\nautomation:")))
    applied.apply()
    applied.run()
    applied.run()
    told = applied.rows("SELECT site, text FROM notification WHERE event = 'credits_low' ORDER BY id")
    assert [site for site, _ in told] == [None, "blog"]
    with applied.database.read() as connection:
        windows = read_windows(connection, "account/acme/2026-11", "site/blog/2026-11")
    assert {(window.limit, window.reserved) for window in windows.values()} == {(16, 0)}
    assert all(window.spent <= 16 for window in windows.values())
