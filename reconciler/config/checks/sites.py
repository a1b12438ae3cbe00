"""Rules of sites: what they refer to, their sectors, their schedule and their publishing folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import PurePosixPath
from typing import Any

from reconciler.config.checks.accounts import find_bad_preferences, find_forbidden_overrides
from reconciler.config.compilation import Draft, SiteFacts
from reconciler.config.suggest import did_you_mean
from reconciler.diagnostics import Diagnostic
from reconciler.kinds.models import live_model
from reconciler.kinds.site import Site


def check_references(draft: Draft) -> Iterable[Diagnostic]:
    """The account, author, strategy, industry and preset that a site names exist."""
    for name, site in draft.sites.items():
        for kind in ("account", "author", "strategy"):
            wanted = getattr(site, kind)
            if wanted is not None and not draft.has(kind, wanted):
                yield draft.find(
                    "IG301", ("site", name), (kind,), f"there is no {kind} {wanted!r}",
                    hint=did_you_mean(wanted, draft.names.get(kind, ())),
                )  # fmt: skip
        if site.industry is not None and draft.industries is not None:
            industries = draft.industries.industries
            if site.industry not in industries:
                yield draft.find(
                    "IG301", ("site", name), ("industry",), f"there is no industry {site.industry!r}",
                    hint=did_you_mean(site.industry, industries),
                )  # fmt: skip
        preset, presets = site.automation.preset, draft.platform.presets
        if preset is not None and preset not in presets:
            yield draft.find(
                "IG301", ("site", name), ("automation", "preset"), f"there is no preset {preset!r}",
                hint=did_you_mean(preset, presets) or f"there are {', '.join(presets)}",
            )  # fmt: skip


def check_sectors(draft: Draft) -> Iterable[Diagnostic]:
    """A site's sectors are its industry's, and the keyword files they name exist."""
    for name, site in draft.sites.items():
        industry = draft.industries.industries.get(site.industry) if draft.industries and site.industry else None
        seen: set[str] = set()
        for index, sector in enumerate(site.sectors):
            path = ("sectors", index)
            if sector.name in seen:
                yield draft.find("IG109", ("site", name), path, f"the sector {sector.name} stands twice")
            seen.add(sector.name)
            if industry is not None and sector.name not in industry.sectors:
                yield draft.find(
                    "IG301", ("site", name), (*path, "name"), f"{site.industry} has no sector {sector.name!r}",
                    hint=did_you_mean(sector.name, industry.sectors) or f"it has {', '.join(industry.sectors)}",
                )  # fmt: skip
            if sector.keywords_file is not None and sector.keywords_file not in draft.keyword_lists:
                yield draft.find(
                    "IG301", ("site", name), (*path, "keywords_file"), f"there is no file {sector.keywords_file!r}",
                    hint=did_you_mean(sector.keywords_file, draft.keyword_lists) or "keyword lists are keywords/NAME.csv",
                )  # fmt: skip


def check_model_preferences(draft: Draft) -> Iterable[Diagnostic]:
    """A model that a site prefers is active, of its type, and not the Testing one."""
    for name, site in draft.sites.items():
        yield from find_bad_preferences(draft, ("site", name), site.ai.model_preferences)


def check_ai_overrides(draft: Draft) -> Iterable[Diagnostic]:
    """Only a tier that allows it lets an account's sites set `ai`."""
    for name, site in draft.sites.items():
        account = draft.accounts.get(site.account)
        if account is not None:
            yield from find_forbidden_overrides(draft, ("site", name), account.tier)


def check_model_settings(draft: Draft) -> Iterable[Diagnostic]:
    """The settings that a site writes for text are taken by the model that it uses."""
    if draft.models is None:
        return
    live = live_model(draft.models, "text")
    for name, site in draft.sites.items():
        model_name = site.ai.model_preferences.text or live
        model = draft.models.models.get(model_name or "")
        if model is None or (model.supports.temperature and (model.max_output_tokens or 0) >= site.ai.max_tokens):
            continue
        written = draft.documents["site", name].value.get("ai") or {}
        if "temperature" in written and not model.supports.temperature:
            yield draft.find(
                "IG430", ("site", name), ("ai", "temperature"), f"{model_name} takes no temperature; it is left out",
                hint="remove it, or prefer another model", severity="warning",
            )  # fmt: skip
        if "max_tokens" in written and model.max_output_tokens and site.ai.max_tokens > model.max_output_tokens:
            yield draft.find(
                "IG430", ("site", name), ("ai", "max_tokens"),
                f"{model_name} answers with at most {model.max_output_tokens:,} tokens; {site.ai.max_tokens:,} is cut to that",
                hint=f"write {model.max_output_tokens} or less", severity="warning",
            )  # fmt: skip


