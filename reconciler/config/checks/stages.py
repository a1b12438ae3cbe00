"""Rules of a site's stages: budgets, the models they ask for, and limits that do not fit each other."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from reconciler.config.compilation import Draft
from reconciler.diagnostics import Diagnostic
from reconciler.kinds.extensions import ModelType
from reconciler.kinds.models import ModelCatalog, live_model, testing_model
from reconciler.kinds.site import Site, StageSettings

_RUNS_A_WEEK = {"hourly": 168, "daily": 7, "weekly": 1}


def check_budgets(draft: Draft) -> Iterable[Diagnostic]:
    """The budgets of a site's AI stages add up to at most 100 %."""
    fine: set[int] = set()
    for name, site in draft.sites.items():
        if id(site.stages) in fine:
            continue
        settings = [site.stages[stage.key] for stage in draft.extensions.stages if stage.key in site.stages]
        budgets = [item.budget_pct for item in settings if item.budget_pct]
        if sum(budgets) > 100:
            parts = " + ".join(map(str, budgets))
            yield draft.find(
                "IG407", ("site", name), ("stages",), f"the stage budgets add up to {sum(budgets)} %: {parts}", key=True,
                hint="lower some budget_pct",
            )  # fmt: skip
        else:
            fine.add(id(site.stages))


def check_models(draft: Draft) -> Iterable[Diagnostic]:
    """Every AI stage that is on finds the model it asks for."""
    fine: set[int] = set()
    if draft.models is None:
        if not draft.has("models", "models"):
            for name in draft.sites:
                yield draft.find("IG301", ("site", name), (), "there is no ModelCatalog", hint="write models.yaml")
        return
    for name, site in draft.sites.items():
        if id(site.stages) in fine:  # many sites share their stages
            continue
        findings = list(_check_models(draft, draft.models, name, site))
        yield from findings
        if not findings:
            fine.add(id(site.stages))


def _check_models(draft: Draft, catalog: ModelCatalog, name: str, site: Site) -> Iterable[Diagnostic]:
    for stage in draft.extensions.stages:
        settings = site.stages.get(stage.key)
        if stage.function is None or settings is None or not settings.enabled:
            continue
        model_type = stage.function.model_type
        path = ("stages", stage.key, "model")
        if settings.model == "testing" and testing_model(catalog, model_type) is None:
            yield draft.find(
                "IG409", ("site", name), path, f"stage {stage.key} asks for Testing, but no active {model_type} "
                "model is marked testing", hint="mark one, or write `model: live`",
            )  # fmt: skip
        elif settings.model == "live" and not _has_active(catalog, model_type):
            yield draft.find(
                "IG401", ("site", name), path, f"stage {stage.key} needs a Live {model_type} model, and there is none",
                hint="mark an active model `default: true`",
            )  # fmt: skip


def _has_active(catalog: ModelCatalog, model_type: ModelType) -> bool:
    """Tell whether a type is in use; that one of its models is Live is a rule of the catalogue."""
    return any(model.active and model.type == model_type for model in catalog.models.values())


def check_batches(draft: Draft) -> Iterable[Diagnostic]:
    """A limit of items is a multiple of the batches that they are worked on in."""
    uneven: dict[int, list[str]] = {}
    for name, site in draft.sites.items():
        if id(site.stages) not in uneven:
            uneven[id(site.stages)] = [key for key, settings in site.stages.items() if _is_uneven(settings)]
        for key in uneven[id(site.stages)]:
            settings = site.stages[key]
            yield draft.find(
                "IG503", ("site", name), ("stages", key, "per_run_limit"),
                f"{key}: {settings.per_run_limit} is no multiple of batch_size {settings.batch_size}", severity="warning",
            )  # fmt: skip


def _is_uneven(settings: StageSettings) -> bool:
    return bool(settings.batch_size and settings.per_run_limit % settings.batch_size)


def check_limits(draft: Draft) -> Iterable[Diagnostic]:
    """Limits and the schedule of a site fit each other."""
    fine: set[tuple[object, ...]] = set()
    for name, site in draft.sites.items():
        automation = site.automation
        shared = (id(site.stages), id(site.ai), id(site.publishing), automation.enabled, automation.frequency)
        if shared in fine:  # many sites share all of them
            continue
        findings = [*_check_images(draft, name, site), *_check_capacity(draft, name, site)]
        yield from findings
        if not findings:
            fine.add(shared)


