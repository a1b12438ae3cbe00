"""Shows what a run would take and cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.output import Output

if TYPE_CHECKING:
    from reconciler.operations.dry_run import RunForecast


def show_forecasts(output: Output, forecasts: Sequence[RunForecast], format_: str) -> None:
    """Show forecasts as a table a site, or as JSON."""
    found = [forecast.to_json() for forecast in forecasts]
    summary = {
        "runs": len(found),
        "worst_credits": sum(item["worst_credits"] for item in found),
        "expected_credits": sum(item["expected_credits"] for item in found),
    }
    if format_ == "json":
        output.json({"version": 1, "summary": summary, "dry_run": True, "runs": found})
        return
    if format_ == "ndjson":
        for item in found:
            output.line({"event": "run_forecast", **item})
        output.line({"event": "summary", "version": 1, "dry_run": True, **summary})
        return
    for forecast in forecasts:
        most = "" if forecast.credits_max is None else f", of which this run uses at most {forecast.credits_max:,}"
        output.data(output.style(f"{forecast.site}: {forecast.available_credits:,} credits available{most}", "head"))
        output.table(
            ["STAGE", "ITEMS", "CALLS", "MODEL", "WORST", "EXPECTED", "BUDGET", "NOTE"],
            [
                (
                    stage.stage,
                    stage.items,
                    stage.calls,
                    stage.model or "-",
                    f"{stage.worst_credits:,}",
                    f"{stage.expected_credits:,}",
                    "-" if stage.budget_credits is None else f"{stage.budget_credits:,}",
                    stage.note,
                )
                for stage in forecast.stages
            ],
            right=[1, 2, 4, 5, 6],
        )
    output.data(f"At worst {summary['worst_credits']:,} credits, expected {summary['expected_credits']:,}.")
    output.note("Nothing was written and nobody was asked. What earlier stages make in the same run comes on top.")
