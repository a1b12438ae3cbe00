"""The values of one AI call: what it is about, what was admitted, what came back, and how it ended."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.clock import Clock
from reconciler.kinds.extensions import FunctionDeclaration
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.ledger.pricing import Rates
from reconciler.money import NanoUsd
from reconciler.operations.crew import Crew, Turn
from reconciler.operations.providers import ProviderPool
from reconciler.operations.stopping import StopSignal
from reconciler.operations.telemetry import NO_TRACES, Traces
from reconciler.pipeline.decisions import ChosenModel
from reconciler.pipeline.port import Picture, Row, SiteContext, Stage
from reconciler.pipeline.progress import ProgressSink, ignore_progress
from reconciler.providers.port import Completion, Failure, ImageAnswer
from reconciler.store.claims import Unit
from reconciler.store.engine import Database
from reconciler.store.ledger import Hold, Origin
from reconciler.store.runs import Phase, RunLease


@dataclass(frozen=True, slots=True)
class Call:
    """What a call is about: items of a stage, in a run that this worker holds; or a unit of it that it has claimed."""

    database: Database
    clock: Clock
    pool: ProviderPool
    media: Path
    context: SiteContext
    lease: RunLease
    stage: Stage
    stage_run_id: int
    items: Sequence[Row]
    stop: StopSignal
    progress: ProgressSink = ignore_progress
    rng: random.Random = field(default_factory=random.Random)
    traces: Traces = NO_TRACES
    budget_credits: int | None = None
    unit: Unit | None = None
    crew: Crew = field(default_factory=Crew)
    turn: Turn = field(default_factory=Turn)
    tell: Callable[[], None] = lambda: None

    @property
    def must_end(self) -> bool:
        """Tell whether the call shall not go out any more."""
        return self.stop.is_requested or self.crew.is_closing

    @property
    def function(self) -> FunctionDeclaration:
        """Return the stage's AI function."""
        assert self.stage.declaration.function is not None
        return self.stage.declaration.function

    @property
    def item_ids(self) -> list[int]:
        """Return the ids of the items."""
        return [int(item["id"]) for item in self.items]

    def provider_of(self, chosen: ChosenModel) -> ProviderSpec:
        """Return the catalogue's entry of a model's provider."""
        return self.context.providers.providers[chosen.model.provider]

    def origin(self) -> Origin:
        """Return who moves credits, now."""
        return Origin(f"run {self.lease.run_id}", self.clock.now(), self.context.generation)


@dataclass(frozen=True, slots=True)
class Repair:
    """What a model is told when it is asked once more: its answer, and why that could not be used."""

    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended: items done and failed, credits charged, why it failed, or why it did not go out.

    `was_stopped`: somebody asked to stop before it was through; its items are as they were. `repair`: the answer could
    not be used, and the model is asked once more; its items are as they were, too.
    """

    done: int = 0
    failed: int = 0
    credits: int = 0
    reason: str = ""
    refusal: str = ""
    was_stopped: bool = False
    repair: Repair | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to be made: its number in the call and for its model, both from 1, and whether it is a shorter one.

    `repair` is what it is to mend, if it is the one that mends.
    """

    number: int = 1
    number_for_model: int = 1
    is_short: bool = False
    repair: Repair | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An attempt that was admitted: everything the request needs, and the hold behind it."""

    attempt_id: str
    hold: Hold
    chosen: ChosenModel
    rates: Rates
    prompt: str
    inputs: Mapping[str, Any]
    max_tokens: int
    estimated_cost_nano: NanoUsd
    is_probe: bool = False
    task: str = ""
    recovers: str = ""
    gate_is_open: bool = False
    is_repair: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, the same for text and images; `problem` says why nothing can be made of it."""

    raw: Completion | ImageAnswer
    picture: Picture | None
    problem: str

    @property
    def failure(self) -> Failure | None:
        """Return the failure: the provider's, or that of an answer that cannot be used."""
        return self.raw.failure or (Failure("bad_answer", self.problem) if self.problem else None)

    @property
    def phase_missed(self) -> Phase:
        """Return how far an attempt came that brings nothing: not sent, sent without an answer, or answered in vain."""
        failure = self.raw.failure
        if failure is None or failure.error_class == "bad_answer":
            return "SAVE"
        return "INIT" if failure.is_unsent else "CALL"
