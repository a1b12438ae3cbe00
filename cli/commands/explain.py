"""igny8 explain"""

from __future__ import annotations

import click

from cli.options import format_option
from cli.session import Session
from reconciler.errors import UsageError


@click.command()
@click.argument("code", required=False)
@format_option("text", "json")
@click.pass_obj
def explain(session: Session, code: str | None, format_: str) -> None:
    """Explain a diagnostic code, or list all codes.

    Example: igny8 explain IG203
    """
    from reconciler.diagnostics import CODES, find_code

    entry = find_code(code) if code else None
    if code and entry is None:
        raise UsageError(f"there is no code {code}", hint="`igny8 explain` lists all codes")
    entries = [entry] if entry else list(CODES)
    if format_ == "json":
        rows = [{"code": item.code, "title": item.title, "text": item.text} for item in entries]
        session.output.json({"version": 1, "summary": {"codes": len(rows)}, "codes": rows})
    elif entry:
        session.output.data(f"{entry.code}: {entry.title}\n\n{entry.text}")
    else:
        session.output.table(["CODE", "MEANING"], [(item.code, item.title) for item in entries])
