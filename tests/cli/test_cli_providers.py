"""igny8 providers and igny8 models, and a run that cannot call: what people see when a key or an address is wrong."""

from __future__ import annotations

import json

import pytest
from ai_server import Reply, serving
from builder import FILES, write_root

from cli.main import run
from reconciler.errors import ExitCode

CATALOGUE = """apiVersion: igny8/v1
kind: ProviderCatalog
providers:
  samples: {{type: ai, adapter: openai, endpoint: "{url}/v1", credentials: {{api_key: {{env: TEST_OPENAI_KEY}}}}}}
"""
KEY = "sk-canary-77aa"


@pytest.fixture
def cli(tmp_path, capsys, monkeypatch):
    """A command line on a root whose provider is a server on loopback; returns exit code, stdout and stderr."""
    monkeypatch.setenv("TEST_OPENAI_KEY", KEY)
    with serving() as server:
        root = write_root(tmp_path / "root", {"providers.yaml": CATALOGUE.format(url=server.url)})

        def call(*words: str):
            code = run(["-C", str(root), "--color", "never", *words])
            out, err = capsys.readouterr()
            return code, out, err

        call.server, call.root = server, root
        yield call


def verdicts(out: str) -> dict[str, str]:
    return {step["step"]: step["verdict"] for step in json.loads(out)["steps"]}


def test_check_tells_key_reach_and_models_and_costs_nothing(cli):
    code, out, _ = cli("providers", "check", "--format", "json")
    assert code == ExitCode.UNREACHABLE, "painter and sketcher are not on offer"
    assert verdicts(out) == {"credentials": "ok", "endpoint": "ok", "models": "failed"}
    assert "not offered to this account: painter, sketcher" in out
    assert [request.method for request in cli.server.requests] == ["GET"]


def test_live_makes_one_small_call_and_tells_its_cost(cli):
    listed = {"object": "list", "data": [{"id": n, "object": "model", "created": 1, "owned_by": "x"} for n in ("writer", "painter", "sketcher")]}  # fmt: skip
    cli.server.script = lambda request, _: Reply(body=listed) if request.method == "GET" else None
    code, out, _ = cli("providers", "check", "samples", "--live")
    assert code == ExitCode.OK
    # 120 in at 0.00125 and 45 out at 0.01 per thousand: the catalogue has no rate for cached input.
    assert "writer: 120 tokens in, 45 out, cost $0.000600000" in out
    (post,) = [request for request in cli.server.requests if request.method == "POST"]
    assert post.body["max_tokens"] == 16


def test_a_wrong_key_is_said_and_not_shown(cli):
    cli.server.script = lambda *_: Reply(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})
    code, out, err = cli("providers", "check", "--live")
    assert code == ExitCode.UNREACHABLE and "HTTP 401" in out
    assert KEY not in out + err
    assert len(cli.server.requests) == 1, "nobody calls with a key that was refused"


def test_a_missing_key_ends_check_and_run_before_anything_begins(cli, monkeypatch):
    monkeypatch.delenv("TEST_OPENAI_KEY")
    code, out, _ = cli("providers", "check")
    assert code == ExitCode.UNREACHABLE and "TEST_OPENAI_KEY is not set" in out
    assert cli("apply", "--yes")[0] == ExitCode.OK
    code, out, err = cli("run", "--now", "--no-delays")
    assert code == ExitCode.UNREACHABLE and "TEST_OPENAI_KEY is not set" in err
    assert json.loads(cli("runs", "list", "--format", "json")[1])["summary"]["total"] == 0
    assert cli.server.requests == []


def test_a_real_run_books_what_the_server_counted_and_shows_no_key(cli):
    assert cli("apply", "--yes")[0] == ExitCode.OK
    code, out, err = cli("run", "--now", "--no-delays")
    assert code == ExitCode.FAILED, "what the server says is no cluster"
    code, logs, _ = cli("logs", "ai", "--format", "json")
    first = json.loads(logs)["records"][-1]
    assert (first["input_tokens"], first["cached_input_tokens"], first["output_tokens"]) == (120, 64, 45)
    assert (first["reasoning_tokens"], first["error_class"], first["simulated"]) == (20, "bad_answer", False)
    assert KEY not in out + err + logs
    assert KEY.encode() not in b"".join(path.read_bytes() for path in (cli.root / ".igny8").glob("state.db*"))


def test_an_unknown_provider_and_a_run_at_another_time_are_usage_errors(cli):
    assert cli("providers", "check", "nobody")[0] == ExitCode.USAGE
    assert cli("run", "--now", "--at", "+1d")[0] == ExitCode.USAGE


def test_models_list_shows_roles_and_prices_compares_what_is_listed(cli):
    code, out, _ = cli("models", "list")
    assert code == ExitCode.OK and [line.split()[3] for line in out.splitlines()[1:]] == ["Live", "Testing", "Live"]
    text = FILES["models.yaml"].replace("  writer:", "  gpt-4o-mini:").replace('"0.01"', '"0.0012"')
    write_root(cli.root, {"models.yaml": text, "providers.yaml": CATALOGUE.format(url=cli.server.url)})
    code, out, _ = cli("models", "prices", "--format", "json", "--max-drift", "50")
    rates = {line["rate"]: line["drift_pct"] for line in json.loads(out)["prices"]}
    assert rates["output"] == 100.0 and rates["input"] > 100
    assert code == ExitCode.BLOCKED
    assert cli("models", "prices", "--max-drift", "100000")[0] == ExitCode.OK
