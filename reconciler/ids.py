"""Identifiers: deterministic ones from what a thing is, random ones only where the shell passes them in."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import orjson

_NAMESPACE = uuid.UUID("5c1d6a0e-6a4f-5f0b-9a57-1f7f3c8e1a90")


def derive_id(*parts: object) -> str:
    """Return a UUIDv5 made from the parts: the same parts always give the same id."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts)))


def random_id() -> str:
    """Return a fresh random id; call it in the imperative shell only."""
    return str(uuid.uuid4())


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, characters as they are."""
    return canonical_bytes(value).decode()


def canonical_bytes(value: Any) -> bytes:
    """Return the one JSON text of a value in UTF-8. Integers beyond 64 bits and keys that are no text raise TypeError."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
