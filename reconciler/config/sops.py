"""Reads one value of a file encrypted with SOPS for age recipients, as the `sops` program writes it. Pure but for libraries.

The data key is unwrapped with an age identity, each value is AES-256-GCM under it, and a MAC over all values tells whether
anything was changed. Without a right MAC no value is given out. Neither errors nor tracebacks hold a value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.config.yaml_reader import read_yaml

_ENCRYPTED = re.compile(r"ENC\[AES256_GCM,data:(.*),iv:(.+),tag:(.+),type:(\w+)\]", re.DOTALL)
_ARMOR = re.compile(r"-----BEGIN AGE ENCRYPTED FILE-----(.*?)-----END AGE ENCRYPTED FILE-----", re.DOTALL)
_OTHER_KEYS = ("kms", "gcp_kms", "azure_kv", "hc_vault", "pgp")
# The digest of a MAC over encrypted values only begins with this, so that the two kinds of MAC never agree.
_ENCRYPTED_ONLY = hashlib.sha256(b"sops").digest()


class SopsError(Exception):
    """The file cannot be read; `hint` says what to do. Holds no value."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def keys_in(text: str, path: str) -> tuple[str, ...]:
    """Return the keys of a file's values, as a reference names them; they stand there in plain text."""
    tree, _ = _parse(text, path)
    return tuple(".".join(map(str, key)) for key, _ in _leaves(tree, ()))


def decrypt_value(text: str, path: str, key: str, identities: Sequence[str]) -> str:
    """Return the value at a key such as `openai.api_key`; `identities` are age secret keys. Raises SopsError."""
    tree, metadata = _parse(text, path)
    data_key = _data_key(metadata, identities)
    digest = hashlib.sha512(_ENCRYPTED_ONLY if _is_true(metadata.get("mac_only_encrypted")) else b"")
    found: str | None = None
    for at, value in _leaves(tree, ()):
        names = [str(step) for step in at if isinstance(step, str)]
        is_encrypted = isinstance(value, str) and value.startswith("ENC[")
        plain = _decrypted(value, data_key, ":".join(names) + ":") if is_encrypted else _native(value)
        if is_encrypted or not _is_true(metadata.get("mac_only_encrypted")):
            digest.update(plain)
        if ".".join(map(str, at)) == key:
            found = plain.decode(errors="replace")
    mac = _decrypted(str(metadata.get("mac", "")), data_key, str(metadata.get("lastmodified", ""))).decode()
    if not hmac.compare_digest(mac.upper(), digest.hexdigest().upper()):
        raise SopsError("its MAC does not match: somebody changed it without sops", "restore it, or edit it with sops")
    if found is None:
        raise SopsError(f"it has no key {key}", f"it has {', '.join(keys_in(text, path)) or 'no values'}")
    return found


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _parse(text: str, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a file's values and its metadata."""
    if path.endswith(".env"):
        return _parse_dotenv(text)
    try:
        value = json.loads(text) if path.endswith(".json") else _yaml(text, path)
    except (ValueError, RecursionError) as error:
        raise SopsError("it is not readable") from error
    metadata = value.get("sops") if isinstance(value, dict) else None
    if not isinstance(metadata, dict):
        raise SopsError("it is not encrypted with sops: there is no `sops` in it", "encrypt it: sops encrypt -i FILE")
    return {key: item for key, item in value.items() if key != "sops"}, metadata


def _yaml(text: str, path: str) -> Any:
    document, found = read_yaml(text, path)
    if document is None or found:
        raise ValueError(path)
    return document.value


def _parse_dotenv(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    values: dict[str, Any] = {}
    metadata: dict[str, Any] = {"age": []}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if not separator or line.startswith("#"):
            continue
        recipient = re.fullmatch(r"sops_age__list_(\d+)__map_enc", name)
        if recipient:
            metadata["age"].append({"enc": value.replace("\\n", "\n")})
        elif name.startswith("sops_"):
            metadata[name.removeprefix("sops_")] = value
        else:
            values[name] = value
    if "mac" not in metadata:
        raise SopsError("it is not encrypted with sops: there is no sops_mac in it", "encrypt it: sops encrypt -i FILE")
    return values, metadata


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    elif value is not None:
        yield path, value


def _native(value: Any) -> bytes:
    if isinstance(value, bool):
        return str(value).encode()
    if isinstance(value, float):
        return f"{value:f}".rstrip("0").rstrip(".").encode()
    return str(value).encode()


def _data_key(metadata: dict[str, Any], identities: Sequence[str]) -> bytes:
    if metadata.get("key_groups") or metadata.get("shamir_threshold"):
        raise SopsError("it is encrypted for key groups", "encrypt it for age recipients: sops --age RECIPIENT")
    entries = metadata.get("age") or []
    if not entries:
        others = [name for name in _OTHER_KEYS if metadata.get(name)]
        raise SopsError(
            f"it has no age recipient{f', but {others[0]}' if others else ''}",
            "add one: sops rotate -i --add-age RECIPIENT FILE",
        )
    if not identities:
        raise SopsError(
            "there is no age identity to read it with",
            "set SOPS_AGE_KEY_FILE or SOPS_AGE_KEY, or write ~/.config/sops/age/keys.txt",
        )
    known = _known(identities)
    for entry in entries:
        key = _unwrapped(str(entry.get("enc", "")), known)
        if key is not None:
            return key
    recipients = ", ".join(str(entry["recipient"]) for entry in entries if entry.get("recipient"))
    raise SopsError(
        "none of the age identities here is one of its recipients", f"its recipients: {recipients or 'unnamed'}"
    )


def _known(identities: Sequence[str]) -> list[Any]:
    try:
        from pyrage import IdentityError, ssh, x25519  # type: ignore[import-untyped]
    except ImportError as error:
        raise SopsError("SOPS files need the extra `sops`", "pip install 'igny8[sops]'") from error
    known: list[Any] = []
    for identity in identities:
        try:
            is_ssh = identity.startswith("-----")
            known.append(ssh.Identity.from_buffer(identity.encode()) if is_ssh else x25519.Identity.from_str(identity))
        except (IdentityError, ValueError) as error:
            raise SopsError("an age identity here is malformed", "it begins with AGE-SECRET-KEY-1") from error
    return known


def _unwrapped(armored: str, identities: list[Any]) -> bytes | None:
    from pyrage import DecryptError, decrypt

    match = _ARMOR.search(armored)
    try:
        wrapped = base64.b64decode("".join(match[1].split())) if match else b""
        key: bytes = decrypt(wrapped, identities)
    except (DecryptError, binascii.Error, ValueError):
        return None
    return key


def _decrypted(value: str, data_key: bytes, additional: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    match = _ENCRYPTED.fullmatch(value)
    try:
        if match is None:
            raise ValueError("not encrypted")
        data, nonce, tag = (base64.b64decode(part, validate=True) for part in match.groups()[:3])
        return AESGCM(data_key).decrypt(nonce, data + tag, additional.encode())
    except (InvalidTag, ValueError):
        # `from None`: the cause would hold parts of the value.
        raise SopsError("a value of it cannot be decrypted: it was changed without sops", "restore it") from None
