"""Linking and optimization: credits shown first, charged through the same books, the text changed and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ai_server import serving
from builder import FILES, World, after_a_run, edited, write_root
from model_server import ModelServer, article, root

from cli.main import run as igny8
from reconciler.store.engine import open_database
from reconciler.store.ledger import find_breaks
from reconciler.wording import counted

PROMPTS = {
    f"prompts/{name}.md": (Path(__file__).parents[2] / f"prompts/{name}.md").read_text()
    for name in ("link-content", "optimize-content")
}
NOW = "2026-11-18T20:00+00:00"
BY_HAND = edited("sites/blog.yaml", ("publishing:", "publishing:\n  auto_approval: false"))


@pytest.fixture
def cli(capsys):
    def command(world: World, *words: str):
        timed = (
            ["--offline", "--at", NOW]
            if words[0] in ("link", "optimize")
            else ["--at", NOW]
            if words[0] == "approve"
            else []
        )
        code = igny8(["-C", str(world.root), "--db", world.database.url, "content", *words, *timed])
        captured = capsys.readouterr()
        return code, captured.out if "--json" in words and not code else captured.out + captured.err

    return command


def after_a_run_of_three(world: World) -> None:
    more = edited("sites/blog.yaml", ("best hiking boots,", "best hiking boots, camp stove,"))
    world.write(PROMPTS | more)
    after_a_run(world)
    world.at(world.clock.now().replace(hour=20)).publish()


@pytest.fixture
def published(databases, tmp_path) -> World:
    """Two articles that are public, and a third one that is scheduled."""
    world = databases.world(after_a_run_of_three, tmp_path)
    later = world.at(world.clock.now().replace(hour=20))
    assert later.counts("content") == {"published": 2, "scheduled": 1}
    return later


def facts(world: World, number: int) -> tuple:
    return world.rows(f"SELECT title, slug, markdown, state, approved_by FROM content WHERE id = {number}")[0]


def assert_books_are_right(world: World) -> None:
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
    assert world.rows("SELECT held FROM credit_account") == [(0,)]
    assert world.rows("SELECT count(*) FROM run WHERE state = 'running'") == [(0,)]


def test_linking_shows_the_credits_then_adds_links_and_charges_once(published, cli):
    before = facts(published, 3)
    code, told = cli(published, "link", "3", "--dry-run", "--json")
    offer = json.loads(told)["offers"][0]
    assert (code, offer["site"], offer["model"]) == (0, "blog", "writer")
    assert 1 <= offer["credits_expected"] <= offer["credits_max"] <= 15
    assert facts(published, 3) == before and published.rows("SELECT count(*) FROM usage WHERE stage = 'linking'") == [
        (0,)
    ]
    assert "its approval will be void" in cli(published, "link", "3", "--dry-run")[1]

    code, told = cli(published, "link", "3", "--yes", "--json")
    answer = json.loads(told)
    assert (code, answer["summary"]["done"]) == (0, 1), told
    title, slug, markdown, state, approved_by = facts(published, 3)
    urls = {url for (url,) in published.rows("SELECT url FROM publication WHERE state = 'published'")}
    assert (title, slug) == before[:2] and any(f"]({url})" in markdown for url in urls)
    plain = markdown
    for url in urls:
        plain = plain.replace(f"]({url})", "")
    assert plain.replace("[", "") == before[2].replace("[", ""), "nothing but the links is new"
    assert (state, approved_by) == ("review", None), "what was approved was another text"
    assert published.rows("SELECT count(*) FROM publication WHERE content_id = 3") == [(0,)], "its slot is free again"
    charged = published.rows("SELECT operation, stage, item_kind, credits FROM usage WHERE stage = 'linking'")
    assert charged == [("linking", "linking", "content", answer["summary"]["credits"])]
    assert charged[0][3] <= offer["credits_max"]
    assert published.rows('SELECT "trigger", state FROM run ORDER BY id')[-1] == ("linking", "completed")
    (text,) = published.rows("SELECT text FROM notification WHERE event = 'ai_linking_success'")[0]
    assert text == f"Linked 1 article using {counted(charged[0][3], 'credit')}"
    kept = published.rows("SELECT content_id, number, markdown, change FROM content_version")
    assert kept == [(3, 1, before[2], "links were added")]
    assert_books_are_right(published)
    assert published.run().failed == 0
    assert published.counts("content") == {"published": 2, "scheduled": 1}, "stage 7 approves what it had approved"


def test_optimizing_mends_what_the_checklist_found_and_keeps_the_article_public(published, cli):
    with published.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE content SET meta_title = 'Boots', meta_description = '', checklist = NULL WHERE id = 1"
        )
    before = facts(published, 1)
    code, told = cli(published, "optimize", "1", "--yes", "--json")
    answer = json.loads(told)
    assert code == 0, told
    offer, done = answer["offers"][0], answer["articles"][0]
    assert done["score"] > offer["score"]
    assert facts(published, 1)[:2] == before[:2] and facts(published, 1)[3] == "published"
    ((title, description),) = published.rows("SELECT meta_title, meta_description FROM content WHERE id = 1")
    assert 30 <= len(title) <= 60 and 70 <= len(description) <= 160
    assert published.rows("SELECT operation FROM usage WHERE stage = 'optimization'") == [("optimization",)]
    assert_books_are_right(published)


def test_an_approval_by_hand_waits_for_a_person_again(world, cli):
    world.write(PROMPTS | BY_HAND)
    world.apply()
    world.run()
    assert cli(world, "approve", "1", "2")[0] == 0
    later = world.at(world.clock.now().replace(hour=11))
    with later.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET meta_description = '', checklist = NULL WHERE id = 1")
    code, told = cli(later, "optimize", "1", "--yes")
    assert code == 0, told
    assert later.rows("SELECT state, waits_for FROM content WHERE id = 1") == [
        ("review", "a person: it was optimized after it was approved")
    ]
    later.run()
    assert facts(later, 1)[3] == "review"


@pytest.mark.parametrize(
    ("change", "number", "code", "says"),
    [
        ({}, "99", 64, "there is no content 99"),
        ({"prompts/link-content.md": None}, "3", 64, "write prompts/link-content.md"),
        ({"platform.yaml": FILES["platform.yaml"] + "modules: {linking: false}\n"}, "3", 4, "the module linking is off"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_is_held(published, cli, change, number, code, says):
    published.write(change)
    published.apply()
    answer = cli(published, "link", number, "--yes")
    assert answer[0] == code and says in answer[1]
    assert published.rows("SELECT count(*) FROM run WHERE \"trigger\" = 'linking'") == [(0,)]


def test_without_a_terminal_it_wants_yes_and_without_credits_it_says_so(published, cli):
    assert "add --yes" in cli(published, "link", "3")[1]
    with published.database.write() as connection:
        connection.exec_driver_sql("UPDATE credit_account SET suspended = true")
    code, told = cli(published, "link", "3", "--yes")
    assert (code, "is suspended" in told) == (7, True)
    assert published.rows("SELECT count(*) FROM usage WHERE stage = 'linking'") == [(0,)]
    assert_books_are_right(published)


def test_a_site_at_work_is_left_alone_and_a_dead_workers_run_is_closed(published, cli):
    values = "'blog', 'acme', '{}', 'running', 1, 0, '{}', '2026-11-18 21:00:00', 7, '2026-11-18 19:00:00'"
    columns = 'site, account, "trigger", state, generation, available_at_start, owner, lease_until, fence, started_at'
    insert = f"INSERT INTO run ({columns}) VALUES ({values})"
    with published.database.write() as connection:
        connection.exec_driver_sql(insert.format("now", "elsewhere:1:1"))
    code, told = cli(published, "link", "3", "--yes")
    assert code == 6 and "of blog is running" in told
    with published.database.write() as connection:
        connection.exec_driver_sql("UPDATE run SET \"trigger\" = 'linking', owner = '' WHERE state = 'running'")
    assert cli(published, "link", "3", "--yes")[0] == 0
    runs = published.rows('SELECT "trigger", state, note FROM run ORDER BY id')
    assert runs[-2:] == [
        ("linking", "failed", "its worker stopped while it was at work"), ("linking", "completed", ""),
    ]  # fmt: skip
    with published.database.write() as connection:
        connection.exec_driver_sql(insert.format("linking", ""))
    assert published.run(due=True).results == (), "nobody goes on with it as if it were a run of the pipeline"
    assert [result.state for result in published.run().results] == ["completed"]
    assert_books_are_right(published)


def answers(model: ModelServer, output: str, *texts: dict) -> None:
    model.faults |= {(output, number): json.dumps(text) for number, text in enumerate(texts)}


def improve(world: World, key: str, number: int):
    import asyncio

    from reconciler.operations.improve import improve as carry_out

    return asyncio.run(carry_out(world.engine(), number, key))


@pytest.fixture
def asked(tmp_path):
    """A world whose models are called at a server, with two public articles, and the server's model."""
    with serving() as server:
        model = ModelServer(server)
        database = open_database(f"sqlite:///{tmp_path / 'state.db'}")
        world = World(write_root(tmp_path / "root", root(server) | PROMPTS), database)
        world.apply()
        world.run()
        world = world.at(world.clock.now().replace(day=24))
        world.publish()
        yield world, model
        database.close()


