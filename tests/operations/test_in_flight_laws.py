"""Laws of items in flight, over any sequence of applies, runs and approvals; on both databases.

Each example has a database of its own, so that there are few of them; what they are is the same each time.
"""

from __future__ import annotations

import re
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from builder import FILES, WEDNESDAY, ScriptedProvider, World, edited
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.kinds.site import Publishing
from reconciler.operations.content import approve_article
from reconciler.plan.in_flight import REQUEUE_STAGES, read_handling
from reconciler.plan.observed import PlanOptions
from reconciler.providers import offline
from reconciler.schedule.slots import is_slot

OFFLINE = offline.make(ProviderSpec(type="ai", adapter="offline"), {})
FEW = settings(
    max_examples=4, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
SITE = FILES["sites/blog.yaml"].replace("publishing:\n", "publishing:\n  auto_approval: false\n") + (
    "stages:\n  ideas: {per_run_limit: 1}\n  content: {per_run_limit: 1}\n  prompts: {per_run_limit: 1}\n"
    "  images: {per_run_limit: 2}\n"
)
STEPS = st.lists(
    st.sampled_from(["run", "run", "prompts", "limits", "approve", *(f"requeue-from:{stage}" for stage in REQUEUE_STAGES)]),
    min_size=4, max_size=6,
)  # fmt: skip


def with_small_steps(world: World) -> None:
    world.write({"sites/blog.yaml": SITE})


@pytest.fixture
def new_world(databases, tmp_path):
    """Makes worlds on one kind of database."""
    return lambda: databases.world(with_small_steps, Path(tempfile.mkdtemp(dir=tmp_path)))


def prompts(revision: int) -> dict[str, str]:
    return {
        path: text.replace("Answer in JSON.", f"Answer in JSON, revision {revision}.")
        for path, text in FILES.items()
        if path.startswith("prompts/")
    }


class Play:
    """Plays steps in a world, and remembers which revision of the prompts each generation had."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.provider = world.provider = ScriptedProvider(OFFLINE, lambda request, count: None)
        self.revision = 0
        self.limit = 1
        self.revision_of: dict[int, int] = {}
        self.pinned_calls = 0
        self.apply()

    def apply(self, handling: str = "pin") -> None:
        self.world.write(prompts(self.revision))
        self.world.apply(options=PlanOptions(in_flight=read_handling(handling)))
        (generation,) = self.world.rows("SELECT max(generation) FROM history")[0]
        self.revision_of[generation] = self.revision

    def step(self, step: str) -> None:
        if step == "run":
            self.run()
        elif step == "approve":
            for (number,) in self.world.rows("SELECT id FROM content WHERE state = 'review' AND superseded_at IS NULL"):
                approve_article(self.world.database, self.world.clock, number, by="ann")
        elif step == "limits":
            self.limit += 1
            text = SITE.replace("content: {per_run_limit: 1}", f"content: {{per_run_limit: {self.limit}}}")
            self.world.write({"sites/blog.yaml": text})
            self.apply()
        else:
            self.revision += 1
            self.apply("pin" if step == "prompts" else step)

    def run(self) -> None:
        """Run the site, and check of each call that it was made with the revision of its item's pin, else the current."""
        asked = len(self.provider.requests)
        self.world.run()
        attempts = {
            row[0]: row[1:] for row in self.world.rows("SELECT id, item_kind, item_ids FROM attempt")
        }  # fmt: skip
        for request in self.provider.requests[asked:]:
            kind, ids = attempts[request.attempt_id]
            first = ids[0] if isinstance(ids, list) else int(re.findall(r"\d+", ids)[0])
            pin = None if kind == "keyword" else self.world.rows(
                f"SELECT pinned_generation FROM {kind} WHERE id = {first}"
            )[0][0]  # fmt: skip
            self.pinned_calls += pin is not None
            (told,) = re.findall(r"revision (\d+)\.", request.prompt)
            assert int(told) == (self.revision if pin is None else self.revision_of[pin]), (kind, first, pin)


@FEW
@given(steps=STEPS)
def test_each_item_is_made_with_the_revision_of_its_pin_else_with_the_current_one(new_world, steps):
    play = Play(new_world())
    play.run()
    for step in ("prompts", "run", *steps, "prompts", "run"):
        play.step(step)
    assert play.pinned_calls


@FEW
@given(steps=STEPS)
def test_a_requeue_never_touches_what_is_approved_and_deletes_nothing(new_world, steps):
    play = Play(new_world())
    play.run()
    settled = "SELECT id, state, title, slug, markdown, task_id FROM content WHERE state NOT IN ('draft', 'review') ORDER BY id"
    drawn = (
        "SELECT i.id, i.is_current, p.position, p.superseded_at FROM image i JOIN image_prompt p ON p.id = i.prompt_id"
        " JOIN content c ON c.id = i.content_id WHERE c.state NOT IN ('draft', 'review') ORDER BY i.id"
    )
    for step in [*steps, "approve", "requeue-from:clusters", "run"]:
        before, images = play.world.rows(settled), play.world.rows(drawn)
        numbers = {kind: play.world.rows(f"SELECT count(*) FROM {kind}")[0][0] for kind in ("idea", "content", "image")}
        play.step(step)
        if step.startswith("requeue"):
            assert play.world.rows(settled) == before
            assert play.world.rows(drawn) == images
        for kind, number in numbers.items():
            assert play.world.rows(f"SELECT count(*) FROM {kind}")[0][0] >= number
        live = [row[0] for row in play.world.rows("SELECT slug FROM content WHERE superseded_at IS NULL")]
        assert len(set(live)) == len(live)


SLOTS = st.lists(
    st.sampled_from(["00:30", "02:30", "09:00", "14:00", "18:00", "23:45"]), min_size=1, max_size=4, unique=True
)
DAYS = st.lists(st.sampled_from(["mon", "wed", "fri", "sun"]), min_size=1, unique=True)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])


