"""igny8 hold, igny8 release and igny8 holds"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.options import at_option, format_option
from cli.session import Session

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.plan.holds import ResourceHold

_field = click.option(
    "--field", metavar="PATH", default="", help="Only this field, as plans show it; default all of it."
)


@click.command()
@click.argument("resource", metavar="KIND/NAME")
@_field
@click.option(
    "--until", metavar="TIME", required=True, help="When it ends: 2026-11-25T18:00 (UTC), or 12h, 3d, 2w. At most 30d."
)
@click.option("--reason", required=True, help="Why; shown in every plan while it holds.")
@format_option("text", "json")
@at_option
@click.pass_obj
def hold(session: Session, resource: str, field: str, until: str, reason: str, format_: str, at: str | None) -> None:
    """Keep a resource, or one of its fields, as it is in the database for a while.

    Until then no plan changes or deletes it, and its drift is not healed. The hold ends by itself. Holding the same
    again replaces it. This does not touch credits: what a run holds of an account's credits is in `igny8 credits`.

    Examples:

      igny8 hold site/blog --until 3d --reason "customer looks at it"
      igny8 hold site/blog --field publishing.time_slots --until 2026-11-25T18:00 --reason "launch week"
    """  # fmt: skip
    from reconciler.operations.resource_holds import hold as carry_out

    installation = session.installation(at)
    with session.database(installation) as database:
        found = carry_out(
            database, installation.clock, resource, field, until=until, reason=reason, actor=installation.actor
        )
    if format_ == "json":
        session.output.json({"version": 1, "summary": {"holds": 1}, "hold": found.to_json()})
    else:
        session.output.data(f"Held until {_when(found.until)}: {_what(found)}.")


@click.command()
@click.argument("resource", metavar="KIND/NAME")
@_field
@at_option
@click.pass_obj
def release(session: Session, resource: str, field: str, at: str | None) -> None:
    """End a hold on a resource or field before its time: the next plan follows the config again.

    Example: igny8 release site/blog --field publishing.time_slots
    """
    from reconciler.operations.resource_holds import release as carry_out

    installation = session.installation(at)
    with session.database(installation) as database:
        carry_out(database, installation.clock, resource, field, actor=installation.actor)
    session.output.data(f"Released: {f'{resource} {field}'.rstrip()}.")


@click.command()
@click.option("--all", "every", is_flag=True, help="Also those that ended, with who released them.")
@format_option("text", "json")
@at_option
@click.pass_obj
def holds(session: Session, every: bool, format_: str, at: str | None) -> None:
    """List the resources and fields that people keep as they are: until when, who, why. Not holds on credits.

    Examples:

      igny8 holds
      igny8 holds --all --json
    """
    from reconciler.operations.resource_holds import list_holds

    installation = session.installation(at)
    with session.database(installation, may_create=False) as database:
        found = list_holds(database, installation.clock, every=every)
    now = installation.clock.now()
    in_force = sum(item.is_in_force(now) for item in found)
    if format_ == "json":
        rows = [item.to_json() | {"in_force": item.is_in_force(now)} for item in found]
        session.output.json({"version": 1, "summary": {"holds": len(found), "in_force": in_force}, "holds": rows})
        return
    if not found:
        session.output.data("Nothing is held.")
        return
    session.output.table(
        ["RESOURCE", "FIELD", "UNTIL (UTC)", "BY", "REASON", *(["STATE"] if every else [])],
        [
            (item.ref, item.field or "-", f"{item.until:%Y-%m-%d %H:%M}", item.by, item.reason,
             *([_state(item, now)] if every else []))
            for item in found
        ],
    )  # fmt: skip


def _state(item: ResourceHold, now: datetime) -> str:
    if item.is_in_force(now):
        return "in force"
    return f"released {item.released_at:%Y-%m-%d %H:%M} by {item.released_by}" if item.released_at else "ended"


def _what(item: ResourceHold) -> str:
    return f"{item.ref} {item.field}".rstrip()


def _when(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
