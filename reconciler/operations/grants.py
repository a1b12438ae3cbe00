"""The grants that accounts declare: posted by id, once, whatever is written later."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from reconciler.config.compilation import Compilation
from reconciler.errors import ConflictError
from reconciler.kinds.account import Account, Grant
from reconciler.store.engine import Connection
from reconciler.store.ledger import Origin, Terms, grant, known_payloads, suspend, suspended_accounts
from reconciler.store.lots import grant_payload


@dataclass(frozen=True, slots=True)
class PendingGrant:
    """A declared grant that was not posted yet."""

    account: str
    id: str
    credits: int
    reason: str
    terms: Terms

    @property
    def key(self) -> str:
        """Return the idempotency key that makes it once."""
        return f"grant:{self.account}:{self.id}"


def pending_grants(
    posted: Callable[[Collection[str]], Collection[str]], compilation: Compilation, left_out: Collection[tuple[str, str]] = (),
    *, renamed: Mapping[str, str] | None = None,
) -> tuple[PendingGrant, ...]:  # fmt: skip
    """Return the declared grants that the ledger does not have, be it under the account's old name in `renamed`.

    `posted` tells which of some keys the ledger has.
    Those of accounts that a partial plan leaves out are not among them.
    """
    declared, formers = _declared(_accounts(compilation, left_out)), renamed or {}
    keys = [replace(item, account=formers.get(item.account, item.account)).key for item in declared]
    known = posted(keys)
    return tuple(item for item, key in zip(declared, keys, strict=True) if key not in known)


def post_grants(
    connection: Connection, compilation: Compilation, origin: Origin, left_out: Collection[tuple[str, str]] = ()
) -> tuple[PendingGrant, ...]:
    """Post what is pending, and who is suspended, in the caller's transaction; return the grants that were posted.

    Accounts that a partial plan leaves out stay as they are.
    Raises ConflictError when a grant that was posted is declared with another content now.
    """
    accounts = _accounts(compilation, left_out)
    declared = _declared(accounts)
    posted = known_payloads(connection, [item.key for item in declared])
    for item in declared:
        known = posted.get(item.key)
        if known is not None and known != grant_payload(item.account, item.credits, item.terms):
            raise ConflictError(
                f"the grant {item.id} of account {item.account} was given already, with another content",
                hint="a grant is given once and never changed; declare the difference as a grant with a new id",
            )
    pending = tuple(item for item in declared if item.key not in posted)
    _post_suspensions(connection, accounts)
    for item in pending:
        grant(connection, item.account, item.credits, item.key, item.reason, origin, item.terms)
    return pending


def _post_suspensions(connection: Connection, accounts: Sequence[Account]) -> None:
    """Let the ledger know which accounts hold nothing, so that no worker with an older config goes on."""
    known = suspended_accounts(connection)
    for account in accounts:
        if (account.status == "suspended") != (account.name in known):
            suspend(connection, account.name, account.status == "suspended")


def terms_of(declared: Grant) -> Terms:
    """Return from when until when a declared grant counts: whole days in UTC, the last one included."""
    return Terms(
        "config", declared.id, declared.priority, day_start(declared.effective_on), day_end(declared.expires_on)
    )


def day_start(day: str | None) -> datetime | None:
    """Return the first instant of a day in UTC."""
    return None if day is None else datetime.fromisoformat(day).replace(tzinfo=UTC)


def day_end(day: str | None) -> datetime | None:
    """Return the instant at which a day in UTC is over."""
    start = day_start(day)
    return None if start is None else start + timedelta(days=1)


def _accounts(compilation: Compilation, left_out: Collection[tuple[str, str]]) -> list[Account]:
    return [
        Account.model_validate(resource.data, strict=False)
        for resource in compilation.resources
        if resource.kind == "account" and resource.key not in left_out
    ]


def _declared(accounts: Sequence[Account]) -> list[PendingGrant]:
    return [
        PendingGrant(account.name, item.id, item.credits, item.reason, terms_of(item))
        for account in accounts
        for item in account.grants
    ]
