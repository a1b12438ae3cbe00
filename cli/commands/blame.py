"""igny8 blame"""

from __future__ import annotations

import click

from cli.commands.history import short_commit
from cli.options import format_option
from cli.plan_formats.wording import value_text
from cli.session import Session


@click.command()
@click.argument("resource", metavar="KIND/NAME[.FIELD]")
@format_option("text", "json")
@click.pass_obj
def blame(session: Session, resource: str, format_: str) -> None:
    """Name the apply that last changed each field of a resource: when, by whom, from which commit, why.

    Examples:

      igny8 blame site/blog
      igny8 blame site/blog.publishing.time_slots
      igny8 blame platform.credit_value_usd
    """
    from reconciler.operations.blame import blame as find

    with session.database(session.installation()) as database:
        found = find(database, resource)
    if format_ == "json":
        session.output.json(found.to_json())
        return
    if found.is_deleted:
        session.output.note(f"{found.ref} was deleted; this is what it last said.")
    session.output.table(
        ["FIELD", "VALUE", "GEN", "AT (UTC)", "BY", "COMMIT", "REASON"],
        [
            (
                item.field,
                ("(removed)" if item.value is None else value_text(item.value))
                + (" ! drifted since" if item.is_drifted else ""),
                item.applied.generation,
                f"{item.applied.at:%Y-%m-%d %H:%M}",
                item.applied.actor,
                short_commit(item.applied.revision),
                item.applied.reason,
            )
            for item in found.fields
        ],
        right=[2],
    )
