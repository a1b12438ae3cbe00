"""One WordPress of a test's own: what it holds, what it was asked, and what shall go wrong with it."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RealSite:
    """A site at `url`, as its administrator sees it."""

    run: Path
    port: int
    name: str
    passwords: dict[str, str]
    is_pretty: bool
    meta: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.name}"

    def begin_anew(self) -> None:
        """Make everything in the site as it was when it was made."""
        query = {
            "site": self.name,
            "permalinks": "/%postname%/" if self.is_pretty else "",
            "meta": json.dumps(self.meta),
        }
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/copy?{urllib.parse.urlencode(query)}") as answer:
            assert answer.read() == b"made"
        self.be_well()
        self.requests()

    def ask(self, method: str, route: str, body: Any = None, *, role: str = "admin", **parameters: Any) -> Any:
        """Return the JSON of a route under /wp/v2."""
        query = urllib.parse.urlencode({"rest_route": f"/wp/v2{route}", **parameters})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/?{query}", data=data, method=method)
        word = base64.b64encode(f"{role}:{self.passwords[role]}".encode()).decode()
        request.add_header("Authorization", f"Basic {word}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def posts(self) -> list[dict[str, Any]]:
        """Return every post in every status, oldest first, raw."""
        everywhere = "publish,future,draft,pending,private,trash"
        return list(
            self.ask(
                "GET", "/posts", status=everywhere, context="edit", per_page=100, orderby="id", order="asc",
            )
        )  # fmt: skip

    def media(self) -> list[dict[str, Any]]:
        """Return every image of the library, oldest first."""
        return list(self.ask("GET", "/media", context="edit", per_page=100, orderby="id", order="asc"))

    def page(self, link: str) -> tuple[int, str]:
        """Return what a reader gets at an address."""
        try:
            with urllib.request.urlopen(link, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def go_wrong(
        self, do: str, route: str, *, method: str = ".*", moment: str = "before", times: int = 1, after: int = 0,
        **more: Any,
    ) -> None:  # fmt: skip
        """Add a rule for what goes wrong: see faults.php."""
        path = self.run / f"{self.name}.json"
        rules = json.loads(path.read_text()) if path.exists() else []
        rules.append(
            {"do": do, "route": route, "method": method, "moment": moment, "times": times, "after": after, **more}
        )
        path.write_text(json.dumps(rules))

    def answer(self, status: int, body: str = "", *, route: str = ".", headers: Any = None, **rule: Any) -> None:
        """Let something else than WordPress answer."""
        given = {"Content-Type": "text/html"} | (headers or {})
        self.go_wrong("answer", route, status=status, body=body, headers=given, **rule)

    def be_well(self) -> None:
        """Nothing goes wrong any more."""
        (self.run / f"{self.name}.json").unlink(missing_ok=True)

    def requests(self) -> list[str]:
        """Return what was asked through the REST API, as METHOD ROUTE, and forget it."""
        path = self.run / f"{self.name}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines
