"""Changes while items are on their way: what a plan says of them, and what becomes of them; on both databases."""

from __future__ import annotations

import pytest
from builder import FILES, ScriptedProvider, World, edited

from reconciler.errors import BlockedError, ConflictError
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.operations.in_flight import end_stale_drains
from reconciler.operations.plan import plan
from reconciler.plan.in_flight import read_handling
from reconciler.plan.observed import PlanOptions
from reconciler.providers import offline

OFFLINE = offline.make(ProviderSpec(type="ai", adapter="offline"), {})
ONE_ARTICLE = {
    "sites/blog.yaml": FILES["sites/blog.yaml"]
    + "stages:\n  content: {per_run_limit: 1}\n  prompts: {enabled: false}\n"
}
NEW_PROMPT = edited("prompts/article.md", ("Answer in JSON.", "Answer in JSON, anew."))


def handling(text: str) -> dict[str, PlanOptions]:
    return {"options": PlanOptions(in_flight=read_handling(text))}


def recording(world: World) -> ScriptedProvider:
    world.provider = ScriptedProvider(OFFLINE, lambda request, count: None)
    return world.provider


def planned(world: World, text: str = "pin"):
    return plan(world.database, world.compile(), world.clock, **handling(text))


def prompts_of(provider: ScriptedProvider, function: str) -> list[str]:
    return [request.prompt for request in provider.requests if request.function == function]


def with_a_task_waiting(world: World) -> ScriptedProvider:
    """Leave the world with one article in review or beyond and one task that waits."""
    world.write(ONE_ARTICLE)
    world.apply()
    provider = recording(world)
    world.run()
    assert world.counts("task") == {"completed": 1, "pending": 1}
    return provider


def test_a_changed_prompt_shows_what_is_in_flight_and_lets_it_finish_on_the_old_one(world):
    provider = with_a_task_waiting(world)
    world.write(NEW_PROMPT)
    found = planned(world).plan.in_flight
    assert found.total("finishing") == {"tasks": 1}
    assert [site.change.made_differently for site in found.sites] == [("content",)]
    world.apply()
    assert world.rows("SELECT pinned_generation FROM task ORDER BY id") == [(None,), (1,)]
    world.run()
    assert ["anew" in prompt for prompt in prompts_of(provider, "generate_content")] == [False, False]
    assert world.rows("SELECT pinned_generation FROM content ORDER BY id") == [(None,), (1,)], "content keeps the pin"


def test_what_begins_after_the_change_is_made_with_the_new_revision(world):
    provider = with_a_task_waiting(world)
    world.write(NEW_PROMPT)
    world.apply()
    sectors = ("tent for camping in rain]", "tent for camping in rain, rope for climbing, carabiner for climbing]")
    world.write(edited("sites/blog.yaml", sectors))
    world.apply()
    world.run()
    world.run()
    told = prompts_of(provider, "generate_content")
    assert ["anew" in prompt for prompt in told[:2]] == [False, False]
    assert len(told) > 2
    assert all("anew" in prompt for prompt in told[2:])


def test_a_whole_chain_keeps_the_revision_that_it_began_with(world):
    """An idea from a pinned cluster, its task, its article, its image prompts and images: all as declared then."""
    world.write({"sites/blog.yaml": FILES["sites/blog.yaml"] + "stages:\n  ideas: {enabled: false}\n"})
    world.apply()
    provider = recording(world)
    world.run()
    assert world.counts("cluster").keys() == {"new"}
    world.write(
        {path: FILES[path].replace("Answer in JSON.", "Answer anew.") for path in FILES if path.startswith("prompts/")}
        | edited("models.yaml", ("testing: true", "testing: true\n    notes: the same"))
        | edited("sites/blog.yaml")
    )
    world.apply()
    world.run()
    assert world.counts("content").keys() == {"scheduled"}
    assert not any("anew" in request.prompt for request in provider.requests)


def test_the_model_of_then_is_called_while_it_can_be_and_else_the_current_one(world):
    second = '  scribe:\n    type: text\n    provider: samples\n    cost_per_1k_input: "0.001"\n    cost_per_1k_output: "0.01"\n'
    second += "    tokens_per_credit: 1000\n"
    catalog = FILES["models.yaml"]
    live = "    tokens_per_credit: 1000\n    default: true\n"
    writer_live = catalog + second
    scribe_live = catalog.replace(live, "    tokens_per_credit: 1000\n") + second + "    default: true\n"
    world.write({"models.yaml": writer_live})
    with_a_task_waiting(world)
    world.write({"models.yaml": scribe_live})
    assert "clusters" in planned(world).plan.in_flight.sites[0].change.made_differently
    world.apply()
    world.run()
    assert world.rows("SELECT model FROM content ORDER BY id") == [("writer",), ("writer",)]


