"""A server on loopback that speaks as OpenAI, Anthropic and Google do, with full usage; a test scripts what it answers.

The usage is the same three times, in each provider's own shape: 120 tokens in of which 64 (30 at Anthropic) came from
the cache, 45 out of which 20 were reasoning.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """What the server answers; `raw` replaces the JSON, `hang_up` closes the connection without a word.

    With `cut_after` it closes after so many bytes of the content that it has promised.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang_up: bool = False
    cut_after: int | None = None


Script = Callable[[Request, int], Reply | None]


def openai_chat(text: str = '{"ok": true}', **changes: Any) -> dict[str, Any]:
    """Return a chat completion in OpenAI's shape; a tool call when the request's tool is named."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {
        "prompt_tokens": 120,
        "completion_tokens": 45,
        "total_tokens": 165,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    answer = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "echo", "choices": [choice], "usage": usage,
    }  # fmt: skip
    return answer | changes


def anthropic_message(text: str = '{"ok": true}', **changes: Any) -> dict[str, Any]:
    """Return a message in Anthropic's shape."""
    usage = {"input_tokens": 56, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 64, "output_tokens": 45}
    answer = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "echo", "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": text}], "usage": usage,
    }  # fmt: skip
    return answer | changes


def google_content(text: str = '{"ok": true}', **changes: Any) -> dict[str, Any]:
    """Return a generated content in Google's shape."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}
    usage = {
        "promptTokenCount": 120,
        "candidatesTokenCount": 25,
        "thoughtsTokenCount": 20,
        "cachedContentTokenCount": 64,
        "totalTokenCount": 165,
    }
    answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "echo", "responseId": "r-1"}
    return answer | changes


def _embeddings(body: Any) -> dict[str, Any]:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"object": "embedding", "index": i, "embedding": [float(len(text)), 1.0]} for i, text in enumerate(texts)]
    return {"object": "list", "model": "echo", "data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}}


def _usual(request: Request) -> Reply:
    """Answer as each provider does when nothing is the matter."""
    if request.path.endswith("/chat/completions"):
        return Reply(body=openai_chat())
    if request.path.startswith("/v1/messages"):
        return Reply(body=anthropic_message())
    if ":generateContent" in request.path:
        return Reply(body=google_content())
    if request.path.endswith("/embeddings"):
        return Reply(body=_embeddings(request.body))
    if "mbedContent" in request.path:
        asked = request.body.get("requests", [request.body])
        return Reply(body={"embeddings": [{"values": [1.0, 2.0]} for _ in asked]})
    if request.method == "GET" and request.path.startswith("/v1/models"):
        listed = [{"id": name, "object": "model", "type": "model", "created": 1, "owned_by": "us",
                   "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in ("writer", "editor")]  # fmt: skip
        return Reply(body={"object": "list", "data": listed, "has_more": False, "first_id": None, "last_id": None})
    if request.method == "GET" and "/models" in request.path:
        return Reply(body={"models": [{"name": "models/writer"}, {"name": "models/editor"}]})
    return Reply(404, {"error": {"message": f"nothing at {request.path}", "type": "not_found"}})


class AiServer:
    """The server. `requests` are all that came in, in order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: Script = lambda request, number: None
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgment

            def _answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                data = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, json.loads(data) if data else None)
                with server._lock:
                    number = len(server.requests)
                    server.requests.append(request)
                reply = server.script(request, number) or _usual(request)
                if reply.hang_up:
                    self.close_connection = True
                    return
                content = reply.raw if reply.raw is not None else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in {"content-type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: reply.cut_after])
                self.close_connection = self.close_connection or reply.cut_after is not None

            do_GET = do_POST = _answer

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def serving() -> Iterator[AiServer]:
    """Run a server for the length of a block."""
    server = AiServer()
    try:
        yield server
    finally:
        server.close()