def test_links_that_nobody_offered_or_that_have_no_place_are_refused_and_asked_for_once_more(asked):
    world, model = asked
    (url,) = world.rows("SELECT url FROM publication WHERE content_id = 2")[0]
    before = facts(world, 1)
    answers(
        model, "links", {"links": [{"anchor": "the sole", "url": "https://blog.example/invented/"}]},
        {"links": [{"anchor": "What to look at", "url": url}, {"anchor": "what to look at", "url": url}]},
    )  # fmt: skip
    done = improve(world, "linking", 1)
    assert "none of the anchors stands" in done.reason and done.credits == 0
    assert facts(world, 1) == before
    assert world.rows("SELECT attempts, set_aside_at FROM content WHERE id = 1") == [(0, None)], (
        "nothing is wrong with it"
    )
    errors = [error for (error,) in world.rows("SELECT error FROM attempt WHERE stage = 'linking' ORDER BY number")]
    assert errors[0] == "none of the addresses is one of those that were offered"
    model.asked.clear()
    answers(model, "links", {"links": []})
    done = improve(world, "linking", 1)
    assert (done.reason, done.summary) == ("", "no link helps; nothing was changed")
    model.asked.clear()
    answers(model, "links", {"links": [{"anchor": "the sole", "url": url}, {"anchor": "feet dry", "url": url}]})
    improve(world, "linking", 1)
    assert facts(world, 1)[2] == before[2].replace("feet dry", f"[feet dry]({url})", 1), "each page once"
    assert_books_are_right(world)


