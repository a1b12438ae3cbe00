"""What a long run tells while it goes on: events as values, to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
    """Items of a stage ended, well or not; counts and credits of this stage so far."""

    site: str
    stage: str
    done: int
    failed: int
    credits: int


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


ProgressEvent = RunStarted | StageStarted | StageAdvanced | StageEnded | Waiting | RunEnded
ProgressSink = Callable[[ProgressEvent], None]


def ignore_progress(_event: ProgressEvent) -> None:
    """Listen to nothing."""
