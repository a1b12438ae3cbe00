"""adopt and import: what the database holds is taken into files, in few bytes, and never over anything."""

from __future__ import annotations

import json
import subprocess

import pytest
from builder import FILES

from cli.main import run
from reconciler.config.authoring import document_text
from reconciler.ids import canonical_json, text_digest
from reconciler.operations.plan import plan

SITE = "sites/blog.yaml"


@pytest.fixture
def igny8(world, capsys):
    world.apply()

    def call(*words):
        code = run(["-C", str(world.root), "--db", world.database.url, *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    call.world = world
    return call


def live(world, kind, name):
    return json.loads(world.rows(f"SELECT spec FROM resource WHERE kind = '{kind}' AND name = '{name}'")[0][0])


def set_live(world, kind, name, **values):
    """Change live values of a resource behind the back of all applies."""
    text = canonical_json(live(world, kind, name) | values).replace("'", "''")
    with world.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE resource SET spec = '{text}' WHERE kind = '{kind}' AND name = '{name}'")


def insert(world, kind, name, spec):
    """Put a resource into the database that no apply made."""
    text = canonical_json(spec)
    values = (kind, name, f"uid-{kind}-{name}", text, text, text_digest(text), "2026-11-18 10:00:00+00:00")
    quoted = ", ".join("'" + str(value).replace("'", "''") + "'" for value in values[:3])
    rest = ", ".join("'" + str(value).replace("'", "''") + "'" for value in (*values[3:6], values[6], values[6]))
    columns = "kind, name, uid, generation, spec, applied_spec, applied_digest, applied_at, created_at, protected"
    with world.database.write() as connection:
        connection.exec_driver_sql(f"INSERT INTO resource ({columns}) VALUES ({quoted}, 0, {rest}, false)")


def states(world, ref):
    compilation = world.compile()
    assert compilation.is_valid, compilation.findings
    changes = plan(world.database, compilation, world.clock).plan.changes
    return {field.field: field.state for change in changes if change.ref == ref for field in change.fields}


def git(world, *words):
    done = subprocess.run(
        ["git", "-C", str(world.root), "-c", "user.name=t", "-c", "user.email=t@example.com", *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_a_live_value_is_written_where_it_was_authored_and_nothing_else_changes(igny8):
    world, file = igny8.world, igny8.world.root / SITE
    file.write_text(FILES[SITE].replace("time_slots: [", "# when people read\n  time_slots: ["))
    before = file.read_text().splitlines()
    publishing = live(world, "site", "blog")["publishing"]
    set_live(world, "site", "blog", publishing=publishing | {"time_slots": ["10:00"]}, language="de")
    code, out, err = igny8("adopt", "site/blog", "--field", "publishing.time_slots", "--yes")
    assert code == 0, err
    assert '+  time_slots: ["10:00"]' in out
    after = file.read_text().splitlines()
    assert [line for line in after if line not in before] == ['  time_slots: ["10:00"]']
    assert states(world, "site/blog") == {"language": "drift", "publishing.time_slots": "converged"}
    assert igny8("adopt", "site/blog", "--yes")[0] == 0
    assert states(world, "site/blog") == {"language": "converged", "publishing.time_slots": "converged"}
    assert world.apply().generation == 2
    assert igny8("drift", "--detailed-exitcode")[0] == 0


def test_an_inherited_value_becomes_an_override_and_a_keyword_joins_the_others(igny8):
    world = igny8.world
    site = live(world, "site", "blog")
    keywords = [word for word in site["sectors"][0]["keywords"] if word["term"] != "lightweight tent"]
    sectors = [{**site["sectors"][0], "keywords": [*keywords, {"term": "gaiters"}, {"term": "poles", "volume": 9}]}]
    set_live(world, "site", "blog", ai=site["ai"] | {"temperature": 0.2}, sectors=sectors)
    code, _, err = igny8("adopt", "site/blog", "--yes")
    assert code == 0, err
    text = (world.root / SITE).read_text()
    assert "ai:\n  temperature: 0.2\n" in text
    assert "gaiters, {term: poles, volume: 9}]" in text and "lightweight tent" not in text
    assert set(states(world, "site/blog").values()) == {"converged"}


def test_a_prompts_text_is_taken_over_below_its_front_matter(igny8):
    world = igny8.world
    set_live(world, "prompt", "ideas", template="Think of {{ cluster.name }}.\n", description="shorter")
    assert igny8("adopt", "prompt/ideas", "--yes")[0] == 0
    text = (world.root / "prompts/ideas.md").read_text()
    assert text.endswith("---\nThink of {{ cluster.name }}.\n") and "description: shorter\n" in text
    assert set(states(world, "prompt/ideas").values()) == {"converged"}


def test_a_value_from_another_scope_is_said_to_be_overridden(igny8):
    world = igny8.world
    world.write({"platform.yaml": FILES["platform.yaml"] + "defaults: {ai: {temperature: 0.5}}\n"})
    world.apply(allowed_flags=["--allow-updates"])
    set_live(world, "site", "blog", ai=live(world, "site", "blog")["ai"] | {"temperature": 0.2})
    code, _, err = igny8("adopt", "site/blog", "--yes")
    assert code == 0
    assert "ai.temperature came from platform.yaml:4; now sites/blog.yaml overrides it" in err
    assert (world.root / "platform.yaml").read_text().endswith("temperature: 0.5}}\n")


def test_what_cannot_be_adopted_is_said_and_nothing_is_written(igny8):
    world, before = igny8.world, (igny8.world.root / SITE).read_text()
    assert igny8("adopt", "site/blog") == (0, "site/blog did not drift.\n", "")
    assert igny8("adopt", "site/blgo")[0] == 64
    set_live(world, "site", "blog", language="German")
    code, _, err = igny8("adopt", "site/blog", "--yes")
    assert code == 3 and "nothing was written" in err
    set_live(world, "site", "blog", language="de")
    assert igny8("adopt", "site/blog", "--field", "url")[0] == 64
    code, _, err = igny8("adopt", "site/blog")
    assert code == 64 and "there is no terminal to ask on" in err
    assert igny8("adopt", "site/blog", "--dry-run")[0] == 0
    assert (world.root / SITE).read_text() == before


def test_a_value_of_an_environment_is_to_be_changed_there(igny8):
    world = igny8.world
    patch = "apiVersion: igny8/v1\nkind: Environment\npatches:\n  - {kind: Site, name: blog, set: {language: fr}}\n"
    world.write({"environments/staging.yaml": patch})
    with world.database.write() as connection:
        for table in ("history_change", "history", "resource"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    code, _, err = igny8("--env", "staging", "apply", "--yes")
    assert code == 0, err
    set_live(world, "site", "blog", language="de")
    code, _, err = igny8("--env", "staging", "adopt", "site/blog", "--yes")
    assert code == 4
    assert "language comes from environments/staging.yaml:4" in err


def test_a_commit_holds_exactly_the_file_and_refuses_other_changes_of_it(igny8, monkeypatch):
    world = igny8.world
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.com")
    git(world, "init", "-q")
    (world.root / ".gitignore").write_text(".igny8/\n")
    git(world, "add", ".")
    git(world, "commit", "-qm", "first")
    set_live(world, "site", "blog", language="de")
    (world.root / "platform.yaml").write_text(FILES["platform.yaml"] + "# being edited\n")
    git(world, "add", "platform.yaml")
    (world.root / SITE).write_text(FILES[SITE] + "# being edited\n")
    code, _, err = igny8("adopt", "site/blog", "--yes", "--commit")
    assert code == 4 and "sites/blog.yaml has uncommitted changes of its own" in err
    assert (world.root / SITE).read_text() == FILES[SITE] + "# being edited\n"
    (world.root / SITE).write_text(FILES[SITE])
    code, _, err = igny8("adopt", "site/blog", "--yes", "--commit")
    assert code == 0, err
    assert git(world, "show", "--format=%s", "--name-only").split("\n") == [
        "Adopt language of site/blog from the database", "", SITE, "",
    ]  # fmt: skip
    assert git(world, "status", "--porcelain") == "M  platform.yaml\n"


def test_what_only_the_database_has_gets_its_file_and_nothing_is_left_to_plan(igny8):
    world = igny8.world
    site = live(world, "site", "blog")
    publishing = site["publishing"] | {"days": ["sat"]}
    shop = site | {
        "name": "shop", "url": "https://shop.example", "publisher": {"type": "static", "path": "published/shop"},
        "ai": site["ai"] | {"temperature": 0.2}, "publishing": publishing, "description": "two\nlines: ünï",
    }  # fmt: skip
    insert(world, "site", "shop", shop)
    prompt = live(world, "prompt", "ideas") | {"name": "spare", "template": "Now\n\n{{ cluster.name }}"}
    insert(
        world,
        "author",
        "ann",
        {
            "name": "ann",
            "display_name": "Ann",
            "bio": "",
            "tone": "dry",
            "language": "en",
            "expertise": [],
            "style_rules": [],
            "labels": {},
            "protected": False,
            "description": "",
        },
    )
    models = live(world, "models", "models")
    models["models"]["drafter"] = models["models"]["writer"] | {"default": False, "notes": "cheap: yes"}
    set_live(world, "models", "models", models=models["models"])
    assert igny8("import")[1].split() == ["models/drafter", "author/ann", "site/shop"]
    assert igny8("import", "site/blog")[0] == 64
    code, _, err = igny8("import", "--all", "--yes")
    assert code == 0, err
    assert (world.root / "authors/ann.yaml").read_text() == (
        "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\ntone: dry\n"
    )
    text = (world.root / "sites/shop.yaml").read_text()
    assert "stages" not in text and "ai:\n  temperature: 0.2\n" in text and "language" not in text
    assert "drafter: {" in (world.root / "models.yaml").read_text()
    assert set(states(world, "models").values()) == {"converged"}
    world.apply(allowed_flags=["--allow-updates"])
    assert plan(world.database, world.compile(), world.clock).plan.is_empty
    assert igny8("import")[2] == "Everything has a file.\n"
    assert document_text(_kind("prompt"), prompt).endswith("---\nNow\n\n{{ cluster.name }}")


def _kind(slug):
    from reconciler.kinds import find_kind

    return find_kind(slug)


def test_a_file_whose_config_would_be_invalid_is_not_written(igny8):
    world = igny8.world
    site = live(world, "site", "blog") | {"name": "lost", "account": "nobody"}
    insert(world, "site", "lost", site)
    code, _, err = igny8("import", "site/lost", "--yes")
    assert code == 3 and "IG301" in err
    assert not (world.root / "sites/lost.yaml").exists()
