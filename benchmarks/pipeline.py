"""What an item of the pipeline costs this program: claim, hold, call, settle and save, on both databases.

    python benchmarks/pipeline.py [--items N] [--sites N] [--runs N] [--flat N] [--postgres URL] [--json]

The provider is a process of its own on loopback that speaks as OpenAI does. CPU is that of this process alone, the
client of the provider included; beside it stands what the client costs by itself. Busy machines make the throughput
smaller, not the CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import multiprocessing
import os
import re
import resource
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from reconciler.clock import SystemClock
from reconciler.operations.app import Installation
from reconciler.operations.apply import apply
from reconciler.operations.engine import Engine
from reconciler.operations.plan import plan
from reconciler.operations.providers import ProviderPool
from reconciler.operations.run import RunReport, Scope, run_wanted, wanted_now
from reconciler.operations.stopping import StopSignal
from reconciler.operations.validate import validate
from reconciler.providers.port import TextRequest
from reconciler.store.engine import Database, open_database
from reconciler.store.ledger import find_breaks
from reconciler.store.tables import cluster, content, idea, task

MS_MAX = {"SQLite": 4.0, "PostgreSQL": 6.0}
THROUGHPUT_MIN = 0.95
GROWTH_MAX = 1.10
AT_ONCE = 64
CPU_AT_ONCE = 16
ROUNDS = 5
PROMPTS = Scope("prompts")

MARKDOWN = "Words.\n\n## One\n\nMore words.\n\n## Two\n\nThe last words.\n"
_HEAD = "apiVersion: igny8/v1\nkind: {}\n"
_PROMPT = "---\napiVersion: igny8/v1\nkind: Prompt\nfunction: {}\nmodel_type: {}\nvariables: [site, {}]\noutput: {}\n---\n{}\n"


def write_root(folder: Path, endpoint: str, sites: int) -> Path:
    """Write a config root whose only provider is at an endpoint."""
    files = {
        "platform.yaml": _HEAD.format("Platform"),
        "providers.yaml": _HEAD.format("ProviderCatalog")
        + f"providers:\n  loopback: {{type: ai, adapter: openai, endpoint: '{endpoint}', limits: {{concurrency: {2 * AT_ONCE}}}}}\n",
        "models.yaml": _HEAD.format("ModelCatalog")
        + "models:\n  writer: {type: text, provider: loopback, cost_per_1k_input: '0.001', cost_per_1k_output: '0.002',"
        " tokens_per_credit: 1000, default: true, supports: {json_mode: true}}\n"
        "  painter: {type: image, provider: loopback, cost_per_image: '0.01', credits_per_image: 1, default: true}\n",
        "tiers.yaml": _HEAD.format("TierCatalog") + "tiers:\n  growth: {paid: true}\n",
        "accounts/acme.yaml": _HEAD.format("Account")
        + "name: acme\ntier: growth\ngrants:\n  - {id: opening, credits: 1000000000, reason: benchmark}\n",
        "prompts/ideas.md": _PROMPT.format(
            "generate_ideas", "text", "cluster", "ideas", "Five ideas about {{ cluster.name }} for {{ site.name }}."
        ),
        "prompts/cluster.md": _PROMPT.format("auto_cluster", "text", "keywords", "clusters", "Group {{ keywords | length }}."),
        "prompts/image-prompts.md": _PROMPT.format(
            "generate_image_prompts", "text", "article", "image_prompts", "Draw {{ article.title }}: {{ article.headings }}."
        ),
        "prompts/images.md": _PROMPT.format("generate_images", "image", "image", "image", "Draw."),
        "prompts/article.md": _PROMPT.format("generate_content", "text", "idea", "article", "Write {{ idea.title }}."),
    }  # fmt: skip
    site = (
        "name: {0}\naccount: acme\nurl: https://{0}.example\npublisher: {{type: static, path: published/{0}}}\n"
        "sectors: [{{name: all, keywords: []}}]\nautomation: {{enabled: true}}\n"
        "delays: {{within_stage: 0, between_stage: 0}}\n"
        "stages: {{prompts: {{per_run_limit: 0, budget_pct: 90}}, images: {{enabled: false, budget_pct: 0}},"
        " clusters: {{budget_pct: 0}}, ideas: {{budget_pct: 0}}, content: {{budget_pct: 0}}}}\n"
    )
    files |= {f"sites/s{i}.yaml": _HEAD.format("Site") + site.format(f"s{i}") for i in range(sites)}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def answer_of(number: int) -> bytes:
    """Return the HTTP answer with three image prompts."""
    drawn = {"prompt": f"A quiet lake at dawn, number {number}", "caption": "A lake", "alt": "A lake at dawn"}
    text = json.dumps({"featured": drawn, "in_article": [drawn, drawn]})
    message = {"role": "assistant", "content": text}
    body = json.dumps(
        {
            "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": "writer",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 120, "completion_tokens": 450, "total_tokens": 570},
        }
    ).encode()  # fmt: skip
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def serve(ports: multiprocessing.SimpleQueue[int]) -> None:
    """Answer each request after the milliseconds that its path names: /0/..., /1000/..."""
    numbers = iter(range(1 << 60))

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                await reader.readexactly(int(found[1]) if found else 0)
                wait_ms = int(head.split(b"/")[1])
                await asyncio.sleep(wait_ms / 1000)
                writer.write(answer_of(next(numbers)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@dataclass
class Bench:
    """An applied root on a new database."""

    root: Path
    database: Database
    made: int = 0
    cpu: dict[str, float] = field(default_factory=dict)

    def prepare(self) -> None:
        installation = Installation(self.root, self.database.url, self.root / "media", SystemClock(), "benchmark")
        compilation = validate(installation)
        assert compilation.is_valid, compilation.findings
        planned = plan(self.database, compilation, installation.clock)
        apply(self.database, compilation, planned.plan, clock=installation.clock, actor="benchmark")

    def add_items(self, site: str, number: int) -> None:
        """Make drafts that wait for the prompts of their images."""
        shared = {"site": site, "sector": "all", "created_at": SystemClock().now()}
        with self.database.write() as connection:
            begin = connection.execute(
                cluster.insert().values(**shared, state="ideas_generated", name=f"{self.made}").returning(cluster.c.id)
            ).scalar_one()
            for start in range(0, number, 5000):
                ids = range(self.made + start + 1, self.made + min(number, start + 5000) + 1)
                plain = {"keyword": "k", "keywords": [], "outline": [], "cluster_id": begin, "state": "queued"}
                connection.execute(idea.insert(), [{**shared, **plain, "id": i, "title": f"Idea {i}"} for i in ids])
                rows = [{**shared, "id": i, "idea_id": i, "state": "completed"} for i in ids]
                connection.execute(task.insert(), rows)
                written = {"state": "draft", "tags": [], "html": "<p>x</p>", "model": "writer", "markdown": MARKDOWN}
                connection.execute(
                    content.insert(),
                    [{**shared, **written, "id": i, "task_id": i, "title": f"T {i}", "slug": f"t-{i}"} for i in ids],
                )
        self.made += number

    async def run(self, sites: list[str], scope: Scope = PROMPTS, *, at_once: int = AT_ONCE) -> RunReport:
        pool = ProviderPool(self.root, offline=False, calls_max=AT_ONCE)
        engine = Engine(
            self.database, SystemClock(), pool, self.root / "media", StopSignal(), calls_per_site_max=at_once
        )
        report = await run_wanted(engine, wanted_now(engine, sites, scope))
        assert report.failed == 0 and all(result.state == "completed" for result in report.results), report
        return report


@contextlib.contextmanager
def provider() -> Iterator[str]:
    """Run the provider for the length of a block; its URL."""
    context = multiprocessing.get_context("spawn")
    ports = context.SimpleQueue()
    process = context.Process(target=serve, args=(ports,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ports.get()}"
    finally:
        process.terminate()
        process.join()


@contextlib.contextmanager
def new_database(server: str | None, folder: Path) -> Iterator[Database]:
    """Open a new SQLite file, or a new database of a PostgreSQL server."""
    if server is None:
        database = open_database(f"sqlite:///{folder / f'{uuid.uuid4().hex}.db'}")
        yield database
        database.close()
        return
    import psycopg

    name = f"igny8_bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        database = open_database(
            sa.make_url(server).set(database=name).render_as_string(hide_password=False), upgrade=True
        )
        try:
            yield database
        finally:
            database.close()
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def cpu_ms(seconds: float, items: int) -> float:
    """Return milliseconds an item."""
    return 1000 * seconds / items


async def client_alone(url: str, items: int) -> float:
    """Return the CPU milliseconds of a call by the client alone: no claim, no hold, no settlement, nothing saved."""
    from reconciler.kinds.providers import Provider as ProviderSpec
    from reconciler.pipeline.answers import schema_of
    from reconciler.providers.openai import make

    adapter = make(ProviderSpec(type="ai", adapter="openai", endpoint=f"{url}/0/v1"), {})

    async def call(number: int) -> None:
        schema = schema_of("image_prompts")
        request = TextRequest(
            str(number), "writer", "generate_image_prompts", "image_prompts", f"See {number}.", 8192, 0.7, {}, schema,
            "native",
        )  # fmt: skip
        assert (await adapter.complete(request)).failure is None

    async def worker(numbers: Iterator[int]) -> None:
        for number in numbers:
            await call(number)

    await call(0)
    found = []
    for _ in range(ROUNDS):
        numbers = iter(range(items // ROUNDS))
        started = time.process_time()
        await asyncio.gather(*(worker(numbers) for _ in range(CPU_AT_ONCE)))
        found.append(cpu_ms(time.process_time() - started, items // ROUNDS))
    await adapter.close()
    return statistics.median(found)


async def per_item(bench: Bench, items: int) -> float:
    """Return the CPU milliseconds of an item, all in: the median run of several."""
    bench.add_items("s0", 20)
    await bench.run(["s0"])
    found = []
    for _ in range(ROUNDS):
        bench.add_items("s0", items // ROUNDS)
        started = time.process_time()
        await bench.run(["s0"], at_once=CPU_AT_ONCE)
        found.append(cpu_ms(time.process_time() - started, items // ROUNDS))
    return statistics.median(found)


async def throughput(bench: Bench, rounds: int) -> float:
    """Return the share of the ideal throughput that 64 calls of a second at once reach.

    Half as many calls more are under way: while those are admitted or settled, none of the 64 places stands empty.
    """
    bench.add_items("s0", AT_ONCE)
    await bench.run(["s0"])
    bench.add_items("s0", AT_ONCE * rounds)
    started = time.perf_counter()
    await bench.run(["s0"], at_once=AT_ONCE * 3 // 2)
    return rounds * 1.0 / (time.perf_counter() - started)


async def many_runs(bench: Bench, sites: int, runs: int) -> dict[str, float]:
    """Make runs of seven stages over many sites, one item each."""
    names = [f"s{i}" for i in range(sites)]
    started, wall = time.process_time(), time.perf_counter()
    for _ in range(runs // sites):
        for name in names:
            bench.add_items(name, 1)
        report = await bench.run(names, Scope())
        assert len(report.results) == sites
    return {
        "runs": runs,
        "cpu_ms_a_run": cpu_ms(time.process_time() - started, runs),
        "runs_a_second": runs / (time.perf_counter() - wall),
    }


async def flatness(bench: Bench, sites: int, items: int) -> dict[str, float]:
    """Return the memory after a fifth of many items, and after all of them."""
    names = [f"s{i}" for i in range(sites)]
    seen = []
    for _ in range(5):
        for name in names:
            bench.add_items(name, items // sites // 5)
        await bench.run(names)
        seen.append(_resident_mib())
    return {"items": items, "mib_after_a_fifth": seen[0], "mib_at_the_end": seen[-1], "growth": seen[-1] / seen[0]}


def _resident_mib() -> float:
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the figures of each database."""
    found: dict[str, dict[str, Any]] = {}
    with provider() as url, tempfile.TemporaryDirectory() as folder:
        for name, server in (("SQLite", None), ("PostgreSQL", options.postgres)):
            figures = found[name] = {"client_alone_ms": asyncio.run(client_alone(url, options.items))}
            fast = write_root(Path(folder) / f"{name}-fast", f"{url}/0/v1", options.sites)
            with new_database(server, Path(folder)) as database:
                bench = Bench(fast, database)
                bench.prepare()
                figures["item_ms"] = asyncio.run(per_item(bench, options.items))
                figures["many_runs"] = asyncio.run(many_runs(bench, options.sites, options.runs))
                if options.flat:
                    figures["flat"] = asyncio.run(flatness(bench, options.sites, options.flat))
                with database.read() as connection:
                    assert find_breaks(connection) == ()
            slow = write_root(Path(folder) / f"{name}-slow", f"{url}/1000/v1", 1)
            with new_database(server, Path(folder)) as database:
                bench = Bench(slow, database)
                bench.prepare()
                figures["throughput"] = asyncio.run(throughput(bench, options.rounds))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=2500, help="items whose CPU is measured")
    parser.add_argument("--sites", type=int, default=100)
    parser.add_argument("--runs", type=int, default=1000, help="runs of seven stages")
    parser.add_argument("--rounds", type=int, default=40, help="rounds of 64 calls of a second")
    parser.add_argument(
        "--flat", type=int, default=10_000, help="items over which memory has to stay flat; 0 = leave out"
    )
    parser.add_argument(
        "--postgres", default=os.environ.get("IGNY8_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    gc.set_threshold(30_000, 20, 50)  # as every command does
    found = measure(options)
    ok = all(
        figures["item_ms"] <= MS_MAX[name]
        and figures["throughput"] >= THROUGHPUT_MIN
        and ("flat" not in figures or figures["flat"]["growth"] <= GROWTH_MAX)
        for name, figures in found.items()
    )
    if options.json:
        print(json.dumps({"version": 1, "summary": {"ok": ok}, "databases": found}, indent=2))
        return 0 if ok else 1
    print(f"{'':12}{'CPU/item':>10}{'client':>9}{'ratio':>7}{'64 x 1 s':>10}{'CPU/run':>9}{'memory':>16}")
    for name, figures in found.items():
        flat = figures.get("flat", {})
        memory = f"{flat['mib_at_the_end']:.0f} MiB x{flat['growth']:.2f}" if flat else "-"
        ratio = figures["item_ms"] / figures["client_alone_ms"]
        print(
            f"{name:12}{figures['item_ms']:>7.2f} ms{figures['client_alone_ms']:>6.2f} ms{ratio:>7.2f}"
            f"{figures['throughput']:>10.0%}{figures['many_runs']['cpu_ms_a_run']:>6.1f} ms{memory:>16}"
        )
    print(
        f"wanted: SQLite <= 4 ms, PostgreSQL <= 6 ms, throughput >= 95 %, memory <= x1.10: {'met' if ok else 'MISSED'}"
    )
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
