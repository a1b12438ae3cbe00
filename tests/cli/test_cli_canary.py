"""No secret gets out: every command is run in a root whose secrets are canaries, and every word and file is searched.

A new command fails here until it says how it is run.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from builder import write_root

from cli.main import COMMANDS, run

IN_ENV, IN_FILE, IN_SOPS, LITERAL = "canary-env-77aa", "canary-file-88bb", "canary-sops-99cc", "canary-literal-66dd"
CANARIES = (IN_ENV, IN_FILE, IN_SOPS, LITERAL)
RUNS: dict[str, list[list[str]]] = {
    "validate": [
        ["validate"],
        ["validate", "--json"],
        ["validate", "--format", "sarif"],
        ["validate", "--format", "junit"],
    ],
    "plan": [["plan"], ["plan", "--json"], *(["plan", "--format", name] for name in ("ndjson", "markdown", "html"))],
    "snapshot": [["snapshot", "-o", "snapshot.json"], ["snapshot", "--key"]],
    "apply": [["apply", "--yes"]],
    "history": [
        ["history", "--json"],
        ["history", "show"],
        ["history", "show", "1", "--json"],
        ["history", "verify"],
        ["history", "show", "1", "--resource", "providers"],
        ["history", "quarantine", "list"],
    ],
    "rollback": [["rollback", "--to", "1"], ["rollback", "--to", "1", "--apply", "--yes", "--reason", "why"]],
    "blame": [["blame", "providers"], ["blame", "site/blog", "--json"]],
    "hold": [
        ["hold", "site/blog", "--until", "3d", "--reason", "tidy"],
        ["hold", "platform", "--until", "1h", "--reason", "a"],
    ],
    "release": [["release", "platform"]],
    "holds": [["holds"], ["holds", "--all", "--json"]],
    "drift": [["drift"], ["drift", "--json"]],
    "adopt": [["adopt", "site/blog", "--yes"]],
    "import": [["import", "--all", "--dry-run"]],
    "run": [["run", "--site", "blog", "--offline", "--no-delays"], ["run", "--site", "blog"], ["run", "--due"]],
    "runs": [
        ["runs", "list"],
        ["runs", "list", "--json"],
        ["runs", "show", "1"],
        *(["runs", order, "1"] for order in ("pause", "resume", "cancel")),
    ],
    "worker": [["worker", "--once", "--offline", "--no-delays"]],
    "publish": [["publish", "--due", "--json"]],
    "unpublish": [["unpublish", "1"]],
    "sync": [["sync"], ["sync", "blog", "--json"]],
    "reconcile": [["reconcile", "--once", "--offline", "--no-delays", "--log-format", "json"]],
    "status": [["status"], ["status", "--json"]],
    "content": [
        ["content", "list", "--json"],
        ["content", "show", "1"],
        ["content", "edit", "1", "--set", "excerpt=New"],
        ["content", "approve", "1"],
        ["content", "unschedule", "1", "--json"],
        ["content", "schedule", "1"],
        ["content", "publish", "1"],
        ["content", "reject", "--state", "review", "--reason", "tidy", "--yes"],
        ["content", "archive", "--state", "draft", "--yes"],
    ],
    "keywords": [["keywords", "list", "--json"], ["keywords", "duplicates"]],
    "calendar": [["calendar", "--json"], ["calendar", "--month", "2026-11"]],
    "simulate": [["simulate", "--days", "3"]],
    "images": [["images", "list", "1"], ["images", "regenerate", "1", "--yes"], ["images", "use", "1"]],
    "credits": [
        ["credits", "balance", "--json"],
        ["credits", "verify"],
        ["credits", "holds", "--json"],
        ["credits", "statement", "acme", "--format", "html"],
        ["credits", "grant", "acme", "5", "--reason", "test"],
        ["credits", "refund", "--usage", "1", "--reason", "test"],
    ],
    "logs": [["logs", "ai", "--json"], ["logs", "usage", "--json"], ["logs", "credits"], ["logs", "notifications"]],
    "notify": [["notify", "test", name] for name in ("hook", "chat", "post")]
    + [["notify", "flush"], ["notify", "list", "--json"]],
    "report": [["report"], ["report", "--write", "reports"]],
    "explain": [["explain", "providers"], ["explain", "providers", "--json"], ["explain", "site/blog"]],
    "graph": [["graph", "--json"]],
    "compile": [["compile", "-o", "-"]],
    "fmt": [["fmt", "--diff"], ["fmt", "--check"]],
    "set": [["set", "site/blog", "description", "tidy", "--dry-run"]],
    "unset": [["unset", "site/blog", "description", "--dry-run"]],
    "migrate": [["migrate", "--diff"]],
    "policy": [["policy", "list"], ["policy", "test"]],
    "lock": [["lock", "list"], ["lock", "list", "--json"]],
    "providers": [["providers", "check"], ["providers", "check", "--json"]],
    "publishers": [["publishers", "list"], ["publishers", "check", "--all", "--json"]],
    "models": [["models", "list", "--json"]],
    "schema": [["schema", "list"], ["schema", "show", "Site"]],
    "db": [["db", "status"]],
    "completion": [["completion", "bash"]],
    "version": [["version"]],
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A root with three providers, whose keys stand in a variable, a file and a file of the real sops."""
    for name in ("IGNY8_DB", "IGNY8_ENV", "IGNY8_MEDIA"):
        monkeypatch.delenv(name, raising=False)
    identity = pyrage.x25519.Identity.generate()
    monkeypatch.setenv("CANARY_KEY", IN_ENV)
    monkeypatch.setenv("SOPS_AGE_KEY", str(identity))
    root = write_root(tmp_path / "root")
    (root / "secret.txt").write_text(f"{IN_FILE}\n")
    sops_file = root / "secrets.yaml"
    sops_file.write_text(f"key: {IN_SOPS}\n")
    sops = Path(sys.executable).parent / "sops"
    words = [sops, "--disable-version-check", "encrypt", "-i", "--age", str(identity.to_public()), sops_file]
    subprocess.run(words, check=True, capture_output=True)
    providers = (root / "providers.yaml").read_text()
    for name, key in (("b", "{file: secret.txt}"), ("c", "{sops: secrets.yaml, key: key}"), ("d", "{env: CANARY_KEY}")):
        providers += f"  {name}:\n    type: ai\n    adapter: openai\n    endpoint: http://127.0.0.1:9\n    credentials: {{api_key: {key}}}\n"
    (root / "providers.yaml").write_text(providers)
    monkeypatch.setenv("CANARY_URL", f"http://127.0.0.1:9/{IN_ENV}")
    channels = {
        "hook": "{type: webhook, url: http://127.0.0.1:9, secret: {sops: secrets.yaml, key: key}}",
        "chat": "{type: slack, secret_url: {env: CANARY_URL}}",
        "post": "{type: email, server: smtp://us@127.0.0.1:9, sender: a@x.example, to: [b@x.example], secret: {file: secret.txt}}",
    }
    with (root / "platform.yaml").open("a") as file:
        file.write(
            "notifications:\n  channels:\n" + "".join(f"    {name}: {text}\n" for name, text in channels.items())
        )
    monkeypatch.chdir(root)
    return root


