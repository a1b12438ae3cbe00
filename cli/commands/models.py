"""igny8 models"""

from __future__ import annotations

import click

from cli.exits import Exit
from cli.options import format_option
from cli.session import Session
from reconciler.errors import ExitCode
from reconciler.money import format_usd


@click.group()
def models() -> None:
    """Look at the models of the catalogue and their prices."""


@models.command("list")
@click.option("--all", "everything", is_flag=True, help="Inactive ones, too.")
@format_option("text", "json")
@click.pass_obj
def list_(session: Session, everything: bool, format_: str) -> None:
    """Show the models that the config root declares.

    Example: igny8 models list --all
    """
    from reconciler.operations.model_prices import list_models

    found = list_models(session.compiled(session.installation()), everything=everything)
    if format_ == "json":
        rows = [{"name": name, **model.model_dump(mode="json")} for name, model in found.items()]
        session.output.json({"version": 1, "summary": {"models": len(rows)}, "models": rows})
        return
    session.output.table(
        ["MODEL", "TYPE", "PROVIDER", "ROLE", "TOKENS A CREDIT", "CREDITS AN IMAGE", "FALLBACKS"],
        [
            (
                name, model.type, model.provider,
                "inactive" if not model.active else "Live" if model.default else "Testing" if model.testing else "",
                "-" if model.tokens_per_credit is None else f"{model.tokens_per_credit:,}",
                "-" if model.credits_per_image is None else model.credits_per_image,
                ", ".join(model.fallbacks) or "-",
            )
            for name, model in found.items()
        ],
        right=[4, 5],
    )  # fmt: skip


@models.command()
@click.option("--all", "everything", is_flag=True, help="Inactive models, too.")
@click.option(
    "--max-drift", type=click.FloatRange(min=0), metavar="PERCENT", help="End with 4 when a price is further off."
)
@format_option("text", "json")
@click.pass_obj
def prices(session: Session, everything: bool, max_drift: float | None, format_: str) -> None:
    """Compare our prices per 1,000 tokens with those of a public list.

    The list is somebody's notes, as of the day it was packed: a difference is a question, not an answer.

    Examples:

      igny8 models prices
      igny8 models prices --max-drift 5
    """
    from reconciler.operations.model_prices import compare_prices

    installation = session.installation()
    lines = compare_prices(session.compiled(installation), installation.clock.now(), everything=everything)
    off = [line for line in lines if max_drift is not None and abs(line.drift_pct or 0) > max_drift]
    if format_ == "json":
        summary = {
            "rates": len(lines), "differing": sum(bool(line.drift_pct) for line in lines), "beyond_max": len(off),
        }  # fmt: skip
        session.output.json({"version": 1, "summary": summary, "prices": [line.to_json() for line in lines]})
    else:
        session.output.table(
            ["MODEL", "RATE PER 1K", "OURS", "LISTED", "DRIFT"],
            [
                (line.model, line.rate, _usd(line.ours_nano), _usd(line.listed_nano), _drift(line.drift_pct))
                for line in lines
            ],
            right=[2, 3, 4],
        )
    if off:
        raise Exit(ExitCode.BLOCKED)


def _usd(nano: int | None) -> str:
    return "-" if nano is None else format_usd(nano, 6)


def _drift(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:+.1f} %" if percent else "0 %"
