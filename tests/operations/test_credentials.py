"""References to secrets: variables, files, and files that the real `sops` encrypted for age recipients."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest

from reconciler.config.sops import SopsError, decrypt_value, keys_in
from reconciler.errors import UnreachableError
from reconciler.kinds.fields import SecretRef
from reconciler.operations.credentials import find_identities, resolve_secret

SOPS = Path(sys.executable).parent / "sops"
CANARY = "canary-3f9a"
PLAIN = f"""\
openai:
    api_key: {CANARY}
    # a remark
    numbers: [1, 2.5, true]
    empty: ""
    text: |
        two
        lines
retries: 3
region_unencrypted: eu
"""


@pytest.fixture(scope="module")
def identity():
    return pyrage.x25519.Identity.generate()


def encrypted(folder: Path, name: str, text: str, identity, *options: str) -> Path:
    """Encrypt a text with the real sops."""
    path = folder / name
    path.write_text(text)
    words = [SOPS, "--disable-version-check", "encrypt", "-i", "--age", str(identity.to_public()), *options, path]
    subprocess.run(words, check=True, capture_output=True, env={"PATH": os.environ["PATH"], "HOME": str(folder)})
    assert CANARY not in path.read_text()
    return path


def resolve(root: Path, **reference: str):
    environ = reference.pop("environ", {})
    return resolve_secret(root, "provider openai", SecretRef(**reference), environ)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("openai.api_key", CANARY), ("openai.numbers.0", "1"), ("openai.numbers.1", "2.5"), ("openai.numbers.2", "True"),
        ("openai.text", "two\nlines\n"), ("retries", "3"), ("region_unencrypted", "eu"), ("openai.empty", ""),
    ],
)  # fmt: skip
def test_a_value_of_a_file_made_by_sops_is_read(tmp_path, identity, key, value):
    path = encrypted(tmp_path, "secrets.yaml", PLAIN, identity)
    assert decrypt_value(path.read_text(), "secrets.yaml", key, [str(identity)]) == value


@pytest.mark.parametrize(
    "options",
    [[], ["--encrypted-regex", "^api_key$"], ["--unencrypted-regex", "^retries$"], ["--encrypted-suffix", "_key"]],
    ids=" ".join,
)
def test_every_way_of_choosing_what_is_encrypted_is_read(tmp_path, identity, options):
    path = encrypted(tmp_path, "secrets.yaml", PLAIN, identity, *options)
    assert decrypt_value(path.read_text(), "secrets.yaml", "openai.api_key", [str(identity)]) == CANARY


@pytest.mark.parametrize("rule", ["", "encrypted_regex: ^api_key$"])
def test_a_mac_over_encrypted_values_only_is_right_and_covers_no_others(tmp_path, identity, rule):
    rules = f"creation_rules:\n  - age: {identity.to_public()}\n    mac_only_encrypted: true\n    {rule}\n"
    (tmp_path / ".sops.yaml").write_text(rules)
    path = tmp_path / "secrets.yaml"
    path.write_text(PLAIN)
    words = [SOPS, "--disable-version-check", "encrypt", "-i", path]
    subprocess.run(
        words, check=True, capture_output=True, cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    )
    text = path.read_text().replace("region_unencrypted: eu", "region_unencrypted: us")
    assert "mac_only_encrypted: true" in text
    assert decrypt_value(text, "secrets.yaml", "openai.api_key", [str(identity)]) == CANARY


def test_json_and_dotenv_are_read_too(tmp_path, identity):
    made = encrypted(tmp_path, "secrets.json", json.dumps({"a": {"b": CANARY}, "n": [1, {"x": False}]}), identity)
    assert decrypt_value(made.read_text(), "secrets.json", "a.b", [str(identity)]) == CANARY
    made = encrypted(tmp_path, "secrets.env", f"API_KEY={CANARY}\nOTHER=x\n", identity)
    assert decrypt_value(made.read_text(), "secrets.env", "API_KEY", [str(identity)]) == CANARY


def test_any_of_several_recipients_reads_it_and_a_stranger_does_not(tmp_path, identity):
    other = pyrage.x25519.Identity.generate()
    path = encrypted(tmp_path, "s.yaml", PLAIN, identity)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SOPS_AGE_KEY": str(identity)}
    words = [SOPS, "--disable-version-check", "rotate", "-i", "--add-age", str(other.to_public()), path]
    subprocess.run(words, check=True, capture_output=True, env=environ)
    text = path.read_text()
    for reader in (identity, other):
        assert decrypt_value(text, "s.yaml", "openai.api_key", [str(reader)]) == CANARY
    with pytest.raises(SopsError, match="none of the age identities") as raised:
        decrypt_value(text, "s.yaml", "openai.api_key", [str(pyrage.x25519.Identity.generate())])
    assert str(other.to_public()) in raised.value.hint


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("region_unencrypted: eu", "region_unencrypted: us"), "MAC does not match"),
        (lambda text: text.replace("retries: ENC[AES256_GCM,data:", "retries: ENC[AES256_GCM,data:AAAA"), "cannot be decrypted"),
        (lambda text: text.replace("    api_key:", "    api_kee:"), "cannot be decrypted"),
        (lambda text: text.replace("lastmodified: \"2", "lastmodified: \"3"), "cannot be decrypted"),
        (lambda text: text[: text.index("sops:")], "not encrypted with sops"),
        (lambda text: text.replace("- recipient", "- r: [\n"), "not readable"),
        (lambda text: text[: text.index("    age:")] + "    pgp: [{fp: x}]\n    mac: x\n", "but pgp"),
        (lambda text: text.replace("    age:", "    shamir_threshold: 2\n    age:"), "key groups"),
    ],
)  # fmt: skip
def test_what_was_changed_or_is_of_another_kind_is_refused_and_tells_no_value(tmp_path, identity, change, told):
    path = encrypted(tmp_path, "s.yaml", PLAIN, identity)
    with pytest.raises(SopsError, match=told) as raised:
        decrypt_value(change(path.read_text()), "s.yaml", "openai.api_key", [str(identity)])
    assert CANARY not in f"{raised.value}{raised.value.hint}{raised.value.__cause__!r}{raised.value.__context__!r}"


def test_a_missing_key_names_those_that_there_are(tmp_path, identity):
    text = encrypted(tmp_path, "s.yaml", "a: {b: x}\n", identity).read_text()
    with pytest.raises(SopsError, match=r"no key a\.c") as raised:
        decrypt_value(text, "s.yaml", "a.c", [str(identity)])
    assert raised.value.hint == "it has a.b"
    assert keys_in(text, "s.yaml") == ("a.b",)


@pytest.mark.parametrize("place", ["SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "home", "xdg"])
def test_identities_are_found_where_sops_finds_them(tmp_path, identity, place):
    path = encrypted(tmp_path, "s.yaml", PLAIN, identity)
    file = tmp_path / ".config/sops/age/keys.txt"
    file.parent.mkdir(parents=True)
    file.write_text(f"# created: today\n# public key: x\n{identity}\n")
    if place in ("SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE"):
        moved = shutil.move(file, tmp_path / "keys.txt")
        environ = {place: str(identity) if place == "SOPS_AGE_KEY" else str(moved)}
    else:
        environ = {"HOME": str(tmp_path)} if place == "home" else {"XDG_CONFIG_HOME": str(tmp_path / ".config")}
    assert find_identities(environ) == (str(identity),)
    assert resolve(tmp_path, sops=path.name, key="openai.api_key", environ=environ) == CANARY


def test_a_variable_and_a_file_are_read_without_the_line_end(tmp_path):
    (tmp_path / "key").write_text(f"{CANARY}\n")
    assert resolve(tmp_path, file="key") == CANARY
    assert resolve(tmp_path, file=str(tmp_path / "key")) == CANARY
    assert resolve(tmp_path, env="KEY", environ={"KEY": f"{CANARY}\n"}) == CANARY


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ({"env": "NOT_SET"}, "the environment variable NOT_SET is not set"),
        ({"file": "nowhere"}, "nowhere cannot be read: No such file"),
        ({"file": "empty"}, "empty is empty"),
        ({"file": "pipe"}, "is no file"),
        ({"file": "."}, "is no file"),
        ({"file": "bytes"}, "is not UTF-8"),
        ({"file": "large"}, "larger than 64 KiB"),
        ({"sops": "empty", "key": "a"}, "not encrypted with sops"),
    ],
)
def test_what_cannot_be_had_is_one_clear_error(tmp_path, reference, told):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreachableError, match=told) as raised:
        resolve(tmp_path, **reference)
    assert raised.value.message.startswith("provider openai: ")


def test_without_an_identity_it_says_where_one_is_looked_for(tmp_path, identity):
    path = encrypted(tmp_path, "s.yaml", PLAIN, identity)
    with pytest.raises(UnreachableError, match="no age identity") as raised:
        resolve(tmp_path, sops=path.name, key="retries", environ={"HOME": str(tmp_path)})
    assert "SOPS_AGE_KEY_FILE" in raised.value.hint
