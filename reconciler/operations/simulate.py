"""Simulates the days to come from the config root, and from the root at another revision beside it. Needs no database."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.suggest import did_you_mean
from reconciler.config.tree import read_tree
from reconciler.errors import UsageError
from reconciler.operations.app import EXTENSIONS, Installation
from reconciler.operations.revision import write_revision
from reconciler.plan.forecast import Priced
from reconciler.plan.simulation import Figures, SimulatedSite, Simulation, simulate

DAYS_MAX = 1100  # three years


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulation, and that of another revision of the config to compare it with."""

    now: Simulation
    revision: str = ""
    then: Simulation | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        total = self.now.total
        summary = {
            "first_on": self.now.first_on.isoformat(),
            "days": len(self.now.days),
            "sites": len(self.now.sites),
            **total.to_json(),
            "revenue_nano_usd": total.credits * self.now.credit_value_nano,
        }
        answer = {"version": 1, "summary": summary, **self.now.to_json()}
        if self.then is None:
            return answer
        then = self.then
        return answer | {
            "compared_with": {
                "revision": self.revision,
                "total": then.total.to_json(),
                "difference": total.minus(then.total).to_json(),
                "days": [
                    {"on": self.now.on(index).isoformat(), "difference": day.minus(was).to_json()}
                    for index, (day, was) in enumerate(zip(self.now.days, then.days, strict=True))
                    if day != was
                ],
                "sites": {name: difference.to_json() for name, difference in self.changed_sites().items()},
            }
        }

    def changed_sites(self) -> dict[str, Figures]:
        """Return the difference of every site whose days are not as they were at the other revision, by name.

        Where only the days differ, it is zero.
        """
        if self.then is None:
            return {}
        found = {}
        for name in sorted({*self.now.sites, *self.then.sites}):
            now, then = self.now.sites.get(name), self.then.sites.get(name)
            if _columns(now) != _columns(then):
                found[name] = _total(now).minus(_total(then))
        return found


def simulate_root(
    installation: Installation, compilation: Compilation, *, days: int, first_on: date | None = None,
    site: str | None = None, compare: str | None = None, with_events: bool = False,
) -> Simulated:  # fmt: skip
    """Return the simulation of a valid compilation, from a day on or from today.

    UsageError when there is no such site in it, or nothing valid at the revision to compare with.
    """
    start = first_on or installation.clock.now().date()
    names = {item.name for item in compilation.resources if item.kind == "site"}
    if site is not None and site not in names and compare is None:
        known = f"there are {', '.join(sorted(names))}" if len(names) <= 20 else ""
        raise UsageError(f"there is no site {site!r}", hint=did_you_mean(site, names) or known)
    sites = None if site is None else (site,)
    now = simulate(_priced(compilation), first_on=start, days=days, sites=sites, with_events=with_events)
    if compare is None:
        return Simulated(now)
    with tempfile.TemporaryDirectory(prefix="igny8-") as folder:
        commit = write_revision(installation.root, compare, Path(folder))
        past = compile_tree(
            read_tree(Path(folder)), EXTENSIONS, installation.clock.now().date(), installation.environment
        )
        errors = [finding for finding in past.findings if finding.severity == "error"]
        if errors:
            first = errors[0]
            where = "" if first.file == folder else f"{first.file}: "
            raise UsageError(
                f"the config at {compare} is not valid: {where}{first.message}",
                hint="compare with a revision that validates",
            )
        then = simulate(_priced(past), first_on=start, days=days, sites=sites)
    if site is not None and site not in now.sites and site not in then.sites:
        raise UsageError(f"there is no site {site!r}, neither now nor at {compare}", hint=did_you_mean(site, names))
    return Simulated(now, commit, then)


def _priced(compilation: Compilation) -> Iterable[Priced]:
    return (Priced(item.kind, item.name, item.digest, item.canonical) for item in compilation.resources)


def _columns(site: SimulatedSite | None) -> Sequence[Sequence[int]] | None:
    return site.columns if site is not None else None


def _total(site: SimulatedSite | None) -> Figures:
    return site.total if site is not None else Figures()
