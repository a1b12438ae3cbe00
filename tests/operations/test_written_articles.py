"""Articles as runs write them: from the declared voice, with live links only, scored, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from ai_server import serving
from builder import World, edited
from model_server import PARAGRAPH, ModelServer, article, root

from cli.main import run as igny8

VOICE = {
    "authors/maya.yaml": "apiVersion: igny8/v1\nkind: Author\nname: maya\ndisplay_name: Maya\ntone: dry and exact\n",
    "strategies/guides.yaml": (
        "apiVersion: igny8/v1\nkind: Strategy\nname: guides\naudience: beginners\nwords_to_avoid: [ultimate]\n"
        "word_count: {min: 200, max: 400}\n"
    ),
}
PROMPT = """---
apiVersion: igny8/v1
kind: Prompt
function: generate_content
model_type: text
variables: [site, author, strategy, idea, link_candidates, word_count]
output: article
---
{{ site.display_name }} in {{ site.language }}; {{ author.tone }}; for {{ strategy.audience }}; never {{ strategy.words_to_avoid | join(", ") }}.
{% for link in link_candidates %}
Link: {{ link.url }}
{% endfor %}
{{ idea.title }}, {{ word_count.min }} words
"""


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with serving() as server:
        yield ModelServer(server)


@pytest.fixture
def calling(world: World, model: ModelServer) -> World:
    world.write(root(model.server) | VOICE | {"prompts/article.md": PROMPT})
    world.write(edited("sites/blog.yaml", ("url:", "language: en-GB\nauthor: maya\nstrategy: guides\nurl:")))
    world.apply()
    return world


def prompts(model: ModelServer, output: str) -> list[str]:
    return [prompt for name, prompt in model.prompts if name == output]


def test_the_prompt_has_the_declared_voice_and_only_live_pages_to_link_to(calling, model):
    calling.run()
    first = prompts(model, "article")[0]
    assert first.startswith("blog in en-GB; dry and exact; for beginners; never ultimate.")
    assert "Link:" not in first and "200 words" in first
    with calling.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE publication SET state = 'published', url = 'https://blog.example/a/' WHERE id = 1"
        )
        connection.exec_driver_sql("UPDATE content SET state = 'published' WHERE id = 1")
    site = (calling.root / "sites/blog.yaml").read_text()
    calling.write({"sites/blog.yaml": site.replace("best hiking boots,", "best hiking boots, camp stove,")})
    calling.apply()
    body = f"[live](https://blog.example/a/) and [guessed](https://blog.example/b/). {PARAGRAPH * 4}"
    model.faults["article", 2] = json.dumps(article("How to find camp stove", markdown=body))
    calling.run()
    last = prompts(model, "article")[-1]
    assert [line for line in last.splitlines() if line.startswith("Link:")] == ["Link: https://blog.example/a/"]
    ((markdown, html),) = calling.rows("SELECT markdown, html FROM content ORDER BY id DESC LIMIT 1")
    assert "[live](https://blog.example/a/) and guessed." in markdown and "/b/" not in html
    summaries = [text for (text,) in calling.rows("SELECT result_summary FROM attempt WHERE stage = 'content'")]
    assert sum("1 links to pages that are not there were dropped" in text for text in summaries) == 1


def test_ideas_that_repeat_another_are_left_out_and_told_and_not_written(calling, model):
    model.faults["ideas", 0] = json.dumps({"ideas": [
        {"title": "How to choose boots", "keyword": "best hiking boots"},
        {"title": "Choosing a boot", "keyword": "hiking boot best"},
        {"title": "The choose boots how to", "keyword": "winter hiking boots"},
    ]})  # fmt: skip
    model.faults["ideas", 1] = json.dumps({"ideas": [{"title": "Boots to choose: how", "keyword": "tent"}]})
    assert calling.run().failed == 0
    assert [title for (title,) in calling.rows("SELECT title FROM idea ORDER BY id")] == [
        "How to choose boots", "How to find lightweight tent",
    ]  # fmt: skip
    (text,) = calling.rows("SELECT text FROM notification WHERE event = 'duplicates_found'")[0]
    assert (
        "“Choosing a boot” repeats" not in text
        and "“hiking boot best” repeats “best hiking boots” (97 % alike)" in text
    )
    assert "“The choose boots how to” repeats “How to choose boots”" in text
    assert "every idea repeats one that the site has" in prompts(model, "ideas")[2], (
        "the model is told and asked once more"
    )
    summaries = calling.rows(
        "SELECT result_summary FROM attempt WHERE stage = 'ideas' AND status = 'success' ORDER BY started_at"
    )
    assert ("1 ideas; 2 left out as duplicates",) in summaries
    assert calling.counts("content") == {"scheduled": 2}


def test_an_article_whose_title_is_taken_is_asked_for_once_more(calling, model):
    model.faults["article", 1] = json.dumps(article("Find how to: best hiking boots"))
    assert calling.run().failed == 0
    errors = calling.rows("SELECT error FROM attempt WHERE stage = 'content' AND status = 'error'")
    assert len(errors) == 1 and "repeats that of content 1, “How to find best hiking boots”" in errors[0][0]
    assert len({title for (title,) in calling.rows("SELECT title FROM content")}) == 2


def test_a_cluster_has_one_owner_and_the_database_sees_to_it(world):
    world.apply()
    world.run()
    owners = world.rows("SELECT cluster_id, sum(CASE WHEN is_owner THEN 1 ELSE 0 END) FROM idea GROUP BY cluster_id")
    assert owners and all(number == 1 for _, number in owners)
    with pytest.raises(sa.exc.IntegrityError), world.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO idea (site, state, sector, cluster_id, title, keyword, keywords, outline, is_owner, created_at) "
            "SELECT site, 'new', sector, cluster_id, 'Another', 'x', '[]', '[]', true, created_at FROM idea WHERE id = 1"
        )


def test_a_score_with_reasons_is_stored_with_each_article_and_shown(world, capsys):
    world.apply()
    world.run()
    where = ["-C", str(world.root), "--db", world.database.url, "content"]
    assert igny8([*where, "show", "1", "--json"]) == 0
    checklist = json.loads(capsys.readouterr().out)["article"]["checklist"]
    assert 0 <= checklist["score"] <= 100 and len(checklist["checks"]) == 15
    assert all(check["reason"] for check in checklist["checks"])
    assert igny8([*where, "show", "1"]) == 0
    told = capsys.readouterr().out
    assert f"score             {checklist['score']} of 100" in told
    assert "+ Alt texts of images: 3 images, none without" in told
    assert "+ One H1: the title, and no other" in told and "Readability: Flesch reading ease" in told
    assert igny8([*where, "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["articles"][0]["score"] == checklist["score"]
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET checklist = NULL")
    assert igny8([*where, "show", "1", "--json"]) == 0, "an older article is checked when it is looked at"
    assert json.loads(capsys.readouterr().out)["article"]["checklist"]["score"] >= checklist["score"]
