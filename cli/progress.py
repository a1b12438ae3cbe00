"""A run as people watch it: bars on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from cli.output import Output, counted
from reconciler.pipeline.progress import (
    ProgressEvent,
    RunEnded,
    RunStarted,
    StageAdvanced,
    StageEnded,
    StageStarted,
)


class Progress:
    """Listens to a run. On a terminal each stage under way has a bar with its credits; ended stages become lines."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._bars: Any = None
        self._tasks: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and self._output.verbosity >= 0:
            # rich is imported only when something is drawn.
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            console = Console(stderr=True, no_color=not self._output.has_color(sys.stderr))
            self._bars = Bars(
                TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
                TextColumn("{task.fields[credits]} credits"), TimeElapsedColumn(), console=console, transient=True,
            )  # fmt: skip
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def tell(self, event: ProgressEvent) -> None:
        """Show an event."""
        match event:
            case RunStarted(site, run_id, resumed):
                self._line(f"{site}: run {run_id} {'goes on' if resumed else 'starts'}")
            case StageStarted(site, stage, title, total) if self._bars is not None and total:
                self._tasks[site, stage] = self._bars.add_task(f"{site:<18} {title:<13}", total=total, credits=0)
            case StageAdvanced(site, stage, done, failed, credits) if (site, stage) in self._tasks:
                self._bars.update(self._tasks[site, stage], completed=done + failed, credits=credits)
            case StageEnded():
                self._end_stage(event)
            case RunEnded(site, run_id, state, credits, note):
                self._line(f"{site}: run {run_id} {state}, {counted(credits, 'credit')}{': ' + note if note else ''}")
            case _:
                pass

    def _end_stage(self, event: StageEnded) -> None:
        task = self._tasks.pop((event.site, event.stage), None)
        if task is not None:
            self._bars.remove_task(task)
        if not event.done and not event.failed and event.state == "completed":
            return
        parts = [f"{event.done} done"] if event.state != "skipped" else []
        parts += [f"{event.failed} failed"] if event.failed else []
        parts += [counted(event.credits, "credit")] if event.credits else []
        parts += [f"{event.state}: {event.reason}"] if event.state != "completed" else []
        self._line(f"{event.site}: {event.title}: {', '.join(parts)}")

    def _line(self, text: str) -> None:
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            self._output.note(text)