def _check_images(draft: Draft, name: str, site: Site) -> Iterable[Diagnostic]:
    prompts, images = site.stages.get("prompts"), site.stages.get("images")
    if not prompts or not images or not prompts.enabled or not images.enabled:
        return
    need = prompts.per_run_limit * (1 + site.ai.max_in_article_images)
    if images.per_run_limit and need > images.per_run_limit:
        yield draft.find(
            "IG502", ("site", name), ("stages", "images", "per_run_limit"),
            f"a run writes up to {need} image prompts but draws {images.per_run_limit}", severity="warning",
            hint=f"raise it to {need}",
        )  # fmt: skip


def _check_capacity(draft: Draft, name: str, site: Site) -> Iterable[Diagnostic]:
    content = site.stages.get("content")
    review = site.stages.get("review")
    automatic = site.automation.enabled and site.publishing.auto_approval and site.publishing.auto_publish
    if not automatic or not content or not review or not review.enabled:
        return
    limits = [limit for limit in (content.per_run_limit, review.per_run_limit) if limit]
    slots = len(site.publishing.time_slots)
    capacity = len(site.publishing.days) * min(slots, site.publishing.max_per_day or slots)
    weekly = min(limits, default=0) * _RUNS_A_WEEK[site.automation.frequency]
    if capacity and weekly > capacity:
        yield draft.find(
            "IG501", ("site", name), ("publishing",), f"up to {weekly} approvals a week for {capacity} slots",
            key=True, severity="warning", hint="add days or time_slots, or lower stages.content.per_run_limit",
        )  # fmt: skip


def check_shares(draft: Draft) -> Iterable[Diagnostic]:
    """An AI stage that is on may spend something."""
    without: dict[int, list[str]] = {}
    for name, site in draft.sites.items():
        if id(site.stages) not in without:
            without[id(site.stages)] = [
                key for key, settings in site.stages.items() if settings.enabled and settings.budget_pct == 0
            ]
        for key in without[id(site.stages)]:
            yield draft.find(
                "IG506", ("site", name), ("stages", key, "budget_pct"), f"{key} is on but may spend nothing",
                hint=f"give it a share, or write `{key}: {{enabled: false}}`", severity="warning",
            )  # fmt: skip


def check_image_sizes(draft: Draft) -> Iterable[Diagnostic]:
    """The model that draws a site's images has a price for what the site asks of it."""
    if draft.models is None:
        return
    models = draft.models.models
    usual = {"live": live_model(draft.models, "image"), "testing": testing_model(draft.models, "image")}
    for name, site in draft.sites.items():
        images = site.stages.get("images")
        if images is None or not images.enabled or images.model is None:
            continue
        preferred = site.ai.model_preferences.image if images.model == "live" else None
        drawer = preferred or usual[images.model]
        prices = models[drawer].cost_per_image if drawer in models else None
        wanted = f"{site.ai.image_size}/{site.ai.image_quality}"
        if isinstance(prices, dict) and wanted not in prices:
            yield draft.find(
                "IG505", ("site", name), ("ai", "image_size"), f"{drawer} has no price for {wanted}", severity="warning",
                hint=f"it has {', '.join(prices)}",
            )  # fmt: skip


def check_run_time(draft: Draft) -> Iterable[Diagnostic]:
    """The run that feeds a slot can be over before it."""
    waits: dict[tuple[int, int, int], int] = {}
    for name, site in draft.sites.items():
        automatic = site.automation.enabled and site.publishing.auto_approval and site.publishing.auto_publish
        if not automatic or site.automation.frequency == "hourly":
            continue  # an hourly slot is fed by the run of the hour before
        shared = (id(site.stages), site.delays.within_stage, site.delays.between_stage)
        if shared not in waits:  # many sites share their stages
            waits[shared] = _seconds_of_delays(site)
        needed, start = waits[shared], _minutes(site.automation.time)
        for index, slot in enumerate(site.publishing.time_slots):
            seconds = (_minutes(slot) - start) * 60
            if 0 <= seconds < 3600 * 6 and seconds <= needed:
                yield draft.find(
                    "IG504", ("site", name), ("publishing", "time_slots", index),
                    f"the run begins at {site.automation.time} and waits {needed} s in all: too late for the slot {slot}",
                    severity="warning", hint="move the slot, or `automation.time`, or shorten `delays`",
                )  # fmt: skip


@cache
def _minutes(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])


def _seconds_of_delays(site: Site) -> int:
    """Return what a run waits when it reaches its limits; a stage without a limit counts as one batch."""
    stages = [settings for settings in site.stages.values() if settings.enabled]
    batches = sum(
        -(-settings.per_run_limit // settings.batch_size) - 1
        for settings in stages
        if settings.batch_size and settings.per_run_limit
    )
    return batches * site.delays.within_stage + max(0, len(stages) - 1) * site.delays.between_stage
