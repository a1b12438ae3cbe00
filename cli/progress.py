"""A run as people watch it: bars on a terminal, a line a stage elsewhere; as programs do: an event a line."""

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
    to_json,
)


class Progress:
    """Listens to a run. On a terminal each stage under way has a bar with credits used and held, rate and time left.

    Ended stages become lines. With `as_lines` each event is a line of JSON on stdout instead.
    """

    def __init__(self, output: Output, *, as_lines: bool = False) -> None:
        self._output = output
        self._as_lines = as_lines
        self._bars: Any = None
        self._tasks: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and self._output.verbosity >= 0 and not self._as_lines:
            # rich is imported only when something is drawn.
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bars

            console = Console(stderr=True, no_color=not self._output.has_color(sys.stderr))
            self._bars = Bars(
                TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(),
                TextColumn("{task.fields[credits]:,} credits, {task.fields[held]:,} held"),
                TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn(compact=True),
                console=console, transient=True,
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
        if self._as_lines:
            self._output.line(to_json(event))
            return
        match event:
            case RunStarted(site, run_id, resumed):
                self._line(f"{site}: run {run_id} {'goes on' if resumed else 'starts'}")
            case StageStarted(site, stage, title, total) if self._bars is not None and total:
                self._tasks[site, stage] = self._bars.add_task(
                    f"{site:<18} {title:<13}", total=total, credits=0, held=0, rate=""
                )
            case StageAdvanced(site, stage, done, failed, credits, held) if (site, stage) in self._tasks:
                task = self._tasks[site, stage]
                self._bars.update(
                    task, completed=done + failed, credits=credits, held=held, rate=self._rate(task, done + failed)
                )
            case StageEnded():
                self._end_stage(event)
            case RunEnded(site, run_id, state, credits, note):
                self._line(f"{site}: run {run_id} {state}, {counted(credits, 'credit')}{': ' + note if note else ''}")
            case _:
                pass

    def _rate(self, number: Any, ended: int) -> str:
        """Return how many items a minute a stage has ended so far."""
        elapsed = next(task.elapsed for task in self._bars.tasks if task.id == number)
        return f"{60 * ended / elapsed:.1f}/min" if elapsed and ended else ""

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