def test_every_command_is_run_here():
    assert set(RUNS) == {entry.name for entry in COMMANDS}


def search(root: Path, told: str) -> None:
    for canary in CANARIES[:3]:
        assert canary not in told
        own = {root / "secret.txt"}
        files = [path for path in root.rglob("*") if path.is_file() and path not in own]
        assert [path for path in files if canary.encode() in path.read_bytes()] == []


def test_no_command_tells_a_secret_or_writes_it_down(root, capsys):
    codes = set()
    for name in [entry.name for entry in COMMANDS]:
        for words in RUNS[name]:
            for options in ([], ["--debug"]):
                codes.add(run(["-C", str(root), *options, *words]))
                captured = capsys.readouterr()
                search(root, captured.out + captured.err)
    assert 0 in codes
    assert (root / ".igny8/state.db").exists() and (root / "reports").exists()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("providers.yaml", "type: ai", f"type: ai\n    credentials: {{api_key: {LITERAL}}}"),
        ("providers.yaml", "type: ai", f"type: ai\n    credentials: {{webhook_secret: [{LITERAL}]}}"),
        ("sites/blog.yaml", "type: static", f"type: wordpress, application_password: {LITERAL}"),
        ("platform.yaml", "kind: Platform\n", f"kind: Platform\nnotifications: {{channels: {{a: {{type: slack, secret: {{env: [{LITERAL}]}}}}}}}}\n"),
    ],
)  # fmt: skip
def test_a_secret_that_is_written_out_is_refused_and_not_repeated(root, capsys, file, old, new):
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    for words in (
        *RUNS["validate"],
        ["validate", "--format", "github"],
        *RUNS["plan"],
        *RUNS["apply"],
        *RUNS["compile"],
        *RUNS["explain"],
    ):
        for options in ([], ["--debug"]):
            assert run(["-C", str(root), *options, *words]) == 3
            captured = capsys.readouterr()
            assert LITERAL not in captured.out + captured.err
