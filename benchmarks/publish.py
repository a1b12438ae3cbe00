"""What publishing an article costs beside the server's own time: an article a pass, as the daemon does it at each slot.

    python benchmarks/publish.py [--articles N] [--only NAME] [--postgres URL] [--json]

Servers run in processes of their own: a real WordPress where `make wordpress` has installed one, and a stand-in for
Ghost; a Hugo folder has none. `ours` is the wall time of an article with two images, all in; `server` what of it we
were blocked in requests; `overhead` the rest, and `CPU` that of this process. The peer `bare` sends the very same
requests, recorded, from one plain HTTP client that knows beforehand what to send (for Hugo: writes the same files).
Busy machines make the overhead larger, hardly the CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pipeline

from reconciler.clock import FixedClock
from reconciler.operations.app import Installation
from reconciler.operations.apply import apply
from reconciler.operations.plan import plan
from reconciler.operations.publish import publish_due
from reconciler.operations.publishers import PlaceMemories
from reconciler.operations.validate import validate
from reconciler.store.engine import Database
from reconciler.store.media import picture_path
from reconciler.store.tables import cluster, content, idea, image, image_prompt, publication, task

# Servers are those of the tests.
TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS / "publishers"), str(TESTS / "wordpress")]

OVERHEAD_MS_MAX = 30.0
WARM_UP = 3
FIRST_SLOT = datetime(2024, 5, 15, 6, 0, tzinfo=UTC)  # in the past of every machine: WordPress holds back the future
_WORDS = "Words about boots — “well made” \\ {{ x }} 😀. " * 30
TEXT = "".join(f"<h2>Part {number}</h2>\n<p>{_WORDS}</p>\n" for number in range(5))


@dataclass
class Requests:
    """What was sent, and how long we were blocked in it: in a request or its answer, without the CPU time in between.

    `recording_seconds` is what writing it down took, which is nobody's.
    """

    blocked_seconds: float = 0.0
    recording_seconds: float = 0.0
    refused: int = 0
    sent: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of a block in which this thread does not run."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.blocked_seconds += (time.perf_counter() - wall) - (time.thread_time() - cpu)


class Listening(httpx2.SyncByteStream):
    """The body of an answer, the wait for which counts."""

    def __init__(self, requests: Requests, stream: Any) -> None:
        self._requests, self._stream = requests, stream

    def __iter__(self) -> Iterator[bytes]:
        parts = iter(self._stream)
        while True:
            with self._requests.waiting():
                part = next(parts, None)
            if part is None:
                return
            yield part

    def close(self) -> None:
        self._stream.close()


@contextlib.contextmanager
def recorded() -> Iterator[Requests]:
    """Record every request of this process, and the time for which it was blocked in them."""
    requests, original = Requests(), httpx2.HTTPTransport.handle_request

    def handle(self: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        begun = time.perf_counter()
        headers = {k: v for k, v in request.headers.items() if k not in ("host", "content-length", "connection")}
        requests.sent.append((request.method, str(request.url), headers, request.read()))
        requests.recording_seconds += time.perf_counter() - begun
        with requests.waiting():
            response = original(self, request)
        requests.refused += response.status_code >= 400
        response.stream = Listening(requests, response.stream)
        return response

    httpx2.HTTPTransport.handle_request = handle  # type: ignore[method-assign]
    try:
        yield requests
    finally:
        httpx2.HTTPTransport.handle_request = original  # type: ignore[method-assign]


# Servers


@dataclass
class Server(ABC):
    """A place to publish to: its address, what the site's config says of it, and a way to begin anew."""

    url: str
    publisher: str
    secrets: dict[str, str]

    @abstractmethod
    def begin_anew(self) -> str:
        """Make an empty place like the first one; return its address."""


class WordPress(Server):
    """A real WordPress, as the tests start it."""

    def __init__(self, folder: Path) -> None:
        from wordpress_server import start
        from wordpress_site import RealSite

        facts = start(folder, os.getpid())
        if "error" in facts:
            raise RuntimeError(str(facts["error"]))
        passwords = dict(facts["passwords"])  # type: ignore[call-overload]
        self.site = RealSite(folder, int(str(facts["port"])), "bench", passwords, True)
        self.site.begin_anew()
        publisher = "{type: wordpress, username: editor, application_password: {env: BENCH_SECRET}}"
        super().__init__(self.site.url, publisher, {"BENCH_SECRET": passwords["editor"]})

    def begin_anew(self) -> str:
        self.site.begin_anew()
        return self.url


def serve_ghost(addresses: multiprocessing.SimpleQueue[tuple[str, str]]) -> None:
    """Serve the stand-in of the tests."""
    from stand_in_ghost import standing_in

    with standing_in() as ghost:
        addresses.put((ghost.url, ghost.admin_api_key))
        threading.Event().wait()