def check_publishing(draft: Draft) -> Iterable[Diagnostic]:
    """A site that publishes by itself has somewhere, some day and some time to publish."""
    for name, site in draft.sites.items():
        ref = ("site", name)
        if not site.publishing.auto_publish:
            continue
        if site.publisher is None:
            yield draft.find(
                "IG408", ref, ("publishing", "auto_publish"), "auto_publish is on but there is no publisher",
                hint="add a `publisher` block, or write `publishing: {auto_publish: false}`",
            )  # fmt: skip
        for field in ("days", "time_slots"):
            if not getattr(site.publishing, field):
                yield draft.find(
                    "IG408", ref, ("publishing", field), f"publishing.{field} is empty but auto_publish is on",
                    hint=f"name some {field}, or write `auto_publish: false`",
                )  # fmt: skip


def check_slots(draft: Draft) -> Iterable[Diagnostic]:
    """A publishing day and a time slot stand once."""
    for name, site in draft.sites.items():
        for field in ("days", "time_slots"):
            values: tuple[str, ...] = getattr(site.publishing, field)
            if len(set(values)) == len(values):
                continue
            for index, value in enumerate(values):
                if value in values[:index]:
                    yield draft.find(
                        "IG414", ("site", name), ("publishing", field, index), f"publishing.{field}: {value} stands twice",
                        hint="remove the second",
                    )  # fmt: skip
                    break


def check_blackouts(draft: Draft) -> Iterable[Diagnostic]:
    """A blackout ends on the day on which it starts, or later."""
    for name, site in draft.sites.items():
        for index, item in enumerate(site.publishing.blackouts or ()):
            if isinstance(item, str) or item.ends_on is None:
                continue
            if date.fromisoformat(item.ends_on) < date.fromisoformat(item.starts_on):
                path = ("publishing", "blackouts", index, "ends_on")
                yield draft.find(
                    "IG418", ("site", name), path, f"the blackout ends on {item.ends_on}, before {item.starts_on}",
                    hint="swap starts_on and ends_on",
                )  # fmt: skip


def check_spending(draft: Draft) -> Iterable[Diagnostic]:
    """A site may not spend more in a month than its whole account."""
    for name, site in draft.sites.items():
        account = draft.accounts.get(site.account)
        most = account.credits.monthly_max if account is not None else None
        wanted = site.credits.monthly_max
        if most is not None and wanted is not None and wanted > most:
            yield draft.find(
                "IG507", ("site", name), ("credits", "monthly_max"),
                f"{wanted} credits a month; the account {site.account} has {most}", severity="warning",
                hint=f"lower it to {most} at most",
            )  # fmt: skip


def check_folders(draft: Draft) -> Iterable[Diagnostic]:
    """No two sites publish into one folder."""
    owner: dict[str, str] = {}
    for facts in draft.facts:
        for index, folder in enumerate(facts.folders):
            if folder and owner.setdefault(folder, facts.name) != facts.name:
                place = ("syndication", index - 1) if index else ()
                yield draft.find(
                    "IG413", ("site", facts.name), (*place, "publisher", "path"),
                    f"site {owner[folder]} publishes into {folder} already", hint="give each site a folder of its own",
                )  # fmt: skip


def facts_of(name: str, site: Site) -> SiteFacts:
    """Return what rules about many sites need to know of one."""
    further = tuple(_folder(item.publisher) for item in site.syndication or ())
    first = _folder(site.publisher or {})
    folders = (first, *further) if first or further else ()
    moved = site.moved.names if site.moved else ()
    return SiteFacts(name, site.account, sum(len(sector.keywords) for sector in site.sectors), folders, moved)


def _folder(publisher: Mapping[str, Any]) -> str:
    """Return the folder that a publisher writes into, "" when it writes into none."""
    written = publisher.get("path") if publisher.get("type") == "static" else None
    folder = written if isinstance(written, str) else ""
    if "./" in folder or "//" in folder or folder.endswith("/"):
        folder = PurePosixPath(folder).as_posix()
    return folder
