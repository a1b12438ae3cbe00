"""igny8 status"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from cli.options import at_option, format_option
from cli.session import Session

if TYPE_CHECKING:
    from reconciler.operations.status import SiteStatus


@click.command()
@format_option("text", "json")
@at_option
@click.pass_obj
def status(session: Session, format_: str, at: str | None) -> None:
    """Show every site: where its items stand, the last run, what comes next, and the credits left."""
    from reconciler.operations.status import status as load

    installation = session.installation(at)
    with session.database(installation) as database:
        found = load(database, installation.clock)
    environment = installation.environment
    if format_ == "json":
        session.output.json(found.to_json() | {"environment": environment})
        return
    output = session.output
    if environment:
        output.data(f"Environment {environment}")
    if found.applied_at is None:
        output.data("Nothing was applied yet. Run `igny8 plan`, then `igny8 apply`.")
        return
    commit = f", commit {found.revision[:7]}" if found.revision else ""
    output.data(
        f"Generation {found.generation}, applied {_short(found.applied_at)} UTC by {found.applied_by}{commit}\n"
    )
    output.table(
        ["SITE", "ACCOUNT", "KEYWORDS", "IDEAS", "TASKS", "DRAFT", "REVIEW", "SCHED", "PUBL", "LAST RUN", "NEXT RUN",
         "NEXT SLOT", "CREDITS"],
        [_row(site) for site in found.sites],
        right=[2, 3, 4, 5, 6, 7, 8, 12],
    )  # fmt: skip
    for site in found.sites:
        if site.last_run_note:
            output.data(f"{site.site}: last run {site.last_run_state}: {site.last_run_note}")
        if site.leaving:
            output.data(f"{site.site}: deleting: {site.leaving}")
        if site.set_aside:
            output.data(f"{site.site}: {site.set_aside} items were set aside after 3 failures")


def _row(site: SiteStatus) -> tuple[object, ...]:
    items = site.items
    content = items["content"]
    keywords = items["keyword"]
    return (
        site.site,
        site.account,
        f"{keywords.get('clustered', 0)}/{sum(keywords.values())}",
        sum(items["idea"].values()),
        items["task"].get("pending", 0),
        content.get("draft", 0),
        content.get("review", 0),
        content.get("scheduled", 0),
        content.get("published", 0),
        f"{site.last_run_state} {_short(site.last_run_at)}".strip(),
        _short(site.next_run_at) or "off",
        _short(site.next_slot_at) or "-",
        f"{site.available_credits:,}",
    )


def _short(instant: datetime | None) -> str:
    return f"{instant:%a %d %b %H:%M}" if instant else ""