class Ghost(Server):
    """A stand-in for Ghost in a process of its own."""

    def __init__(self, _folder: Path) -> None:
        self._context = multiprocessing.get_context("spawn")
        url, key = self._start()
        super().__init__(url, "{type: ghost, admin_api_key: {env: BENCH_SECRET}}", {"BENCH_SECRET": key})

    def _start(self) -> tuple[str, str]:
        addresses = self._context.SimpleQueue()
        self._context.Process(target=serve_ghost, args=(addresses,), daemon=True).start()
        return addresses.get()

    def begin_anew(self) -> str:
        return self._start()[0]


class Hugo(Server):
    """A folder that Hugo would build."""

    def __init__(self, _folder: Path) -> None:
        super().__init__("https://bench.example", "{type: static, path: site}", {})

    def begin_anew(self) -> str:
        return self.url


SERVERS: dict[str, type[Server]] = {"WordPress": WordPress, "Ghost stand-in": Ghost, "Hugo folder": Hugo}


def can_run(name: str) -> bool:
    """Tell whether a server can be had here; it is said on stderr when not."""
    if name != "WordPress":
        return True
    from wordpress_server import MissingError, find_programs

    try:
        find_programs()
    except MissingError as error:
        print(error, file=sys.stderr)
        return False
    return True


# Articles


def write_root(folder: Path, server: Server) -> Path:
    """Write a config root with one site at a server."""
    pipeline.write_root(folder, "http://127.0.0.1:9/v1", 0)
    site = (
        f"apiVersion: igny8/v1\nkind: Site\nname: blog\naccount: acme\nurl: {server.url}\n"
        f"publisher: {server.publisher}\nsectors: [{{name: all, keywords: []}}]\n"
        "stages: {images: {enabled: false}}\n"
    )
    (folder / "sites").mkdir()
    (folder / "sites/blog.yaml").write_text(site)
    return folder


def installation_of(root: Path, database: Database, at: datetime) -> Installation:
    return Installation(root, database.url, root / "media", FixedClock(at), "benchmark")


def add_articles(root: Path, database: Database, number: int) -> None:
    """Schedule articles with two images each, an hour apart."""
    shared = {"site": "blog", "created_at": FIRST_SLOT}
    sector = shared | {"sector": "all"}
    plain = {"keyword": "k", "keywords": [], "outline": [], "cluster_id": 1, "state": "queued"}
    written = {"tags": ["Boots", "Guides"], "model": "writer", "html": TEXT, "markdown": TEXT, "excerpt": "Short."}
    ids = range(1, number + 1)
    with database.write() as connection:
        connection.execute(cluster.insert().values(**sector, id=1, state="ideas_generated", name="one"))
        connection.execute(idea.insert(), [{**sector, **plain, "id": i, "title": f"Idea {i}"} for i in ids])
        connection.execute(task.insert(), [{**sector, "id": i, "idea_id": i, "state": "completed"} for i in ids])
        articles = [{"id": i, "task_id": i, "title": f"About boots, part {i}", "slug": f"boots-{i}"} for i in ids]
        connection.execute(content.insert(), [{**sector, **written, **one, "state": "scheduled"} for one in articles])
        for number_of_image in range(2 * number):
            _add_image(root, connection, number_of_image, sector)
        keys = [{"id": i, "content_id": i, "key": str(uuid.uuid4()), "slot_at": slot_of(i)} for i in ids]
        connection.execute(publication.insert(), [{**shared, **one, "state": "scheduled"} for one in keys])


