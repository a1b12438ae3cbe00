"""The one builder of test data: a small, valid config root whose parts a test replaces, and a world around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.clock import FixedClock
from reconciler.config.compilation import Compilation
from reconciler.operations.app import Installation
from reconciler.operations.apply import ApplyResult, apply
from reconciler.operations.engine import Engine
from reconciler.operations.plan import plan
from reconciler.operations.providers import ProviderPool
from reconciler.operations.publish import PublishReport, publish_due
from reconciler.operations.run import RunReport, run_wanted, wanted_due, wanted_now
from reconciler.operations.stopping import StopSignal
from reconciler.operations.telemetry import NO_TRACES, Traces
from reconciler.operations.validate import validate
from reconciler.pipeline.progress import ProgressEvent
from reconciler.plan.observed import DEFAULT_OPTIONS
from reconciler.providers.port import Completion, ImageAnswer, ImageRequest, Provider, TextRequest
from reconciler.store.engine import Database

# A Wednesday; the domain's own example of a slot is one: 10:30 -> 14:00.
WEDNESDAY = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)

_PROMPT = """---
apiVersion: igny8/v1
kind: Prompt
function: {function}
model_type: {model_type}
variables: [site, {variables}]
output: {output}
---
Write for {{{{ site.name }}}}. Answer in JSON.
{body}
"""

FILES: dict[str, str] = {
    "platform.yaml": 'apiVersion: igny8/v1\nkind: Platform\ncredit_value_usd: "0.01"\n',
    "providers.yaml": """apiVersion: igny8/v1
kind: ProviderCatalog
providers:
  samples: {type: ai, adapter: offline}
""",
    "models.yaml": """apiVersion: igny8/v1
kind: ModelCatalog
models:
  writer:
    type: text
    provider: samples
    cost_per_1k_input: "0.00125"
    cost_per_1k_output: "0.01"
    tokens_per_credit: 1000
    default: true
  painter:
    type: image
    provider: samples
    cost_per_image: "0.053"
    credits_per_image: 8
    default: true
  sketcher:
    type: image
    provider: samples
    cost_per_image: "0.004"
    credits_per_image: 1
    testing: true
""",
    "tiers.yaml": """apiVersion: igny8/v1
kind: TierCatalog
tiers:
  growth: {paid: true, ai_overrides_allowed: true}
""",
    "accounts/acme.yaml": """apiVersion: igny8/v1
kind: Account
name: acme
tier: growth
grants:
  - {id: opening, credits: 1000, reason: opening balance}
""",
    "sites/blog.yaml": """apiVersion: igny8/v1
kind: Site
name: blog
account: acme
url: https://blog.example
publisher: {type: static, path: published/blog}
sectors:
  - name: hiking
    keywords: [best hiking boots, hiking boots for women, winter hiking boots, lightweight tent, two person tent,
               tent for camping in rain]
automation: {enabled: true, time: "02:00"}
publishing:
  days: [mon, tue, wed, thu, fri]
  time_slots: ["09:00", "14:00", "18:00"]
""",
    "prompts/cluster.md": _PROMPT.format(
        function="auto_cluster", model_type="text", variables="keywords", output="clusters",
        body="{% for keyword in keywords %}\n- {{ keyword.term }}\n{% endfor %}",
    ),
    "prompts/ideas.md": _PROMPT.format(
        function="generate_ideas", model_type="text", variables="cluster, keywords", output="ideas",
        body="{{ cluster.name }}: {{ keywords | join(', ') }}",
    ),
    "prompts/article.md": _PROMPT.format(
        function="generate_content", model_type="text", variables="idea, word_count", output="article",
        body="{{ idea.title }}, {{ word_count.min }} words",
    ),
    "prompts/image-prompts.md": _PROMPT.format(
        function="generate_image_prompts", model_type="text", variables="article", output="image_prompts",
        body="{{ article.title }}",
    ),
    "prompts/images.md": _PROMPT.format(
        function="generate_images", model_type="image", variables="image", output="image", body="{{ image.prompt }}",
    ),
}  # fmt: skip


def write_root(folder: Path, files: dict[str, str | None] | None = None) -> Path:
    """Write the builder's root with some files replaced, added, or left out (None)."""
    for path, text in (FILES | (files or {})).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            target.unlink(missing_ok=True)
        else:
            target.write_text(text, encoding="utf-8")
    return folder


