"""Literal secrets in config: recognised by the shapes that keys have, refused, and never repeated in a message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.diagnostics import Diagnostic, FieldPath, Mark, format_path

if TYPE_CHECKING:
    from reconciler.config.documents import Authored

_SHAPES = re.compile(
    r"""\b(sk|pk|rk)[-_](live|test|proj|ant|or)?[-_A-Za-z0-9]{16,}   # OpenAI, Anthropic, Stripe
    |\bAKIA[0-9A-Z]{16}\b | \bAIza[0-9A-Za-z_-]{30,}                  # AWS, Google
    |\b(ghp|gho|ghs|glpat|xox[abpr]|shpat|whsec)[-_][0-9A-Za-z_-]{16,} # GitHub, GitLab, Slack, Shopify, webhooks
    |\bre_[0-9A-Za-z]{8,}_[0-9A-Za-z]{8,}                             # Resend
    |\b[0-9a-f]{24}:[0-9a-f]{64}\b                                    # Ghost Admin API
    |\beyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}\.                    # JSON Web Token
    |-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----""",
    re.VERBOSE,
)
_RUN = re.compile(r"[-_:.A-Za-z0-9]{16,}")
_SECRET_WORDS = "(api_key|secret|password|token|private_key)"
_WORDS = ("api_key", "private_key", "secret", "password", "token")
_SECRET_KEY = re.compile(rf"(^|_){_SECRET_WORDS}$")
_SECRET_LINE = re.compile(rf"""{_SECRET_WORDS}["']?\s*:\s*[^\s{{]""")


def looks_like_secret(text: str) -> bool:
    """Tell whether a text holds something shaped like an API key."""
    return _SHAPES.search(text) is not None


def might_hold_secrets(text: str) -> bool:
    """Tell whether the text of a file is worth a closer look; False is sure."""
    if "\\" in text or "PRIVATE KEY" in text or any(word in text for word in _WORDS):
        return True
    return any(looks_like_secret(run) for run in _RUN.findall(text))


def may_be_shown(line: str) -> bool:
    """Tell whether a line of a config file holds nothing that looks like a secret."""
    return not looks_like_secret(line) and _SECRET_LINE.search(line) is None


def redact(text: str) -> str:
    """Return a text with asterisks in place of what looks like a secret."""
    return _SHAPES.sub(lambda match: "*" * len(match[0]), text)


def find_secrets(document: Authored) -> list[Diagnostic]:
    """Return a finding for every literal secret of a document."""
    if document.is_plain:  # its reader would have left it to be looked at
        return []
    findings: list[Diagnostic] = []
    _walk(document, {**document.value, **document.marks.value}, (), findings)
    return findings


def _walk(document: Authored, value: object, path: FieldPath, findings: list[Diagnostic]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if looks_like_secret(key):
                findings.append(secret_finding(document.file, document.marks.keys.get((*path, key), Mark()), path))
            _walk(document, item, (*path, key), findings)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(document, item, (*path, index), findings)
    elif isinstance(value, str):
        in_secret_field = bool(path) and isinstance(path[-1], str) and _SECRET_KEY.search(path[-1]) is not None
        if in_secret_field or looks_like_secret(value):
            findings.append(_finding(document, value, path))


def _finding(document: Authored, value: str, path: FieldPath) -> Diagnostic:
    mark = document.marks.values.get(path, Mark())
    if path == ("template",):
        match = _SHAPES.search(value)
        mark = Mark(document.body_line + (value[: match.start()].count("\n") if match else 0))
    return secret_finding(document.file, mark, path)


def secret_finding(file: str, mark: Mark, path: FieldPath = ()) -> Diagnostic:
    """Return the finding about a literal secret at a place."""
    return Diagnostic(
        "IG209", "a secret is written out", file, mark, format_path(path),
        "write {env: NAME}, {file: PATH} or {sops: PATH, key: NAME}, and revoke this one: it is in git's history",
    )  # fmt: skip
