"""Images of an article: draw one anew, through the ledger as any call, and choose an older one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.clock import Clock
from reconciler.errors import BlockedError, ConflictError, LockedError, UnreachableError, UsageError
from reconciler.kinds.extensions import ModelChoice
from reconciler.ledger.pricing import UnknownPriceError, credits_of, rates_of
from reconciler.operations.attempt import Call, CallEnd
from reconciler.operations.calls import call_model
from reconciler.operations.context import context_of, load_contexts
from reconciler.operations.engine import LEASE, Engine
from reconciler.operations.funding import fund
from reconciler.operations.review import load_article, void_approval
from reconciler.operations.worker import is_gone, worker_name
from reconciler.pipeline.approval import hash_of
from reconciler.pipeline.decisions import choose_model, models_to_try
from reconciler.pipeline.port import Row, SiteContext, Update
from reconciler.pipeline.redraw import Redraw, wish, with_model
from reconciler.pipeline.stages import STAGES
from reconciler.store.departures import stays
from reconciler.store.engine import AlreadyThereError, Connection, Database
from reconciler.store.items import SiteItems, carry_out
from reconciler.store.ledger import Origin, balance_of, expire_holds
from reconciler.store.media import picture_path
from reconciler.store.review import (
    choose_image,
    every_image_of,
    find_image,
    forget_image_failures,
    publication_of,
    record_decision,
)
from reconciler.store.runs import (
    RunLease,
    end_run,
    find_open_run,
    lose_attempts,
    open_stage,
    stage_runs_of,
    start_run,
    take_over_run,
)
from reconciler.usage import Usage

TRIGGER = "images"


@dataclass(frozen=True, slots=True)
class Quote:
    """What drawing an image anew takes: of which article, with which model and prompt, and the credits that there are."""

    image_id: int
    content_id: int
    site: str
    account: str
    role: str
    title: str
    model: str
    prompt: str
    credits: int
    available: int


@dataclass(frozen=True, slots=True)
class Redrawn:
    """A new image, the one that stood in its place until then, and the credits that it took."""

    image_id: int
    former_id: int
    credits: int


def list_images(database: Database, content_id: int) -> tuple[Row, ...]:
    """Return all images of an article, also those of the past; UsageError when there is no such article."""
    with database.write() as connection:
        load_article(connection, content_id)
        return tuple(every_image_of(connection, content_id))


def quote_redraw(database: Database, image_id: int, *, added: str = "", choice: ModelChoice | None = None) -> Quote:
    """Return what drawing an image anew would take. ConflictError when its article is history or on its way out."""
    with database.write() as connection:
        image, article, context = _load(connection, image_id)
        context = with_model(context, choice)
        chosen = choose_model(context, Redraw.declaration)
        if isinstance(chosen, str):
            raise UsageError(chosen, hint="declare one in models.yaml")
        ai = context.site.ai
        try:
            rates = rates_of(chosen.name, chosen.model, size=ai.image_size, quality=ai.image_quality)
        except UnknownPriceError as error:
            raise UsageError(str(error)) from error
        return Quote(
            image_id, int(article["id"]), context.site.name, context.account.name, str(image["role"]),
            str(article["title"]), chosen.name, wish(str(image["asked"]), added), credits_of(Usage(images=1), rates),
            balance_of(connection, context.account.name).available,
        )  # fmt: skip


async def redraw(engine: Engine, quote: Quote, *, by: str, choice: ModelChoice | None = None) -> Redrawn:
    """Draw an image anew, as it was quoted: hold, call, settle. The old one stays in the history.

    What was approved is not what the article is any more, so that it waits for a person again. BlockedError when the
    credits do not suffice, UnreachableError when the provider has no key or brings nothing, LockedError while the site
    is at work.
    """
    with engine.database.write() as connection:
        image, _, context = _load(connection, quote.image_id)
        # Whoever draws from an image of the history takes the place of the one that stands there now.
        place = [row for row in every_image_of(connection, quote.content_id) if row["prompt_id"] == image["prompt_id"]]
        former_id = next((int(row["id"]) for row in place if row["is_current"]), quote.image_id)
    context = with_model(context, choice)
    _make_sure_of_a_provider(engine, context)
    lease, stage_run_id = _open_run(engine, context)
    end: CallEnd | None = None
    try:
        call = Call(
            engine.database, engine.clock, engine.pool, engine.media, context, lease, Redraw(quote.prompt), stage_run_id,
            [image], engine.stop, engine.progress, engine.rng, engine.traces,
        )  # fmt: skip
        end = await call_model(call, lease_seconds=LEASE.total_seconds())
    finally:
        with engine.database.write() as connection:
            # A call that nobody knows the end of is left for whoever comes next: its hold goes back then.
            state = "interrupted" if end is None else "completed" if end.done else "failed"
            note = "the call broke off" if end is None else end.refusal or end.reason or "stopped by request"
            note = "" if state == "completed" else note[:500]
            end_run(connection, lease, state, now=engine.clock.now(), note=note)
            forget_image_failures(connection, [quote.image_id])
    if end.refusal:
        raise BlockedError(end.refusal, hint=f"igny8 credits balance {quote.account}")
    if not end.done:
        raise UnreachableError(end.reason or "stopped before it was through", hint="the credits were given back")
    return Redrawn(_record(engine, quote, by, former_id), former_id, end.credits)


def use_image(database: Database, media: Path, clock: Clock, image_id: int, *, by: str) -> Row:
    """Let an image of the history stand in the article again; an approval that holds goes on to hold. Return it."""
    with database.write() as connection:
        image, article, context = _load(connection, image_id)
        if not picture_path(media, image["sha256"], image["media_type"]).exists():
            raise UnreachableError(f"the file of image {image_id} is gone from {media}")
        if image["is_current"]:
            raise ConflictError(f"image {image_id} is the one that stands in the article")
        reader = SiteItems(connection, context.site.name)
        holds = article["approved_hash"] and article["approved_hash"] == hash_of(article, reader)
        choose_image(connection, image)
        after = hash_of(article, reader)
        if holds:
            update = Update("content", int(article["id"]), {"approved_hash": after})
            carry_out(connection, context.site.name, [update], clock.now())
        record_decision(
            connection, article, "image_chosen", by=by, at=clock.now(),
            reason=f"image {image_id} as {image['role']}", content_hash=after,
        )  # fmt: skip
        return {**image, "is_current": True}


def _load(connection: Connection, image_id: int) -> tuple[Row, Row, SiteContext]:
    image = find_image(connection, image_id)
    if image is None:
        raise UsageError(f"there is no image {image_id}", hint="`igny8 images list CONTENT` shows the numbers")
    article, _ = load_article(connection, int(image["content_id"]))
    publication = publication_of(connection, int(article["id"]))
    if publication is not None and publication["state"] == "publishing":
        raise ConflictError(
            f"content {article['id']} is on its way out at this moment", hint="try again when it is public"
        )
    return image, article, context_of(load_contexts(connection), str(image["site"]))


def _make_sure_of_a_provider(engine: Engine, context: SiteContext) -> None:
    """Raise UnreachableError, with what to do, when no model that may draw the image has a provider with its secrets."""
    chosen = choose_model(context, Redraw.declaration)
    reasons: list[UnreachableError] = []
    for candidate in () if isinstance(chosen, str) else models_to_try(context, chosen):
        try:
            engine.pool.adapter_for(context, candidate)
        except UnreachableError as error:
            reasons.append(error)
        else:
            return
    if reasons:
        raise reasons[0]


def _open_run(engine: Engine, context: SiteContext) -> tuple[RunLease, int]:
    """Open a run of one call. All its stages have ended: whoever finds it left open takes its hold back and closes it."""
    now, site = engine.clock.now(), context.site.name
    origin = Origin("images", now, context.generation)
    try:
        with engine.database.write() as connection:
            if not stays(connection, site):
                raise LockedError(f"the site {site} is being deleted")
            open_run = find_open_run(connection, site, lock=True)
            if open_run is not None and open_run.trigger == TRIGGER and _is_left(open_run, now):
                _clean_up(connection, open_run.id, origin)
            elif open_run is not None:
                raise LockedError(
                    f"run {open_run.id} of {site} is {open_run.state}", hint="draw the image when the run has ended"
                )
            fund(connection, context.account, context.tier, origin)
            values = {
                "site": site,
                "account": context.account.name,
                "trigger": TRIGGER,
                "generation": context.generation,
                "available_at_start": balance_of(connection, context.account.name).available,
                "owner": worker_name(),
                "lease_until": now + LEASE,
                "simulated": engine.pool.offline,
                "started_at": now,
            }
            lease = start_run(connection, values)
            for stage in STAGES:
                declaration = stage.declaration
                is_ours = declaration.key == Redraw.declaration.key
                record = {"stage": declaration.key, "number": declaration.number, "total": int(is_ours)}
                record |= (
                    {"state": "completed"} if is_ours else {"state": "skipped", "reason": "one image is drawn anew"}
                )
                open_stage(connection, lease.run_id, record | {"started_at": now, "finished_at": now})
            return lease, int(stage_runs_of(connection, lease.run_id)[Redraw.declaration.key].id)
    except AlreadyThereError as error:
        raise LockedError(f"a run of {site} has just begun", hint="draw the image when the run has ended") from error


def _is_left(open_run: Any, now: datetime) -> bool:
    """Tell whether nobody works on an open run any more."""
    if open_run.state == "interrupted":
        return True
    return open_run.lease_until is None or open_run.lease_until <= now or is_gone(open_run.owner)


def _clean_up(connection: Connection, run_id: int, origin: Origin) -> None:
    """Close the run of an image that broke off: its call is lost, its hold goes back."""
    lose_attempts(connection, run_id, origin.at)
    expire_holds(connection, origin, run_id=run_id)
    lease = take_over_run(connection, run_id, owner=worker_name(), lease_until=origin.at, generation=origin.generation)
    end_run(connection, lease, "failed", now=origin.at, note="the call broke off")


def _record(engine: Engine, quote: Quote, by: str, former_id: int) -> int:
    """Take the approval back, write the decision down, and return the new image."""
    now = engine.clock.now()
    with engine.database.write() as connection:
        newest = max(int(row["id"]) for row in every_image_of(connection, quote.content_id) if row["is_current"])
        article, context = load_article(connection, quote.content_id)
        # What is on its way out by now is told apart from what was approved by its hash.
        with contextlib.suppress(ConflictError):
            void_approval(connection, article, f"an image was drawn anew by {by}", now)
        after = hash_of(article, SiteItems(connection, context.site.name))
        reason = f"image {newest} in place of {former_id}"
        record_decision(connection, article, "redrawn", by=by, at=now, reason=reason, content_hash=after)
    return newest
