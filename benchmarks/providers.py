"""What a call to a provider costs us besides the provider: raw HTTP, the bare SDK, pydantic-ai's direct request, igny8.

    python benchmarks/providers.py [--calls N] [--json]

All four ask the same server on loopback for the same chat completion, one at a time and 64 at once, in rounds that take
turns; the best round counts. Also: how long the first call's imports take, and the memory after 64 at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

ROUNDS = 5
RATIO_MAX = 1.3
IMPORT_SECONDS_MAX = 3.0
MEMORY_MIB_MAX = 200
BODY = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "writer",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": '{"title": "T"}'}}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 45, "total_tokens": 165},
    }
).encode()  # fmt: skip
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
PROMPT = "Write about boots. " * 40
Call = Callable[[], Awaitable[Any]]


def serve(ports: multiprocessing.SimpleQueue[int]) -> None:
    """Answer every request with the same completion; reads just enough HTTP to find where a request ends."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
                writer.write(REPLY)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def make_calls(url: str) -> dict[str, Call]:
    """Return one way to call each; all with the same prompt and settings, none with a schema."""
    import httpx2
    from openai import AsyncOpenAI
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import ModelRequest, UserPromptPart
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    from reconciler.kinds.providers import Provider as ProviderSpec
    from reconciler.providers import find_adapter
    from reconciler.providers.port import TextRequest

    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
    raw = httpx2.AsyncClient(limits=limits)
    body = {"model": "writer", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 800, "temperature": 0.7}
    sdk = AsyncOpenAI(api_key="k", base_url=url, max_retries=0, http_client=httpx2.AsyncClient(limits=limits))
    model = OpenAIChatModel("writer", provider=OpenAIProvider(openai_client=sdk))
    adapter = find_adapter("openai")
    assert adapter is not None
    ours = adapter.make(ProviderSpec(type="ai", adapter="openai", endpoint=url), {})

    async def call_raw() -> None:
        (await raw.post(f"{url}/chat/completions", json=body)).json()

    async def call_sdk() -> None:
        await sdk.chat.completions.create(**body)  # type: ignore[call-overload]

    async def call_direct() -> None:
        settings = {"max_tokens": 800, "temperature": 0.7}
        await model_request(model, [ModelRequest(parts=[UserPromptPart(PROMPT)])], model_settings=settings)  # type: ignore[arg-type]

    async def call_ours() -> None:
        answer = await ours.complete(TextRequest("a", "writer", "f", "article", PROMPT, 800, 0.7))
        assert answer.failure is None and answer.usage.output_tokens == 45

    return {"httpx2": call_raw, "openai SDK": call_sdk, "pydantic-ai direct": call_direct, "igny8": call_ours}


async def measure(call: Call, calls: int, at_once: int) -> float:
    """Return the CPU milliseconds of this process a call."""
    left = calls

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    before = time.process_time()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return (time.process_time() - before) * 1000 / calls


async def run_all(url: str, calls: int) -> dict[str, dict[int, float]]:
    """Return the best round's milliseconds a call by client and concurrency."""
    clients = make_calls(url)
    best: dict[str, dict[int, float]] = {name: {} for name in clients}
    for at_once in (1, 64):
        for call in clients.values():
            await measure(call, max(64, calls // 10), at_once)
        for _ in range(ROUNDS):
            for name, call in clients.items():
                took = await measure(call, calls, at_once)
                best[name][at_once] = min(took, best[name].get(at_once, took))
    return best


def import_seconds() -> float:
    """Return how long it takes a fresh process to make the slowest adapter, the median of three."""
    code = (
        "import time; from reconciler.kinds.providers import Provider; from reconciler.providers import find_adapter;"
        "spec = Provider(type='ai', adapter='anthropic'); start = time.perf_counter();"
        "find_adapter('anthropic').make(spec, {'api_key': 'k'}); print(time.perf_counter() - start)"
    )
    found = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
    return sorted(found)[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ports: multiprocessing.SimpleQueue[int] = multiprocessing.SimpleQueue()
    server = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    best = asyncio.run(run_all(f"http://127.0.0.1:{ports.get()}/v1", options.calls))
    server.terminate()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = import_seconds()
    ratios = {at_once: best["igny8"][at_once] / best["pydantic-ai direct"][at_once] for at_once in (1, 64)}
    if options.json:
        print(json.dumps({"ms": best, "ratio": ratios, "import_seconds": seconds, "memory_mib": memory}))
    else:
        print(f"{'client':20} {'1 at once':>12} {'64 at once':>12}   CPU ms a call")
        for name, took in best.items():
            print(f"{name:20} {took[1]:12.2f} {took[64]:12.2f}")
        print(f"igny8 / direct: {ratios[1]:.2f} and {ratios[64]:.2f} (at most {RATIO_MAX})")
        print(f"first call's imports: {seconds:.2f} s (at most {IMPORT_SECONDS_MAX:g})")
        print(f"memory: {memory:.0f} MiB (at most {MEMORY_MIB_MAX})")
    good = max(ratios.values()) <= RATIO_MAX and seconds <= IMPORT_SECONDS_MAX and memory <= MEMORY_MIB_MAX
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
