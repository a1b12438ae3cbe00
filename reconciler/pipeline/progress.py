"""What a long run tells while it goes on: events as values, to whoever listens."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began, or goes on after an interruption."""

    site: str
    run_id: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage began with this many items to take."""

    site: str
    stage: str
    title: str
    total: int


@dataclass(frozen=True, slots=True)
class StageAdvanced:
    """Calls of a stage went out or ended; counts and credits of this stage so far, and what open calls hold."""

    site: str
    stage: str
    done: int
    failed: int
    credits: int
    held: int = 0


@dataclass(frozen=True, slots=True)
class StageEnded:
    """A stage ended: completed, stopped or skipped."""

    site: str
    stage: str
    title: str
    state: str
    reason: str
    done: int
    failed: int
    credits: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A declared delay began."""

    site: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run ended, or was interrupted."""

    site: str
    run_id: int
    state: str
    credits: int
    note: str


def to_json(event: ProgressEvent) -> dict[str, Any]:
    """Return an event in its machine-readable form, e.g. `{"event": "stage_started", "site": ...}`."""
    name = re.sub(r"(?<!^)([A-Z])", r"_\1", type(event).__name__).lower()
    return {"event": name, **asdict(event)}


ProgressEvent = RunStarted | StageStarted | StageAdvanced | StageEnded | Waiting | RunEnded
ProgressSink = Callable[[ProgressEvent], None]


def ignore_progress(_event: ProgressEvent) -> None:
    """Listen to nothing."""
