"""Literal secrets in config: recognised by the shapes that keys have, refused, and never repeated in a message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.diagnostics import Diagnostic, FieldPath, Mark, format_path

if TYPE_CHECKING:
    from reconciler.config.documents import Authored

# The beginnings are what makes a key; random text without one is told by the name of its field instead.
_SHAPES = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        (?:sk|pk|rk)[-_](?:live|test|proj|ant|or)?[-_A-Za-z0-9]{16,}      # OpenAI, Anthropic, Stripe
        |(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])    # AWS
        |AIza[0-9A-Za-z_-]{30,}                                            # Google
        |(?:ghp|gho|ghu|ghs|ghr|glpat|gldt|glft|glsoat|glrt|glcbt|glimt|glptt|glagent|gloas|xox[aboprs]|shpat|shpss|whsec
            )[-_][0-9A-Za-z_-]{16,}                                        # GitHub, GitLab, Slack, Shopify, webhooks
        |github_pat_[0-9A-Za-z_]{20,} | GR1348941[0-9A-Za-z_-]{20,}
        |re_[0-9A-Za-z]{8,}_[0-9A-Za-z]{8,}                                # Resend
        |SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}                          # SendGrid
        |[0-9a-z]{32}-us[0-9]{1,2}(?![0-9])                                # Mailchimp
        |(?:AC|SK)[0-9a-f]{32}(?![0-9a-z])                                 # Twilio
        |sq0(?:csp|atp)-[0-9A-Za-z_-]{22,}                                 # Square
        |pypi-AgE[0-9A-Za-z_-]{60,} | npm_[0-9A-Za-z]{36} | hf_[0-9A-Za-z]{30,}
        |[0-9]{8,10}:[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])                    # Telegram
        |[MNO][0-9A-Za-z_-]{23,25}\.[0-9A-Za-z_-]{6}\.[0-9A-Za-z_-]{27}    # Discord
        |[0-9a-f]{24}:[0-9a-f]{64}(?![0-9a-f])                             # Ghost Admin API
        |eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}\.                       # JSON Web Token
        |AGE-SECRET-KEY-1[0-9A-Z]{20,}
        |hooks\.slack\.com/services/T[0-9A-Z]{6,}/B[0-9A-Z]{6,}/[0-9A-Za-z]{16,}
    )
    |AccountKey=[0-9A-Za-z+/=]{40,}                                        # Azure
    |:_authToken=\S{8,}                                                    # npm
    |://[^\s:/?\#@\[\]{}]+:[^\s/?\#@\[\]{}]{3,}@                           # a password in an address
    |-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----""",
    re.VERBOSE,
)
# No shape is shorter: `sk-` and sixteen characters.
_RUN_MIN = 19
_RUN = re.compile(rf"[-_:.A-Za-z0-9]{{{_RUN_MIN},}}")
_SECRET_WORDS = "(api_key|secret|password|token|private_key)"
_WORDS = (
    "api_key",
    "private_key",
    "secret",
    "password",
    "token",
    "PRIVATE KEY",
    "AccountKey",
    "_authToken",
    "hooks.slack",
)
_SECRET_KEY = re.compile(rf"(^|_){_SECRET_WORDS}$")
_SECRET_LINE = re.compile(rf"""{_SECRET_WORDS}["']?\s*:\s*[^\s{{]""")


def looks_like_secret(text: str) -> bool:
    """Tell whether a text holds something shaped like an API key."""
    return _SHAPES.search(text) is not None


def is_secret_field(key: str) -> bool:
    """Tell whether a field with this name holds a secret, whatever it looks like."""
    return _SECRET_KEY.search(key) is not None


def might_hold_secrets(text: str) -> bool:
    """Tell whether the text of a file is worth a closer look; False is sure."""
    if "\\" in text or ("@" in text and "://" in text):
        return True
    for word in _WORDS:
        if word in text:
            return True
    # No run is longer than the word that it stands in, and most words are short.
    long_words = [word for word in text.split() if len(word) >= _RUN_MIN]
    return any(looks_like_secret(run) for word in long_words for run in _RUN.findall(word))


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
        in_secret_field = bool(path) and isinstance(path[-1], str) and is_secret_field(path[-1])
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