def test_an_optimized_article_that_lost_something_is_refused(asked):
    world, model = asked
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET meta_description = 'Short.', checklist = NULL WHERE id = 1")
        connection.exec_driver_sql(
            "UPDATE content SET markdown = '[a source](https://elsewhere.example/a) ' || markdown WHERE id = 1"
        )
    title = facts(world, 1)[0]
    text = article(title)
    good = {**text, "markdown": "[a source](https://elsewhere.example/a) " + text["markdown"]}
    worse = {**good, "meta_description": "y", "markdown": good["markdown"].replace("## What to do", "#### What to do")}
    other = {**good, "title": facts(world, 2)[0]}
    for first, reason in (
        (text, "links of the article were lost"),
        (worse, "its checklist fell"),
        (other, "that of another article"),
    ):
        model.asked.clear()
        answers(model, "optimized_article", first, good)
        world.clock.advance(minutes=1)
        with world.database.write() as connection:
            connection.exec_driver_sql("UPDATE content SET meta_description = 'Short.', checklist = NULL WHERE id = 1")
        assert improve(world, "optimization", 1).reason == ""
        last = world.rows(
            "SELECT error FROM attempt WHERE stage = 'optimization' AND status = 'error' ORDER BY started_at"
        )[-1]
        assert reason in last[0]
    assert_books_are_right(world)