def edited(path: str, *changes: tuple[str, str]) -> dict[str, str | None]:
    """Return one of the builder's files with pieces of its text replaced; each piece must be there."""
    text = FILES[path]
    for old, new in changes:
        assert old in text, f"{path} has no {old!r}"
        text = text.replace(old, new)
    return {path: text}


class ScriptedProvider:
    """A provider port that answers as the offline one unless the script says otherwise for a function.

    The script's function gets the request and how often it was asked before, and returns an answer or None.
    """

    def __init__(self, inner: Provider, script: Callable[[TextRequest | ImageRequest, int], Any]) -> None:
        self._inner = inner
        self._script = script
        self.requests: list[TextRequest | ImageRequest] = []

    async def complete(self, request: TextRequest) -> Completion:
        scripted = self._script(request, len(self.requests))
        self.requests.append(request)
        return scripted if scripted is not None else await self._inner.complete(request)

    async def draw(self, request: ImageRequest) -> ImageAnswer:
        scripted = self._script(request, len(self.requests))
        self.requests.append(request)
        return scripted if scripted is not None else await self._inner.draw(request)

    async def close(self) -> None:
        await self._inner.close()


@dataclass
class World:
    """A config root, a database and a clock that stands still: what a test plays with."""

    root: Path
    database: Database
    clock: FixedClock = field(default_factory=lambda: FixedClock(WEDNESDAY))
    events: list[ProgressEvent] = field(default_factory=list)
    provider: Provider | None = None
    traces: Traces = NO_TRACES

    @property
    def installation(self) -> Installation:
        return Installation(self.root, self.database.url, self.root / ".igny8/media", self.clock, "tester")

    def compile(self) -> Compilation:
        return validate(self.installation)

    def write(self, files: dict[str, str | None]) -> None:
        """Replace files of the root."""
        for path, text in files.items():
            target = self.root / path
            if text is None:
                target.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")

    def apply(self, **options: Any) -> ApplyResult:
        """Plan and apply the root as it stands."""
        compilation = self.compile()
        assert compilation.is_valid, compilation.findings
        planned = plan(self.database, compilation, self.clock, options=options.get("options", DEFAULT_OPTIONS))
        return apply(self.database, compilation, planned.plan, clock=self.clock, actor="tester", **options)

    def engine(self, stop: StopSignal | None = None, *, with_delays: bool = True) -> Engine:
        pool = ProviderPool(self.root, offline=False)
        if self.provider is not None:
            pool._made["samples"] = self.provider
        return Engine(
            self.database, self.clock, pool, self.installation.media, stop or StopSignal(), self.events.append,
            traces=self.traces, with_delays=with_delays,
        )  # fmt: skip

    def run(self, sites: Sequence[str] = (), *, due: bool = False) -> RunReport:
        """Run sites to the end, on the fixed clock."""

        async def go() -> RunReport:
            engine = self.engine()
            return await run_wanted(engine, wanted_due(engine, sites) if due else wanted_now(engine, sites))

        return asyncio.run(go())

    def publish(self) -> PublishReport:
        return publish_due(self.installation, self.database)

    def at(self, instant: datetime) -> World:
        """Return the same world at another time."""
        return replace(self, clock=FixedClock(instant))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.database.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def counts(self, table: str, column: str = "state") -> dict[str, int]:
        """Return how many rows of a table have each value of a column."""
        rows = self.rows(f"SELECT {column}, count(*) FROM {table} GROUP BY {column}")
        return {str(value): int(number) for value, number in rows}


def after_a_run(world: World) -> None:
    """Prepare two articles that the machine has approved: each has a slot and three images."""
    world.apply()
    world.run()


def after_a_run_for_review(world: World) -> None:
    """Prepare two articles that wait for a person's approval."""
    world.write(edited("sites/blog.yaml", ("publishing:\n", "publishing:\n  auto_approval: false\n")))
    after_a_run(world)
