"""The laws of the ledger, each a query that finds what breaks it; all figures are made anew from the postings.

The database does the adding up and hands back only what is broken, so that memory stays flat however long the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.ledger.transfers import BOOKS, LOT_BOOKS

BREAKS_MAX = 100


def find_breaks(connection: Connection, *, limit: int = BREAKS_MAX) -> tuple[str, ...]:
    """Return what breaks a law of the ledger, the first so many breaks; () when all hold."""
    return tuple(islice(_all_breaks(connection), limit))


def _all_breaks(connection: Connection) -> Iterator[str]:
    for _, query in LAWS:
        with connection.execution_options(stream_results=True, yield_per=100).execute(sa.text(query)) as found:
            for row in found:
                yield str(row[0])


def _sums(books: tuple[str, ...], source: str) -> str:
    columns = ", ".join(f"sum(CASE WHEN p.book = '{book}' THEN p.credits ELSE 0 END) AS {book}" for book in books)
    return f"SELECT {source} AS of_whom, {columns} FROM posting p JOIN transfer t ON t.id = p.transfer_id GROUP BY {source}"


def _book_law(table: str, name: str, key: str, books: tuple[str, ...], source: str, book: str) -> str:
    """Return the query for rows of a table whose book differs from the sum of its postings."""
    return (
        f"SELECT '{table} ' || a.{name} || ': {book} is ' || a.{book} || ', its postings say ' || coalesce(s.{book}, 0)"
        f" FROM {table} a LEFT JOIN ({_sums(books, source)}) s ON s.of_whom = a.{key}"
        f" WHERE a.{book} <> coalesce(s.{book}, 0) ORDER BY 1"
    )


def _differs(what: str, column: str, expected: str, says: str) -> str:
    """Return the query for accounts where a book differs from what other records say."""
    return (
        f"SELECT a.account || ': {what} is ' || a.{column} || ', {says} ' || coalesce(x.value, 0) FROM credit_account a"
        f" LEFT JOIN ({expected}) x ON x.account = a.account WHERE a.{column} <> coalesce(x.value, 0) ORDER BY 1"
    )


_RESOLVED = "hold h LEFT JOIN hold_resolution r ON r.hold_id = h.id"
_REFUNDS = "SELECT hold_id, sum(credits) AS credits FROM transfer WHERE kind = 'refund' GROUP BY hold_id"
_WINDOWS = " UNION ALL ".join(
    f"SELECT {key} AS key, sum(CASE WHEN r.hold_id IS NULL THEN h.credits ELSE 0 END) AS reserved,"
    f" sum(coalesce(r.credits_taken - r.credits_refunded, 0)) AS spent FROM {_RESOLVED} GROUP BY {key}"
    for key in (
        "'account/' || h.account || '/' || h.month",
        "'site/' || h.site || '/' || h.month",
        "'stage/' || CAST(h.run_id AS text) || '/' || h.stage",
    )
)

LAWS: tuple[tuple[str, str], ...] = (
    (
        "the legs of a transfer sum to zero",
        "SELECT 'transfer ' || transfer_id || ' does not sum to zero' FROM posting"
        " GROUP BY transfer_id HAVING sum(credits) <> 0 ORDER BY transfer_id",
    ),
    (
        "a transfer moves what it says",
        "SELECT 'transfer ' || t.id || ' says ' || t.credits || ' credits, its postings ' || coalesce(p.credits, 0)"
        " FROM transfer t LEFT JOIN (SELECT p.transfer_id, sum(CASE"
        " WHEN t.kind IN ('grant', 'activate') AND p.book IN ('available', 'upcoming') AND p.credits > 0 THEN p.credits"
        " WHEN t.kind = 'hold' AND p.book = 'held' THEN p.credits WHEN t.kind = 'settle' AND p.book = 'spent' THEN p.credits"
        " WHEN t.kind IN ('void', 'expire') AND p.book = 'held' THEN -p.credits"
        " WHEN t.kind = 'lapse' AND p.book = 'expired' THEN p.credits"
        " WHEN t.kind = 'refund' AND p.book = 'spent' THEN -p.credits ELSE 0 END) AS credits"
        " FROM posting p JOIN transfer t ON t.id = p.transfer_id GROUP BY p.transfer_id) p ON p.transfer_id = t.id"
        " WHERE t.credits <> coalesce(p.credits, 0) ORDER BY t.id",
    ),
    *(
        (f"{book} of an account follows from its postings", _book_law("credit_account", "account", "account", BOOKS, "t.account", book))
        for book in BOOKS
    ),
    *(
        (f"{book} of a lot follows from its postings", _book_law("credit_lot", "key", "id", LOT_BOOKS, "p.lot_id", book))
        for book in LOT_BOOKS
    ),
    *(
        (
            f"lots sum to {book}",
            _differs(book, book, f"SELECT account, sum({book}) AS value FROM credit_lot GROUP BY account", "its lots sum to"),
        )
        for book in LOT_BOOKS
    ),
    (
        "held is the sum of open holds",
        _differs(
            "held", "held",
            f"SELECT h.account, sum(h.credits) AS value FROM {_RESOLVED} WHERE r.hold_id IS NULL GROUP BY h.account",
            "its open holds sum to",
        ),
    ),
    (
        "a hold is resolved by one transfer, which takes at most what was held",
        "SELECT 'hold ' || h.id || ': its resolution and its transfers differ' FROM hold h"
        " LEFT JOIN hold_resolution r ON r.hold_id = h.id"
        " LEFT JOIN (SELECT hold_id, sum(CASE WHEN kind = 'hold' THEN 1 ELSE 0 END) AS holds,"
        " sum(CASE WHEN kind = 'hold' THEN credits ELSE 0 END) AS held,"
        " sum(CASE WHEN kind IN ('settle', 'void', 'expire') AND key = kind || ':' || hold_id THEN 1 ELSE 0 END) AS ends,"
        " max(CASE WHEN kind IN ('settle', 'void', 'expire') AND key = kind || ':' || hold_id THEN kind END) AS kind,"
        " sum(CASE WHEN kind = 'settle' THEN credits ELSE 0 END) AS taken"
        " FROM transfer WHERE hold_id IS NOT NULL GROUP BY hold_id) t ON t.hold_id = h.id"
        " WHERE coalesce(t.holds, 0) <> 1 OR t.held <> h.credits"
        " OR t.ends <> CASE WHEN r.hold_id IS NULL THEN 0 ELSE 1 END"
        " OR (r.hold_id IS NOT NULL AND (r.kind <> t.kind OR r.credits_taken <> t.taken OR r.credits_taken > h.credits"
        " OR r.credits_held <> h.credits)) ORDER BY h.id",
    ),
    (
        "refunds stay within the charge",
        "SELECT 'hold ' || r.hold_id || ': ' || coalesce(x.credits, 0) || ' of ' || r.credits_taken"
        " || ' credits were refunded, it says ' || r.credits_refunded"
        f" FROM hold_resolution r LEFT JOIN ({_REFUNDS}) x ON x.hold_id = r.hold_id"
        " WHERE coalesce(x.credits, 0) <> r.credits_refunded OR r.credits_refunded > r.credits_taken ORDER BY r.hold_id",
    ),
    (
        "spent is what was charged less what was refunded",
        _differs(
            "spent", "spent",
            "SELECT account, sum(value) AS value FROM (SELECT account, sum(credits) AS value FROM usage GROUP BY account"
            " UNION ALL SELECT account, -sum(credits) FROM transfer WHERE kind = 'refund' GROUP BY account) x"
            " GROUP BY account",
            "the usage lines less refunds say",
        ),
    ),
    (
        "absorbed is what calls used beyond their holds",
        _differs(
            "absorbed", "absorbed",
            "SELECT account, sum(absorbed_credits) AS value FROM usage GROUP BY account", "the usage lines say",
        ),
    ),
    (
        "revenue is what was charged less what was refunded, at the value of its day",
        _differs(
            "revenue", "revenue_nano", "SELECT account, sum(value_nano) AS value FROM transfer GROUP BY account",
            "its transfers say",
        ),
    ),
    (
        "a usage line's revenue is that of its settlement",
        "SELECT 'usage line ' || u.id || ': revenue is ' || u.revenue_nano || ', its settlement says ' || t.value_nano"
        " FROM usage u JOIN attempt a ON a.id = u.attempt_id"
        " JOIN transfer t ON t.key = 'settle:' || a.hold_id WHERE u.revenue_nano <> t.value_nano OR u.credits <> t.credits"
        " ORDER BY u.id",
    ),
    (
        "a budget window counts its open holds and its charges",
        "SELECT 'budget ' || b.key || ': ' || b.reserved || ' reserved and ' || b.spent || ' spent, its holds say '"
        " || coalesce(x.reserved, 0) || ' and ' || coalesce(x.spent, 0)"
        f" FROM budget_window b LEFT JOIN ({_WINDOWS}) x ON x.key = b.key"
        " WHERE b.reserved <> coalesce(x.reserved, 0) OR b.spent <> coalesce(x.spent, 0) ORDER BY b.key",
    ),
    (
        "every transfer tells the balance after it",
        "SELECT 'transfer ' || id || ': available after it is ' || available_after || ', the postings say ' || running"
        " FROM (SELECT t.id, t.available_after, sum(coalesce(p.credits, 0))"
        " OVER (PARTITION BY t.account ORDER BY t.id) AS running FROM transfer t"
        " LEFT JOIN (SELECT transfer_id, sum(credits) AS credits FROM posting WHERE book = 'available'"
        " GROUP BY transfer_id) p ON p.transfer_id = t.id) x WHERE available_after <> running ORDER BY id",
    ),
)  # fmt: skip
