"""Runware and Bria on loopback, as their documentation describes them: orders are kept, counted and paid for once each.

`faults` are scripted by the number of a request from 0 on: a Reply instead of the usual one, or a function that is called
with the server and then answers. Images are served by the same server, as a provider's store would.
"""

from __future__ import annotations

import base64
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from ai_server import AiServer, Reply, Request
from PIL import Image

KEY = "key-of-the-test"


def png(width: int = 64, height: int = 64, **options: Any) -> bytes:
    """Return a small PNG."""
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (20, 90, 160)).save(stream, options.pop("format", "PNG"), **options)
    return stream.getvalue()


class Store(ABC):
    """What both have in common: faults, and images at addresses of their own."""

    def __init__(self, server: AiServer, image: bytes | None = None) -> None:
        self.server = server
        self.image = image or png()
        self.image_reply: Reply | None = None
        self.faults: dict[int, Reply | Callable[[], Reply | None]] = {}
        self.images_fetched = 0
        server.script = self._script

    def _script(self, request: Request, number: int) -> Reply | None:
        fault = self.faults.get(number)
        if isinstance(fault, Reply):
            return fault
        reply = self.answer(request)
        # A function is a fault that strikes after the provider has done its work.
        return (fault() or reply) if fault else reply

    def answer(self, request: Request) -> Reply | None:
        if request.path.startswith("/images/"):
            self.images_fetched += 1
            assert "authorization" not in request.headers and "api_token" not in request.headers, "the key stays here"
            return self.image_reply or Reply(raw=self.image, headers={"content-type": "image/png"})
        return self.serve(request)

    @abstractmethod
    def serve(self, request: Request) -> Reply | None:
        """Answer what is no image."""


class Runware(Store):
    """Tasks under the client's own UUIDs; a UUID is taken once. An image is ready after `looks_needed` looks."""

    def __init__(
        self, server: AiServer, *, looks_needed: int = 1, cost: Any = 0.0038, image: bytes | None = None
    ) -> None:
        super().__init__(server, image)
        self.tasks: dict[str, int] = {}
        self.orders: list[dict[str, Any]] = []
        self.looks_needed, self.cost = looks_needed, cost
        self.inline = False

    def serve(self, request: Request) -> Reply | None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            error = {"code": "invalidApiKey", "message": f"Invalid API key {request.headers.get('authorization')}"}
            return Reply(401, {"errors": [error | {"parameter": "apiKey", "taskType": "authentication"}]})
        assert isinstance(request.body, list), "a body is a list of tasks"
        data: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for task in request.body:
            (self._order if task["taskType"] == "imageInference" else self._look)(task, data, errors)
        return Reply(200 if data or not errors else 400, {"data": data, "errors": errors} if errors else {"data": data})

    def _order(self, task: dict[str, Any], data: list[dict[str, Any]], errors: list[dict[str, Any]]) -> None:
        name = task["taskUUID"]
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", name), "a UUID v4"
        if name in self.tasks:
            errors.append({"code": "duplicateTaskUUID", "message": "taskUUID is already in use", "taskUUID": name})
            return
        self.orders.append(task)
        self.tasks[name] = 0
        data.append({"taskType": "imageInference", "taskUUID": name})

    def _look(self, task: dict[str, Any], data: list[dict[str, Any]], errors: list[dict[str, Any]]) -> None:
        name = task["taskUUID"]
        if name not in self.tasks:
            errors.append({"code": "taskNotFound", "message": "There is no task with this taskUUID", "taskUUID": name})
            return
        self.tasks[name] += 1
        if self.tasks[name] < self.looks_needed:
            data.append({"taskType": "imageInference", "taskUUID": name, "status": "processing"})
            return
        image = {"taskType": "imageInference", "taskUUID": name, "imageUUID": f"image-of-{name}", "status": "success"}
        if self.inline:
            image["imageBase64Data"] = base64.b64encode(self.image).decode()
        else:
            image["imageURL"] = f"{self.server.url}/images/{name}.png"
        data.append(image | ({} if self.cost is None else {"cost": self.cost}))


class Bria(Store):
    """Orders in the background with an address to ask at; an image is ready after `looks_needed` questions."""

    def __init__(self, server: AiServer, *, looks_needed: int = 2, image: bytes | None = None) -> None:
        super().__init__(server, image)
        self.orders: list[dict[str, Any]] = []
        self.asked: dict[str, int] = {}
        self.looks_needed = looks_needed
        self.status_host = server.url
        self.final: dict[str, Any] | None = None

    def serve(self, request: Request) -> Reply | None:
        if request.headers.get("api_token") != KEY:
            return Reply(401, {"error": {"code": 401, "message": "Invalid token"}, "request_id": "none"})
        if request.method == "POST" and request.path == "/v2/image/generate":
            name = f"order-{len(self.orders)}"
            self.orders.append(request.body)
            self.asked[name] = 0
            return Reply(202, {"request_id": name, "status_url": f"{self.status_host}/v2/status/{name}"})
        if request.method == "POST" and request.path.startswith("/v1/text-to-image/"):
            self.orders.append(request.body | {"path": request.path})
            return Reply(200, {"result": [{"urls": [f"{self.server.url}/images/old.png"], "seed": 1, "uuid": "u"}]})
        name = request.path.rpartition("/")[2]
        if name not in self.asked:
            return Reply(404, {"error": {"code": 404, "message": "no such request"}, "request_id": name})
        self.asked[name] += 1
        if self.asked[name] < self.looks_needed:
            return Reply(200, {"request_id": name, "status": "IN_PROGRESS"})
        result = {"image_url": f"{self.server.url}/images/{name}.png", "seed": 7}
        return Reply(200, self.final or {"request_id": name, "status": "COMPLETED", "result": result})