def scheduled(days, slots, zone) -> dict[str, str | None]:
    times = ", ".join(f'"{slot}"' for slot in sorted(slots))
    return edited(
        "sites/blog.yaml",
        ("days: [mon, tue, wed, thu, fri]", f"days: [{', '.join(days)}]"),
        ('["09:00", "14:00", "18:00"]', f"[{times}]"),
        ("automation:", f"timezone: {zone}\nautomation:"),
    )


@FEW
@given(schedules=st.lists(st.tuples(DAYS, SLOTS, ZONES), min_size=2, max_size=4), number=st.integers(1, 30))
def test_moves_are_one_to_one_onto_free_slots_of_the_new_schedule(new_world, schedules, number):
    world = new_world().at(WEDNESDAY - timedelta(days=25))  # the clocks go back on 25 October
    world.write(scheduled(*schedules[0]))
    world.apply()
    put_articles(world, number)
    for days, slots, zone in schedules[1:]:
        world.write(scheduled(days, slots, zone))
        before = dict(slots_of(world))
        moves = world.apply().moves
        after = dict(slots_of(world))
        assert len(set(after.values())) == len(after) == len(before), "an article a slot, a slot an article"
        assert {move.content_id: move.to_at for move in moves} == {
            item: at for item, at in after.items() if before[item] != at
        }
        publishing = Publishing(days=tuple(days), time_slots=tuple(slots))
        assert all(is_slot(publishing, zone, at=move.to_at) and move.to_at not in before.values() for move in moves)
        assert all(is_slot(publishing, zone, at=at) for at in after.values())


def slots_of(world: World):
    from reconciler.store.items import SiteItems

    with world.database.read() as connection:
        return [(row["content_id"], row["slot_at"]) for row in SiteItems(connection, "blog").find("publication", {})]


def put_articles(world: World, number: int) -> None:
    """Schedule articles as an approval does, without writing them."""
    from reconciler.operations.context import load_contexts
    from reconciler.pipeline.approval import take_slot
    from reconciler.pipeline.port import Alias, Insert
    from reconciler.store.items import SiteItems, carry_out

    now = world.clock.now()
    with world.database.write() as connection:
        context = load_contexts(connection)["blog"]
        shared = {"sector": "hiking"}
        carry_out(connection, "blog", [Insert("cluster", shared | {"name": "c", "state": "ideas_generated"})], now)
        taken: set = set()
        for index in range(number):
            title = f"Article {index}"
            idea = {"cluster_id": 1, "title": title, "keyword": "k", "keywords": [], "outline": [], "state": "queued"}
            text = {"title": title, "slug": f"article-{index}", "markdown": "x", "html": "x", "model": "m", "tags": []}
            carry_out(
                connection, "blog",
                [
                    Insert("idea", shared | idea, "idea"),
                    Insert("task", shared | {"idea_id": Alias("idea"), "state": "completed"}, "task"),
                    Insert("content", shared | text | {"task_id": Alias("task"), "state": "approved"}),
                ],
                now,
            )  # fmt: skip
            article = SiteItems(connection, "blog").find("content", {"slug": f"article-{index}"})[0]
            carry_out(connection, "blog", take_slot(context, article, now=now, taken=taken), now)