def test_a_model_that_is_gone_is_replaced_with_a_note(world):
    live = "    tokens_per_credit: 1000\n    default: true\n"
    other = live + '  scribe:\n    type: text\n    provider: samples\n    cost_per_1k_input: "0.001"\n'
    other += '    cost_per_1k_output: "0.01"\n    tokens_per_credit: 1000\n'
    with_a_task_waiting(world)
    retired = edited("models.yaml", (live, other.replace(live, "    tokens_per_credit: 1000\n    active: false\n")
                                     + "    default: true\n"))  # fmt: skip
    world.write(retired)
    world.apply()
    world.run()
    assert world.rows("SELECT model FROM content ORDER BY id") == [("writer",), ("scribe",)]
    (notes,) = world.rows(
        "SELECT notes FROM attempt WHERE stage = 'content' ORDER BY started_at DESC, run_id DESC LIMIT 1"
    )[0]
    assert notes == "the model writer is inactive: generation 1 called it, now the current one is called"


def test_a_price_change_and_a_limit_hold_at_once_and_pin_nothing(world):
    with_a_task_waiting(world)
    world.write(edited("models.yaml", ('cost_per_1k_output: "0.01"', 'cost_per_1k_output: "0.02"')))
    assert planned(world).plan.in_flight.sites == ()
    world.write({"sites/blog.yaml": ONE_ARTICLE["sites/blog.yaml"].replace("per_run_limit: 1", "per_run_limit: 2")})
    found = planned(world).plan.in_flight
    assert found.total("relimited") == {"tasks": 1}
    assert found.remade == ()
    world.apply()
    assert world.rows("SELECT count(*) FROM task WHERE pinned_generation IS NOT NULL") == [(0,)]


def test_revisions_that_nobody_stays_on_are_forgotten(world):
    with_a_task_waiting(world)
    world.write(NEW_PROMPT)
    world.apply()
    assert world.rows("SELECT site, generation FROM pinned_revision") == [("blog", 1)]
    world.run()
    world.write(edited("platform.yaml", ('"0.01"', '"0.02"')))
    world.apply()
    assert world.rows("SELECT count(*) FROM pinned_revision") == [(0,)]
    assert world.rows("SELECT count(*) FROM pinned_part") == [(0,)]


REVIEWED = {
    "sites/blog.yaml": FILES["sites/blog.yaml"].replace(
        "publishing:\n", "publishing:\n  auto_approval: false\n"
    )
}  # fmt: skip


def with_articles_in_review(world: World) -> ScriptedProvider:
    world.write(REVIEWED)
    world.apply()
    provider = recording(world)
    world.run()
    assert world.counts("content") == {"review": 2}
    return provider


@pytest.mark.parametrize(
    ("stage", "file", "again"),
    [
        ("clusters", "prompts/cluster.md", {"auto_cluster", "generate_ideas", "generate_content", "generate_images"}),
        ("ideas", "prompts/ideas.md", {"generate_ideas", "generate_content", "generate_image_prompts"}),
        ("content", "prompts/article.md", {"generate_content", "generate_image_prompts", "generate_images"}),
        ("prompts", "prompts/image-prompts.md", {"generate_image_prompts", "generate_images"}),
        ("images", "prompts/images.md", {"generate_images"}),
    ],
)
def test_requeued_items_are_made_anew_and_what_was_made_is_kept(world, stage, file, again):
    provider = with_articles_in_review(world)
    before = {kind: world.rows(f"SELECT count(*) FROM {kind}")[0][0] for kind in ("content", "image", "image_prompt")}
    text = FILES[file]
    assert "Write for" in text
    world.write({file: text.replace("Write for", "Write anew for")})
    found = planned(world, f"requeue-from:{stage}")
    redo = found.plan.in_flight.requeued
    assert redo.articles == 2
    assert redo.credits > 0
    world.apply(**handling(f"requeue-from:{stage}"))
    made = len(provider.requests)
    world.run()
    functions = {request.function for request in provider.requests[made:]}
    assert again <= functions
    assert all("anew" in r.prompt for r in provider.requests[made:] if r.function == min(again, key=order))
    live = "superseded_at IS NULL"
    assert world.rows(f"SELECT state, count(*) FROM content WHERE {live} GROUP BY state") == [("review", 2)]
    after = {kind: world.rows(f"SELECT count(*) FROM {kind}")[0][0] for kind in ("content", "image", "image_prompt")}
    assert all(after[kind] >= before[kind] for kind in before), "nothing is deleted"
    assert after["image"] == 2 * before["image"]
    assert world.rows("SELECT count(*) FROM image WHERE is_current") == [(6,)]
    slugs = [slug for (slug,) in world.rows(f"SELECT slug FROM content WHERE {live}")]
    assert not any("~" in slug or slug.endswith("-2") for slug in slugs), "a new article takes the slug over"


