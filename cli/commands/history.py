"""igny8 history"""

from __future__ import annotations

import click

from cli.options import format_option
from cli.session import Session


@click.command()
@click.option("--limit", default=20, show_default=True, help="How many applies.")
@format_option("text", "json")
@click.pass_obj
def history(session: Session, limit: int, format_: str) -> None:
    """Show past applies, newest first: who, when, which commit, how much."""
    from reconciler.store.resources import load_history

    installation = session.installation()
    with session.database(installation) as database, database.read() as connection:
        applies = load_history(connection, limit=limit)
    if format_ == "json":
        rows = [
            {
                "generation": item.generation,
                "at": item.at,
                "actor": item.actor,
                "revision": item.revision,
                "reason": item.reason,
                "plan": item.plan,
            }
            for item in applies
        ]
        session.output.json({"version": 1, "summary": {"applies": len(rows)}, "applies": rows})
        return
    session.output.table(
        ["GEN", "AT (UTC)", "BY", "COMMIT", "CHANGES", "REASON"],
        [
            (
                item.generation,
                f"{item.at:%Y-%m-%d %H:%M}",
                item.actor,
                item.revision[:7] or "-",
                "+{create} ~{update} -{delete}".format(**item.plan["summary"]),
                item.reason,
            )
            for item in applies
        ],
        right=[0],
    )
