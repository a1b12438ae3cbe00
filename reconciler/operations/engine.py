"""What the executor works with, whoever starts it: the command line, the daemon, a worker beside them, or a test."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from reconciler.clock import Clock
from reconciler.operations.providers import ProviderPool
from reconciler.operations.stopping import StopSignal
from reconciler.operations.telemetry import NO_TRACES, Traces
from reconciler.pipeline.progress import ProgressSink, ignore_progress
from reconciler.store.engine import Database

# For how long a run, or a call of it, stays with a worker that is not heard of.
LEASE = timedelta(minutes=10)
CALLS_PER_SITE_MAX = 8
SITES_MAX = 8


@dataclass(frozen=True, slots=True)
class Engine:
    """What the executor works with, and how much of it at once."""

    database: Database
    clock: Clock
    pool: ProviderPool
    media: Path
    stop: StopSignal
    progress: ProgressSink = ignore_progress
    with_delays: bool = True
    rng: random.Random = field(default_factory=random.Random)
    traces: Traces = NO_TRACES
    calls_per_site_max: int = CALLS_PER_SITE_MAX
    sites_max: int = SITES_MAX