def order(function: str) -> int:
    return ["auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"].index(
        function
    )


@pytest.mark.parametrize("stage", ["clusters", "ideas", "content", "prompts", "images"])
def test_approved_and_published_articles_are_never_requeued(world, stage):
    world.apply()
    world.run()
    world = world.at(world.clock.now().replace(hour=14, minute=1))
    world.publish()
    assert world.counts("content") == {"published": 1, "scheduled": 1}
    everything = "SELECT id, state, title, slug, superseded_at FROM content ORDER BY id"
    articles, images = world.rows(everything), world.rows("SELECT id, is_current FROM image ORDER BY id")
    world.write({path: FILES[path].replace("Write", "Write anew") for path in FILES if path.startswith("prompts/")})
    assert planned(world, f"requeue-from:{stage}").plan.in_flight.requeued.articles == 0
    world.apply(**handling(f"requeue-from:{stage}"))
    world.run()
    assert world.rows(everything)[:2] == articles
    assert world.rows("SELECT id, is_current FROM image ORDER BY id") == images


def test_a_requeue_waits_for_a_run_at_work(world):
    with_articles_in_review(world)
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO run (id, site, account, trigger, state, generation, available_at_start, started_at, lease_until)"
            " VALUES (77, 'blog', 'acme', 'now', 'running', 1, 0, '2026-11-18', '2026-11-19')"
        )
    world.write(NEW_PROMPT)
    with pytest.raises(BlockedError, match="site/blog has run 77; let it end before its items are requeued"):
        world.apply(**handling("requeue-from:content"))
    world.apply()


def test_a_drain_stops_the_intake_and_the_change_is_applied_once_the_site_is_empty(world):
    provider = with_a_task_waiting(world)
    world.write(NEW_PROMPT)
    with pytest.raises(BlockedError, match="1 task at site/blog must be finished") as raised:
        world.apply(**handling("drain"))
    assert "take nothing new in from now on" in raised.value.hint
    assert world.rows("SELECT site, requested_by FROM site_drain") == [("blog", "tester")]
    with pytest.raises(BlockedError, match="must be finished"):
        world.apply()
    world.run()
    reasons = dict(world.rows("SELECT stage, reason FROM stage_run WHERE run_id = 2 AND state = 'skipped'"))
    assert {stage for stage, reason in reasons.items() if "is drained since" in reason} == {
        "clusters",
        "ideas",
        "tasks",
    }
    world.apply()
    assert world.rows("SELECT count(*) FROM site_drain") == [(0,)]
    assert world.rows("SELECT count(*) FROM task WHERE pinned_generation IS NOT NULL") == [(0,)]
    assert not any("anew" in prompt for prompt in prompts_of(provider, "generate_content"))


@pytest.mark.parametrize("end", ["another way", "taken back", "the daemon finds nothing to do"])
def test_a_drain_ends_when_its_change_is_taken_back_or_another_way_is_chosen(world, end):
    with_a_task_waiting(world)
    world.write(NEW_PROMPT)
    with pytest.raises(BlockedError):
        world.apply(**handling("drain"))
    if end == "another way":
        world.apply(**handling("pin"))
    else:
        world.write(edited("prompts/article.md"))
        if end == "taken back":
            world.apply()
        else:
            end_stale_drains(world.database)
    assert world.rows("SELECT count(*) FROM site_drain") == [(0,)]


def test_an_apply_with_another_handling_than_the_reviewed_one_is_refused(world):
    with_articles_in_review(world)
    world.write(NEW_PROMPT)
    compilation = world.compile()
    reviewed = plan(world.database, compilation, world.clock, **handling("requeue-from:content")).plan
    from reconciler.operations.apply import apply

    with pytest.raises(ConflictError):
        apply(
            world.database, compilation, reviewed, clock=world.clock, actor="tester", **handling("requeue-from:prompts")
        )


