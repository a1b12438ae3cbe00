"""Drawing an image anew: quoted, held, charged once, kept beside the old one; and choosing an older one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from builder import ScriptedProvider, World, after_a_run, edited

from reconciler.errors import BlockedError, ConflictError, LockedError, UnreachableError, UsageError
from reconciler.operations.content import show_article
from reconciler.operations.images import list_images, quote_redraw, redraw, use_image
from reconciler.operations.review import settle_reviews
from reconciler.providers.offline.provider import OfflineProvider
from reconciler.providers.port import Failure, ImageAnswer, ImageRequest
from reconciler.store.ledger_laws import find_breaks
from reconciler.usage import Usage


@pytest.fixture
def made(databases, tmp_path) -> World:
    """Two scheduled articles of three images each, drawn by the Testing model."""
    return databases.world(after_a_run, tmp_path)


def draw(world: World, image_id: int, *, added: str = "", choice=None):
    async def go():
        engine = world.engine()
        try:
            quote = quote_redraw(world.database, image_id, added=added, choice=choice)
            return await redraw(engine, quote, by="ann", choice=choice)
        finally:
            await engine.pool.close()

    return asyncio.run(go())


def balance(world: World) -> tuple[int, int]:
    ((available, held),) = world.rows("SELECT available, held FROM credit_account")
    return int(available), int(held)


def test_a_quote_tells_the_credits_of_the_model_and_the_whole_prompt(made):
    original = made.rows("SELECT prompt FROM image_prompt WHERE id = 1")[0][0]
    declared = quote_redraw(made.database, 1)
    assert (declared.model, declared.credits, declared.prompt) == ("sketcher", 1, original)
    live = quote_redraw(made.database, 1, added="At dusk ", choice="live")
    assert (live.model, live.credits, live.prompt) == ("painter", 8, f"{original}. At dusk")
    assert live.available == balance(made)[0]


def test_an_image_drawn_anew_is_charged_and_the_old_one_is_kept(made):
    available, _ = balance(made)
    drawn = draw(made, 1, added="at dusk", choice="live")
    assert (drawn.former_id, drawn.credits) == (1, 8)
    assert balance(made) == (available - 8, 0)
    images = [(row["id"], bool(row["is_current"]), row["model"]) for row in list_images(made.database, 1)]
    assert images[:2] == [(1, False, "sketcher"), (drawn.image_id, True, "painter")]
    assert show_article(made.database, 1)["images"][0]["id"] == drawn.image_id
    assert len(show_article(made.database, 1)["images"]) == 3
    line = made.rows("SELECT operation, model, credits, images, item_kind FROM usage ORDER BY id DESC LIMIT 1")
    assert line == [("image_generation", "painter", 8, 1, "image")]
    assert made.rows("SELECT trigger, state, credits_used FROM run ORDER BY id DESC LIMIT 1") == [
        ("images", "completed", 8)
    ]
    with made.database.read() as connection:
        assert find_breaks(connection) == ()


def test_the_article_is_not_what_was_approved_any_more(made):
    draw(made, 1)
    ((state, waits),) = made.rows("SELECT state, waits_for FROM content WHERE id = 1")
    assert (state, waits) == ("review", "a person: an image was drawn anew by ann")
    kinds = made.rows("SELECT kind, decided_by FROM content_decision")
    assert kinds == [("redrawn", "ann")]


def test_an_older_image_comes_back_without_credits_and_the_approval_holds(made):
    with made.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO image (site, state, content_id, prompt_id, sha256, media_type, width, height, size_bytes, model,"
            " prompt, is_current, created_at) SELECT site, state, content_id, prompt_id, (SELECT sha256 FROM image WHERE"
            " id = 2), media_type, width, height, size_bytes, model, prompt, (1 = 0), created_at FROM image WHERE id = 1"
        )
    ((older,),) = made.rows("SELECT max(id) FROM image")
    available = balance(made)
    use_image(made.database, made.installation.media, made.clock, int(older), by="ann")
    article = show_article(made.database, 1)
    assert (article["images"][0]["id"], article["is_as_approved"], article["state"]) == (older, True, "scheduled")
    assert balance(made) == available
    later = made.at(made.clock.now() + timedelta(days=1))
    assert settle_reviews(later.database, later.clock) == (0, 0)
    with pytest.raises(ConflictError, match="is the one that stands"):
        use_image(made.database, made.installation.media, made.clock, int(older), by="ann")


def test_an_article_that_was_changed_before_does_not_become_approved_by_an_image(made):
    drawn = draw(made, 1)
    use_image(made.database, made.installation.media, made.clock, 1, by="ann")
    assert show_article(made.database, 1)["approved_hash"] is None
    assert drawn.image_id != 1


def test_without_enough_credits_nothing_is_drawn(world):
    world.write(edited("models.yaml", ("credits_per_image: 8", "credits_per_image: 5000")))
    world.apply()
    world.run()
    available, _ = balance(world)
    before = world.counts("image")
    with pytest.raises(BlockedError, match=r"Insufficient credits\. Required: 5000"):
        draw(world, 1, choice="live")
    assert (balance(world), world.counts("image")) == ((available, 0), before)


def test_a_provider_that_brings_nothing_costs_no_credits_and_leaves_all_as_it_was(made):
    def refuse(request, _number):
        if isinstance(request, ImageRequest):
            return ImageAnswer(b"", "", Usage(), failure=Failure("refused", "no people, please"))
        return None

    made.provider = ScriptedProvider(OfflineProvider(), refuse)
    before = balance(made), show_article(made.database, 1)
    for _ in range(4):
        with pytest.raises(UnreachableError, match="no people, please"):
            draw(made, 1)
    assert (balance(made), show_article(made.database, 1)) == before
    assert made.rows("SELECT count(*) FROM image WHERE set_aside_at IS NOT NULL OR attempts > 0") == [(0,)]


def test_while_the_site_is_at_work_nothing_is_drawn(made):
    with made.database.write() as connection:
        connection.exec_driver_sql("UPDATE run SET state = 'running'")
    with pytest.raises(LockedError, match="run 1 of blog is running"):
        draw(made, 1)


def test_a_call_that_died_is_cleaned_up_by_the_next_run_and_makes_no_stage_run(made):
    """The process ends while the provider draws: the hold goes back, and no stage of that run is made up for."""

    class KilledError(Exception):
        pass

    def die(request, _number):
        if isinstance(request, ImageRequest):
            raise KilledError
        return

    made.provider = ScriptedProvider(OfflineProvider(), die)
    available, _ = balance(made)
    with pytest.raises(KilledError):
        draw(made, 1)
    assert balance(made) == (available - 1, 1)
    made.provider = None
    made.run()
    assert balance(made) == (available, 0)
    assert made.rows("SELECT status FROM attempt WHERE run_id = 2") == [("lost",)]
    states = made.rows("SELECT DISTINCT state FROM stage_run WHERE run_id = 2 ORDER BY state")
    assert states == [("completed",), ("skipped",)]


def test_a_call_that_died_is_cleaned_up_by_the_next_image_too(made):
    """Also where the process was killed and could not say so: its lease names a worker that is gone."""

    class KilledError(Exception):
        pass

    def die(request, _number):
        raise KilledError

    made.provider = ScriptedProvider(OfflineProvider(), die)
    available, _ = balance(made)
    with pytest.raises(KilledError):
        draw(made, 1)
    with made.database.write() as connection:
        connection.exec_driver_sql("UPDATE run SET state = 'running', owner = 'somewhere:1:0' WHERE id = 2")
    made.provider = None
    made.clock.advance(hours=1)
    assert draw(made, 1).credits == 1
    assert balance(made) == (available - 1, 0)
    assert made.rows("SELECT id, state FROM run ORDER BY id DESC LIMIT 2") == [(3, "completed"), (2, "failed")]


def test_what_is_not_there_is_told(made):
    with pytest.raises(UsageError, match="there is no image 99"):
        quote_redraw(made.database, 99)
    with pytest.raises(UsageError, match="there is no content 99"):
        list_images(made.database, 99)
