"""A model on loopback that answers every function as the builder's prompts ask, in OpenAI's words; a test breaks answers.

`faults` are by function's output and the number of its request from 0 on: a Reply instead of the usual one, or a text
that the model answers instead of its own.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from ai_server import AiServer, Reply, Request, openai_chat
from builder import edited
from image_server import png

OUTPUTS = ("clusters", "ideas", "article", "image_prompts", "links", "optimized_article")
PARAGRAPH = (
    "A pair that fits keeps your feet dry and lets you walk for longer than you had planned. Look at the sole first, "
    "then at the ankle, and try both on a slope before you pay. What you carry decides how stiff they have to be. "
)
GERMAN = (
    "Ein Paar, das gut passt, hält die Füße trocken und lässt dich länger gehen, als du es dir vorgenommen hast. Sieh dir "
    "zuerst die Sohle an und dann den Schaft, und probiere beide auf einem Hang, bevor du sie bezahlst. "
)


def root(server: AiServer) -> dict[str, str | None]:
    """Return the files of a root whose models are called at the server."""
    url = f"{server.url}/v1"
    reach = edited(
        "providers.yaml", ("adapter: offline", f'adapter: openai, endpoint: "{url}", limits: {{attempts_max: 2}}')
    )
    return reach | edited("models.yaml", ("    type: text\n", "    type: text\n    supports: {json_mode: true}\n"))


def article(title: str, **changes: Any) -> dict[str, Any]:
    """Return an article that nothing is wrong with."""
    body = f"{title}. {PARAGRAPH * 3}\n\n## What to look at\n\n{PARAGRAPH * 3}\n\n## What to do\n\n{PARAGRAPH * 3}\n"
    values = {
        "title": title, "meta_title": title, "meta_description": "What counts, in which order, and how to tell. " * 2,
        "slug": "", "excerpt": "What counts.", "tags": ["boots"], "markdown": body,
    }  # fmt: skip
    return values | changes


class ModelServer:
    """The model behind an AiServer."""

    def __init__(self, server: AiServer) -> None:
        self.server = server
        self.faults: dict[tuple[str, int], Reply | str] = {}
        self.asked: dict[str, int] = {}
        self.prompts: list[tuple[str, str]] = []
        server.script = lambda request, _: self._answer(request)

    def _answer(self, request: Request) -> Reply | None:
        if request.path.endswith("/images/generations"):
            data = [{"b64_json": base64.b64encode(png()).decode()}]
            return self._faulty("image", request.body["prompt"]) or Reply(body={"created": 1, "data": data})
        if not request.path.endswith("/chat/completions"):
            return None
        text = json.dumps(request.body)
        output = next(name for name in OUTPUTS if f'"name": "{name}"' in text)
        prompt = str(request.body["messages"][-1]["content"])
        return self._faulty(output, prompt) or Reply(body=reply(request, json.dumps(self._usual(output, prompt))))

    def _faulty(self, output: str, prompt: str) -> Reply | None:
        number = self.asked.get(output, 0)
        self.asked[output] = number + 1
        self.prompts.append((output, prompt))
        fault = self.faults.get((output, number))
        return Reply(body=openai_chat(fault)) if isinstance(fault, str) else fault

    def _usual(self, output: str, prompt: str) -> dict[str, Any]:
        lines = [line for line in prompt.split("## Once more")[0].splitlines() if line.strip()]
        if output == "clusters":
            terms = [line[2:] for line in lines if line.startswith("- ")]
            groups = [terms[start : start + 3] for start in range(0, len(terms), 3)]
            return {"clusters": [{"name": f"All of {group[0]}", "keywords": group} for group in groups]}
        if output == "ideas":
            keywords = lines[-1].partition(": ")[2].split(", ")
            return {"ideas": [{"title": f"How to find {word}", "keyword": word} for word in keywords[:1]]}
        if output == "article":
            return article(re.sub(r", \d+ words$", "", lines[-1]))
        return {"featured": {"prompt": "Boots on a trail.", "alt": "Boots"}, "in_article": []}


def reply(request: Request, text: str, **changes: Any) -> dict[str, Any]:
    """Return a chat completion: by the tool that the request offers, or as text, with usage that can be true."""
    usage = {"prompt_tokens": 120, "completion_tokens": 450, "total_tokens": 570}
    return openai_chat(text, usage=usage, **changes)