def test_keywords_that_are_no_longer_declared_are_archived_with_all_that_was_made_kept(world):
    world.apply()
    world.run()
    world.write(
        edited("sites/blog.yaml", (", lightweight tent, two person tent,\n               tent for camping in rain", ""))
    )
    found = planned(world).plan.keywords
    assert [(item.site, item.sector, item.archived, item.taken_up) for item in found] == [("blog", "hiking", 3, 0)]
    world.apply()
    assert world.rows("SELECT count(*) FROM keyword WHERE archived_at IS NOT NULL") == [(3,)]
    assert world.counts("content") == {"scheduled": 2}
    world.write(edited("sites/blog.yaml"))
    assert [item.taken_up for item in planned(world).plan.keywords] == [3]
    world.apply()
    assert world.rows("SELECT count(*) FROM keyword WHERE archived_at IS NOT NULL") == [(0,)]
    assert world.counts("keyword") == {"clustered": 6}, "and nothing is made of them twice"


def test_a_change_of_timezone_alone_moves_what_is_scheduled_by_the_new_clock(world):
    world.apply()
    world.run()
    world.write(edited("sites/blog.yaml", ("automation:", "timezone: Europe/Berlin\nautomation:")))
    moves = plan(world.database, world.compile(), world.clock).moves
    assert [(f"{move.from_at:%d %H:%M}", f"{move.to_at:%d %H:%M}") for move in moves] == [
        ("18 14:00", "18 13:00"),
        ("18 18:00", "18 17:00"),
    ]
    assert world.apply().moves == moves
    slots = [str(slot)[:16] for (slot,) in world.rows("SELECT slot_at FROM publication ORDER BY id")]
    assert slots == ["2026-11-18 13:00", "2026-11-18 17:00"]


def test_slots_of_articles_that_went_out_or_are_going_out_are_not_given_again(world):
    world.apply()
    world.run()
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE publication SET state = 'publishing', slot_at = '2026-11-18 16:30:00+00:00'"
                                   " WHERE id = 1" if connection.dialect.name == "postgresql" else
                                   "UPDATE publication SET state = 'publishing', slot_at = '2026-11-18 16:30:00.000000'"
                                   " WHERE id = 1")  # fmt: skip
    world.write(edited("sites/blog.yaml", ('"09:00", "14:00", "18:00"', '"16:30"')))
    assert [f"{move.to_at:%d %H:%M}" for move in world.apply().moves] == ["19 16:30"]
    assert world.counts("publication") == {"publishing": 1, "scheduled": 1}


def test_a_deleted_site_is_told_what_would_not_be_published_and_has_its_calendar_when_it_comes_back(world):
    world.apply()
    world.run()
    world.write({"sites/blog.yaml": None})
    found = plan(world.database, world.compile(), world.clock)
    assert [(item.site, f"{item.from_at:%d %H:%M}", item.to_at) for item in found.unpublished] == [
        ("blog", "18 14:00", None),
        ("blog", "18 18:00", None),
    ]
    world.apply()
    assert world.at(world.clock.now().replace(hour=15)).publish().articles == ()
    assert world.rows("SELECT slot_at FROM publication") == [], "its slots are given back, its articles stay approved"
    assert world.counts("content")["approved"] == 2
    world.write(edited("sites/blog.yaml"))
    world.apply()
    world.publish()
    assert [f"{item.slot_at:%d %H:%M}" for item in world.at(world.clock.now().replace(hour=15)).publish().articles] == [
        "18 14:00"
    ]


def test_moves_are_of_the_site_that_changes_its_schedule_only(world):
    world.write({"sites/shop.yaml": FILES["sites/blog.yaml"].replace("name: blog", "name: shop")
                 .replace("published/blog", "published/shop").replace("blog.example", "shop.example")})  # fmt: skip
    world.apply()
    world.run()
    world.write(edited("sites/blog.yaml", ('"14:00", "18:00"', '"16:30"')))
    assert {move.site for move in world.apply().moves} == {"blog"}
    kept = world.rows("SELECT slot_at FROM publication WHERE site = 'shop' ORDER BY slot_at")
    assert [str(slot)[11:16] for (slot,) in kept] == ["14:00", "18:00"]