def _add_image(root: Path, connection: Any, number: int, sector: dict[str, Any]) -> None:
    from PIL import Image

    scratch = root / "scratch.png"
    Image.effect_noise((256, 256), 20 + number).save(scratch)
    data = scratch.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    path = picture_path(root / "media", sha256, "image/png")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    belongs = {"content_id": number // 2 + 1}
    role = {"role": ("featured", "in_article")[number % 2], "position": number % 2}
    words = {"prompt": "Boots.", "caption": "Boots", "alt": "A pair of boots", "state": "done"}
    wanted = sector | belongs | role | words | {"id": number + 1, "after_heading": "Part 2" if number % 2 else ""}
    connection.execute(image_prompt.insert().values(**wanted))
    shared = {key: value for key, value in sector.items() if key != "sector"}
    facts = {"sha256": sha256, "media_type": "image/png", "width": 256, "height": 256, "size_bytes": len(data)}
    made = {"prompt_id": number + 1, "model": "painter", "prompt": "Boots.", "state": "generated"}
    connection.execute(image.insert().values(**shared, **belongs, **facts, **made))


def slot_of(number: int) -> datetime:
    return FIRST_SLOT + timedelta(hours=number)


# Measuring


def publish_one(root: Path, database: Database, number: int, memories: PlaceMemories) -> None:
    """Do a pass of the daemon at the slot of an article; it remembers what earlier passes learnt of the site."""
    report = publish_due(installation_of(root, database, slot_of(number)), database, memories=memories)
    assert [item.error for item in report.articles] == [""], report


def measure_ours(root: Path, database: Database, articles: int) -> tuple[dict[str, float], Requests]:
    """Return the medians of an article in milliseconds, and all that was sent."""
    rows: dict[str, list[float]] = {"ours_ms": [], "server_ms": [], "overhead_ms": [], "cpu_ms": []}
    memories = PlaceMemories()
    with recorded() as requests:
        for number in range(1, articles + WARM_UP + 1):
            blocked, recording = requests.blocked_seconds, requests.recording_seconds
            wall, cpu = time.perf_counter(), time.process_time()
            publish_one(root, database, number, memories)
            recording = requests.recording_seconds - recording
            ours, spent = time.perf_counter() - wall - recording, time.process_time() - cpu - recording
            waited = requests.blocked_seconds - blocked
            if number > WARM_UP:
                for name, seconds in zip(rows, (ours, waited, ours - waited, spent), strict=True):
                    rows[name].append(1000 * seconds)
    return {name: statistics.median(values) for name, values in rows.items()}, requests


def replay(server: Server, requests: Requests, articles: int) -> dict[str, float]:
    """Send the same requests again, to an empty place, and return what an article of them costs."""
    url = server.begin_anew()
    old, new = (address.partition("://")[2].partition("/")[0] for address in (server.url, url))
    ready = [
        (method, target.replace(old, new), headers, data.replace(old.encode(), new.encode()))
        for method, target, headers, data in requests.sent
    ]
    refused = 0
    wall, cpu = time.perf_counter(), time.process_time()
    with httpx2.Client(timeout=60) as client:
        for method, target, headers, data in ready:
            refused += client.request(method, target, headers=headers, content=data).status_code >= 400
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if refused != requests.refused:  # some are: what is looked for before it is made is not there
        print(f"the peer was refused {refused} requests, we {requests.refused}: they do not compare", file=sys.stderr)
    return _an_article(wall, cpu, articles)


def _an_article(wall: float, cpu: float, articles: int) -> dict[str, float]:
    count = (articles + WARM_UP) / 1000
    return {"bare_ms": wall / count, "bare_cpu_ms": cpu / count}


def copy_files(site: Path, folder: Path, articles: int) -> dict[str, float]:
    """Write the same files again, whole or not at all, and return what an article of them costs."""
    files = [(path.relative_to(site), path.read_bytes()) for path in site.rglob("*") if path.is_file()]
    wall, cpu = time.perf_counter(), time.process_time()
    for name, data in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_suffix(".new").open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        target.with_suffix(".new").rename(target)
    return _an_article(time.perf_counter() - wall, time.process_time() - cpu, articles)


def compare(name: str, database: Database, folder: Path, articles: int) -> dict[str, float]:
    """Return what an article costs us and the peer at one server."""
    server = SERVERS[name](Path(tempfile.gettempdir()) / f"igny8-bench-{uuid.uuid4().hex[:8]}")
    os.environ.update(server.secrets)
    root = write_root(folder / "root", server)
    installation = installation_of(root, database, FIRST_SLOT)
    compilation = validate(installation)
    assert compilation.is_valid, compilation.findings
    planned = plan(database, compilation, installation.clock)
    apply(database, compilation, planned.plan, clock=installation.clock, actor="benchmark")
    add_articles(root, database, articles + WARM_UP)
    found, requests = measure_ours(root, database, articles)
    if isinstance(server, Hugo):
        return found | copy_files(root / "site", folder / "copy", articles)
    return found | replay(server, requests, articles) | {"requests": len(requests.sent) / (articles + WARM_UP)}


def measure(options: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Return the figures of each server and database."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in SERVERS:
        if (options.only and options.only.lower() not in name.lower()) or not can_run(name):
            continue
        for kind, postgres in (("SQLite", None), ("PostgreSQL", options.postgres)):
            with tempfile.TemporaryDirectory() as folder, pipeline.new_database(postgres, Path(folder)) as database:
                found.setdefault(name, {})[kind] = compare(name, database, Path(folder), options.articles)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=30, help="articles that are measured, after the first three")
    parser.add_argument("--only", default="", help="a part of one server's name")
    parser.add_argument(
        "--postgres", default=os.environ.get("IGNY8_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options)
    ok = all(row["overhead_ms"] <= OVERHEAD_MS_MAX for rows in found.values() for row in rows.values())
    if options.json:
        print(json.dumps({"version": 1, "summary": {"ok": ok}, "servers": found}, indent=2))
        return 0 if ok else 1
    print(
        f"{'an article':26}{'requests':>9}{'ours':>10}{'server':>10}{'overhead':>10}{'CPU':>9}{'bare':>10}{'ratio':>7}"
    )
    for name, rows in found.items():
        for kind, row in rows.items():
            figures = "".join(f"{row[key]:>7.1f} ms" for key in ("ours_ms", "server_ms", "overhead_ms"))
            print(
                f"{f'{name}, {kind}':26}{row.get('requests', 0):>9.0f}{figures}{row['cpu_ms']:>6.1f} ms"
                f"{row['bare_ms']:>7.1f} ms{row['ours_ms'] / row['bare_ms']:>7.2f}"
            )
    print(f"wanted: overhead <= {OVERHEAD_MS_MAX:.0f} ms an article: {'met' if ok else 'MISSED'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
