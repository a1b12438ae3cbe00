"""Resolves references to secrets, at the moment of a call and nowhere else: no command that only plans asks for one."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from reconciler.config.sops import SopsError, decrypt_value
from reconciler.errors import UnreachableError
from reconciler.kinds.fields import SecretRef

SECRET_BYTES_MAX = 64 * 1024


def resolve_secret(root: Path, owner: str, reference: SecretRef, environ: Mapping[str, str] = os.environ) -> str:
    """Return a secret's value; UnreachableError, naming the reference but never a value, when it cannot be had."""
    if reference.env is not None:
        value = environ.get(reference.env, "").strip()
        if not value:
            raise UnreachableError(
                f"{owner}: the environment variable {reference.env} is not set", hint=f"export {reference.env}=..."
            )
        return value
    if reference.file is not None:
        value = _read(root, owner, reference.file).strip()
        if not value:
            raise UnreachableError(f"{owner}: the secret file {reference.file} is empty")
        return value
    assert reference.sops is not None and reference.key is not None
    text = _read(root, owner, reference.sops)
    try:
        return decrypt_value(text, reference.sops, reference.key, find_identities(environ))
    except SopsError as error:
        raise UnreachableError(f"{owner}: {reference.sops}: {error.message}", hint=error.hint) from None


def _read(root: Path, owner: str, path: str) -> str:
    """Return a file's text; a path that is not absolute is below the config root. Never waits for a pipe."""
    full = root / path
    try:
        handle = os.open(full, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise UnreachableError(f"{owner}: the secret file {path} is no file")
            data = os.read(handle, SECRET_BYTES_MAX + 1)
        finally:
            os.close(handle)
        if len(data) > SECRET_BYTES_MAX:
            raise UnreachableError(f"{owner}: the secret file {path} is larger than 64 KiB")
        return data.decode()
    except OSError as error:
        raise UnreachableError(f"{owner}: the secret file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        # The cause would hold the file's bytes.
        raise UnreachableError(f"{owner}: the secret file {path} is not UTF-8 text") from None


def find_identities(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the age identities of this user, from where `sops` takes them; a file that is not there has none."""
    config = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "")) / ".config")
    files = [path for path in (environ.get("SOPS_AGE_KEY_FILE", ""), str(config / "sops/age/keys.txt")) if path]
    texts = [environ.get("SOPS_AGE_KEY", ""), *(_read_or_nothing(Path(path)) for path in files)]
    identities = [
        line.strip() for text in texts for line in text.splitlines() if line.strip().startswith("AGE-SECRET-KEY-")
    ]
    ssh = environ.get("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "")
    key = _read_or_nothing(Path(ssh)) if ssh else ""
    return tuple(dict.fromkeys([*identities, *([key] if key else [])]))


def _read_or_nothing(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
