"""Snapshots of the actual state: taken from the database, signed, and read where there is no database and no secret.

The key is derived from the one that the database got when its schema was made, so that nobody has to keep one. Who reads
a snapshot trusts a public key, which is no secret.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import hmac
import os
import tempfile
import zlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from reconciler.clock import Clock
from reconciler.errors import ConflictError, UnreachableError, UsageError
from reconciler.ids import canonical_bytes
from reconciler.plan.snapshot import Snapshot, from_json, to_json
from reconciler.store.copies import count_copies, count_public
from reconciler.store.departures import work_in_flight
from reconciler.store.engine import Database
from reconciler.store.everywhere import (
    all_grants,
    all_quarantined,
    all_remains,
    all_scheduled,
    all_slots_held,
    count_redoable,
)
from reconciler.store.forecasts import load_forecasts
from reconciler.store.history import applied_environment, current_generation
from reconciler.store.in_flight import count_in_flight, draining_sites
from reconciler.store.ledger import available_credits
from reconciler.store.resource_holds import load_holds
from reconciler.store.resources import load_actual
from reconciler.store.saved_plans import Identity, identity_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LIFETIME = timedelta(days=7)
MAX_AGE = timedelta(hours=24)
# Clocks of machines differ; beyond this a plan would be for a time that the snapshot knows nothing of.
SKEW = timedelta(hours=1)
_FORMAT_NAME, _FORMAT = "igny8-snapshot", 1
_KEY_PREFIX = "ed25519:"
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64
_BYTES_MAX = 512 * 1024 * 1024
_AGAIN = "take a new one: igny8 snapshot -o FILE"


def take_snapshot(database: Database, clock: Clock, *, lifetime: timedelta = LIFETIME) -> Snapshot:
    """Return the actual state as it is now, in one consistent view."""
    now = clock.now()
    with database.read() as connection:
        resources = load_actual(connection)
        sites = [name for kind, name in resources if kind == "site"]
        return Snapshot(
            identity_of(connection).id,
            applied_environment(connection),
            now,
            now + lifetime,
            current_generation(connection),
            resources,
            work_in_flight(connection, now),
            load_forecasts(connection),
            all_quarantined(connection),
            load_holds(connection, now),
            count_in_flight(connection, sites),
            count_redoable(connection),
            draining_sites(connection),
            all_remains(connection),
            available_credits(connection),
            all_grants(connection),
            all_scheduled(connection),
            all_slots_held(connection, now - SKEW),
            count_public(connection),
            count_copies(connection),
        )


def public_key(database: Database) -> str:
    """Return the key that this database's snapshots are checked with; it is no secret."""
    with database.read() as connection:
        return _public_text(_private_key(identity_of(connection)))


def encode_snapshot(database: Database, snapshot: Snapshot) -> bytes:
    """Return a snapshot as one line of canonical JSON, redacted and signed."""
    with database.read() as connection:
        key = _private_key(identity_of(connection))
    content = {"format": f"{_FORMAT_NAME}/{_FORMAT}", "public_key": _public_text(key)} | to_json(snapshot)
    signature = base64.b64encode(key.sign(canonical_bytes(content))).decode()
    return canonical_bytes(content | {"signature": signature}) + b"\n"


def write_snapshot(path: Path, data: bytes) -> None:
    """Write an encoded snapshot to a file, whole or not at all, compressed when its name ends with .gz."""
    # Without a time and a name inside, the same snapshot is the same file.
    packed = gzip.compress(data, mtime=0) if path.suffix == ".gz" else data
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".igny8-snapshot-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(packed)
                os.fchmod(file.fileno(), 0o644)  # made to be given away
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"cannot write the snapshot to {path}: {error.strerror}") from error


