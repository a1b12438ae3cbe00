"""What looks like a key is refused: all that the detectors of detect-secrets know by its shape, and nothing here."""

from __future__ import annotations

from pathlib import Path

import pytest
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.secrets import looks_like_secret, might_hold_secrets

REPOSITORY = Path(__file__).parents[2]
DETECTORS = (
    "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "DiscordBotTokenDetector", "GitHubTokenDetector",
    "GitLabTokenDetector", "JwtTokenDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector",
    "PypiTokenDetector", "SendGridDetector", "SlackDetector", "SquareOAuthDetector", "StripeDetector",
    "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip


def made(*parts: str) -> str:
    """Return a key that is none: put together here, so that no scanner takes this file for a leak."""
    return "".join(parts)


A, N, H = "aZ3b" * 30, "0123456789" * 10, "0a1b2c3d4e5f" * 12
KEYS = {
    "aws": made("AKIA", "QRSTUVWX12345678"), "azure": made("AccountKey=", (A * 2)[:86], "=="),
    "address": made("postgres://ann:", "s3cr3tpass@db.example/x"), "discord": made("M", A[:23], ".", A[:6], ".", A[:27]),
    "github": made("ghp_", A[:36]), "github pat": made("github_pat_", A[:60]), "gitlab": made("glpat-", A[:20]),
    "jwt": made("eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0In0.", A[:43]), "mailchimp": made(H[:32], "-us12"),
    "npm": made("//registry.example/:_authToken=", "npm_", A[:36]), "openai": made("sk-", A[:20], "T3Blbk", "FJ", A[:20]),
    "openai project": made("sk-proj-", A[:48]), "anthropic": made("sk-ant-api03-", A[:90]), "google": made("AIza", A[:35]),
    "private key": made("-----BEGIN RSA ", "PRIVATE KEY-----"), "pypi": made("pypi-AgE", "IcHlwaS5vcmc", A[:80]),
    "sendgrid": made("SG.", A[:22], ".", A[:43]), "slack": made("xoxb-", N[:12], "-", N[:12], "-", A[:24]),
    "slack hook": made("https://hooks.slack.com/services/", "T0ABCDEFG/B0ABCDEFG/", A[:24]), "square": made("sq0csp-", A[:43]),
    "stripe": made("sk_live_", A[:24]), "telegram": made(N[:9], ":", A[:35]), "twilio": made("AC", H[:32]),
    "shopify": made("shpat_", H[:32]), "ghost": made(H[:24], ":", H[:64]), "age": made("AGE-SECRET-KEY-1", "Q" * 58),
    "hugging face": made("hf_", A[:34]), "webhook": made("whsec_", A[:32]), "resend": made("re_", A[:10], "_", A[:20]),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_recognised_alone_and_within_text(name):
    for text in (KEYS[name], f"note: use {KEYS[name]} here", f'"{KEYS[name]}"'):
        assert looks_like_secret(text)
        assert might_hold_secrets(text)


def test_whatever_the_detectors_find_by_its_shape_is_found_here_too():
    found = set()
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        for key in KEYS.values():
            for secret in scan_line(f'value: "{key}"'):
                found.add(secret.type)
                assert looks_like_secret(key), secret.type
    assert len(found) >= 16, "the detectors are asked about what they know"


def test_nothing_of_this_repositorys_config_looks_like_a_key():
    files = [
        path
        for pattern in ("*.yaml", "*/*.yaml", "*/*.md", "*/*.csv", "examples/**/*.yaml")
        for path in REPOSITORY.glob(pattern)
    ]
    assert len(files) > 60
    assert [
        path for path in files if path.parts[-2] != "tests" and looks_like_secret(path.read_text(encoding="utf-8"))
    ] == []


@given(st.text(alphabet=st.sampled_from("abcXYZ019 .:/@-_{}[]\"'=\n"), max_size=200), st.sampled_from(sorted(KEYS)))
def test_the_quick_look_misses_nothing_that_the_close_look_finds(noise, name):
    text = f"{noise} {KEYS[name]}"
    assert looks_like_secret(text) <= might_hold_secrets(text)
