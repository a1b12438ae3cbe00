"""Rules about `moved`: a former name belongs to one resource, and to none that is still declared."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.config.compilation import Draft
from reconciler.diagnostics import Diagnostic
from reconciler.kinds.fields import NamedSpec

Ref = tuple[str, str]


def former_names(draft: Draft) -> dict[Ref, tuple[str, ...]]:
    """Return the former names of every resource that tells some, the latest first."""
    found = {
        ref: spec.moved.names
        for ref, spec in draft.specs.items()
        if isinstance(spec, NamedSpec) and spec.moved is not None
    }
    return found | {("site", facts.name): facts.moved for facts in draft.facts if facts.moved}


def check_moves(draft: Draft) -> Iterable[Diagnostic]:
    """A former name is another one, is declared no more, and is claimed once."""
    # What the draft knows as declared holds every file, the sites' too.
    owners: dict[Ref, str] = {}
    for (kind, name), names in sorted(former_names(draft).items()):
        for former in names:
            owner = owners.setdefault((kind, former), name)
            if former == name:
                message, hint = f"{kind}/{name} is said to have moved from its own name", "take `moved` out"
            elif draft.has(kind, former):
                message = f"{kind}/{former} is declared, so {kind}/{name} cannot have moved from it"
                hint = f"remove the file of {kind}/{former}, or take `moved` out"
            elif owner != name:
                message, hint = f"{kind}/{owner} has moved from {kind}/{former} already", "take one `moved` out"
            else:
                continue
            yield draft.find("IG133", (kind, name), ("moved", "from"), message, hint=hint)