def read_snapshot(path: Path, trusted_key: str, *, environment: str, now: datetime) -> Snapshot:
    """Return the snapshot of a file; `trusted_key` is the public key of the installation.

    ConflictError when nothing must be planned from it: no snapshot, of a newer igny8, foreign, tampered, too old, or of
    another environment. UsageError when the key is none.
    """
    content = _read(path)
    _check_format(path, content)
    _check_signature(path, content, trusted_key)
    try:
        snapshot = from_json(content)
    except (KeyError, TypeError, ValueError, IndexError) as error:  # signed, so an igny8 made it
        raise ConflictError(f"{path} was made by another version of igny8", hint=_AGAIN) from error
    if now >= snapshot.expires_at:
        raise ConflictError(
            f"{path} is {describe_age(now - snapshot.made_at)} old; it was good until "
            f"{snapshot.expires_at:%Y-%m-%d %H:%M} UTC",
            hint=_AGAIN,
        )
    if now < snapshot.made_at - SKEW:
        raise ConflictError(f"{path} was made later, at {snapshot.made_at:%Y-%m-%d %H:%M} UTC", hint="check the clock")
    if snapshot.environment not in (None, environment):
        there = f"the environment {snapshot.environment!r}" if snapshot.environment else "no environment"
        raise ConflictError(f"{path} is of {there}", hint="plan with the same --env, or leave it out")
    return snapshot


def describe_age(age: timedelta) -> str:
    """Return an age in the one unit that tells most: `3 h`."""
    seconds = max(0, int(age.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise ConflictError(f"{path} is too large for a snapshot")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", hint="make it with `igny8 snapshot -o FILE`"
        ) from error
    try:
        content = orjson.loads(_unpacked(data))
    except ValueError as error:
        raise ConflictError(f"{path} is no snapshot", hint=_AGAIN) from error
    if not isinstance(content, dict):
        raise ConflictError(f"{path} is no snapshot", hint=_AGAIN)
    return content


def _unpacked(data: bytes) -> bytes:
    """Return what is in a file, compressed or not; ValueError when it is more than a snapshot can be, or broken."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(data, _BYTES_MAX)
    except zlib.error as error:
        raise ValueError("broken gzip") from error
    if not unpacker.eof:
        raise ValueError("too large, or cut off")
    return unpacked


def _check_format(path: Path, content: dict[str, Any]) -> None:
    name, _, version = str(content.get("format", "")).partition("/")
    if name != _FORMAT_NAME or not (version.isascii() and version.isdigit()):
        raise ConflictError(f"{path} is no snapshot", hint=_AGAIN)
    if int(version) > _FORMAT:
        raise ConflictError(
            f"{path} is of a newer igny8 (format {version}, this one reads {_FORMAT})", hint="upgrade igny8"
        )


def _check_signature(path: Path, content: dict[str, Any], trusted_key: str) -> None:
    library = _ed25519()
    from cryptography.exceptions import InvalidSignature

    trusted = _decoded(trusted_key.removeprefix(_KEY_PREFIX), _KEY_BYTES)
    if trusted is None or not trusted_key.startswith(_KEY_PREFIX):
        raise UsageError("the snapshot key is none: it begins with ed25519:", hint="`igny8 snapshot --key` prints it")
    signature = _decoded(content.pop("signature", ""), _SIGNATURE_BYTES) or b""
    if content.get("public_key") != trusted_key:
        raise ConflictError(
            f"{path} is signed by another installation",
            hint="IGNY8_SNAPSHOT_KEY is the key that `igny8 snapshot --key` prints where the snapshot was made",
        )
    try:
        library.Ed25519PublicKey.from_public_bytes(trusted).verify(signature, canonical_bytes(content))
    except (InvalidSignature, TypeError) as error:
        raise ConflictError(f"{path} was changed after it was made", hint=_AGAIN) from error


def _decoded(text: Any, length: int) -> bytes | None:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return None
    return data if len(data) == length else None


def _private_key(identity: Identity) -> Ed25519PrivateKey:
    seed = hmac.new(identity.key, b"igny8 snapshot ed25519", hashlib.sha256).digest()
    key: Ed25519PrivateKey = _ed25519().Ed25519PrivateKey.from_private_bytes(seed)
    return key


def _public_text(key: Ed25519PrivateKey) -> str:
    return _KEY_PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _ed25519() -> Any:
    """Return the library of the signature; only snapshots need it."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise UnreachableError(
            "snapshots need the library cryptography", hint="install igny8 with the extra: igny8[snapshot]"
        ) from error
    return ed25519
