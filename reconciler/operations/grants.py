"""The grants that accounts declare: posted by id, once, whatever is written later."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.config.compilation import Compilation
from reconciler.kinds.account import Account
from reconciler.store.engine import Connection
from reconciler.store.ledger import Origin, grant, is_known


@dataclass(frozen=True, slots=True)
class PendingGrant:
    """A declared grant that was not posted yet."""

    account: str
    id: str
    credits: int
    reason: str

    @property
    def key(self) -> str:
        """Return the idempotency key that makes it once."""
        return f"grant:{self.account}:{self.id}"


def pending_grants(connection: Connection, compilation: Compilation) -> tuple[PendingGrant, ...]:
    """Return the declared grants that the ledger does not have."""
    declared = (
        PendingGrant(resource.name, item.id, item.credits, item.reason)
        for resource in compilation.resources
        if resource.kind == "account"
        for item in Account.model_validate(resource.data, strict=False).grants
    )
    return tuple(item for item in declared if not is_known(connection, item.key))


def post_grants(connection: Connection, compilation: Compilation, origin: Origin) -> tuple[PendingGrant, ...]:
    """Post what is pending, in the caller's transaction, and return it."""
    pending = pending_grants(connection, compilation)
    for item in pending:
        grant(connection, item.account, item.credits, item.key, item.reason, origin)
    return pending
