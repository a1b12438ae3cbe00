"""plan and apply on the command line: what ends with which code, what a part is, and how far a line in git reaches."""

from __future__ import annotations

import json

import pytest
from builder import FILES, edited, write_root

from cli.main import run
from reconciler.store.engine import open_database


@pytest.fixture
def igny8(tmp_path, capsys, monkeypatch):
    for name in ("IGNY8_DB", "IGNY8_ENV"):
        monkeypatch.delenv(name, raising=False)
    root = write_root(tmp_path / "root")

    def call(*words):
        code = run(["-C", str(root), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    call.root = root
    call.write = lambda files: write(root, files)
    return call


def write(root, files):
    for path, text in files.items():
        target = root / path
        if text is None:
            target.unlink()
        else:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text)


def drift(root, old, new):
    database = open_database(f"sqlite:///{root / '.igny8/state.db'}")
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE resource SET spec = replace(spec, '{old}', '{new}') WHERE name = 'blog'")
    database.close()


def site(name, account="acme"):
    text = FILES["sites/blog.yaml"].replace("name: blog", f"name: {name}").replace("/blog", f"/{name}")
    return {f"sites/{name}.yaml": text.replace("account: acme", f"account: {account}")}


ALL = ("pending", "drift", "conflict", "delete")


@pytest.mark.parametrize(
    ("state", "classes"),
    [
        ("nothing", set()),
        ("created", {"pending"}),
        ("edited", {"pending"}),
        ("drifted", {"drift"}),
        ("apart", {"conflict"}),
        ("together", set()),
        ("deleted", {"pending", "delete"}),
    ],
)
def test_plan_fails_on_the_classes_that_are_there_and_on_no_other(igny8, state, classes):
    igny8.write(site("other"))
    igny8("apply", "--yes")
    files = {
        "created": site("third"),
        "deleted": {"sites/other.yaml": None},
        "edited": edited("sites/blog.yaml", ("02:00", "03:00")),
        "apart": edited("sites/blog.yaml", ("02:00", "03:00")),
        "together": edited("sites/blog.yaml", ("02:00", "04:00")),
    }
    igny8.write(files.get(state, {}))
    if state in ("drifted", "apart", "together"):
        drift(igny8.root, '"02:00"', '"04:00"')
    assert igny8("plan")[0] == 0
    for name in ALL:
        assert igny8("plan", "--fail-on", name)[0] == (2 if name in classes else 0), name
    assert igny8("plan", "--fail-on", ",".join(ALL))[0] == (2 if classes else 0)
    assert igny8("plan", "--fail-on", "drift", "--fail-on", "delete, pending")[0] == (
        2 if classes - {"conflict"} else 0
    )
    assert igny8("plan", "--detailed-exitcode")[0] == (0 if state == "nothing" else 2)


def test_a_blocked_plan_ends_with_4_whatever_it_is_to_fail_on(igny8):
    igny8.write(edited("sites/blog.yaml", ("account: acme", "account: acme\nprotected: true")))
    igny8("apply", "--yes")
    igny8.write({"sites/blog.yaml": None})
    assert igny8("plan", "--fail-on", "delete", "--detailed-exitcode")[0] == 4
    assert igny8("plan", "--exclude", "site/*", "--fail-on", "delete")[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--fail-on", "drfit"), "did you mean `drift`?"),
        (("--fail-on", "converged"), "there are pending, drift, conflict, delete"),
        (("--fail-on", "drift,"), "knows no class ''"),
        (("--target", "site/blgo"), "did you mean `site/blog`?"),
        (("--exclude", "sites/*"), "nothing has this name"),
        (("--format", "yaml"), "yaml"),
    ],
)
def test_a_mistake_is_told_with_64(igny8, words, told):
    code, out, err = igny8("plan", *words)
    assert (code, out) == (64, "")
    assert told in err


def test_a_part_is_applied_and_the_history_says_so(igny8):
    igny8("apply", "--yes")
    igny8.write(site("one") | site("two"))
    code, out, _ = igny8("apply", "--yes", "--target", "site/one")
    assert code == 0
    assert "partial: 1 change left out by --target site/one" in out
    assert igny8("plan", "--target", "site/one", "--detailed-exitcode")[0] == 0
    assert "create site/two" in igny8("plan")[1]
    history = json.loads(igny8("history", "--json")[1])["applies"]
    assert [item["plan"]["partial"] for item in history] == [True, False]
    assert "+1 ~0 -0 (partial)" in igny8("history")[1]


@pytest.mark.parametrize("form", ["text", "json", "ndjson", "markdown", "html"])
def test_every_form_can_be_asked_for_and_a_summary_of_it(igny8, form):
    code, out, err = igny8("plan", "--format", form)
    assert (code, err) == (0, "") and "account" in out
    code, short, _ = igny8("plan", "--format", form, "--summary")
    assert code == 0 and len(short) < len(out)
    if form == "json":
        assert igny8("plan", "--json")[1] == out
        assert not {"changes", "calendar_moves"} & json.loads(short).keys()
        assert json.loads(short)["summary"] == json.loads(out)["summary"]


def causes(igny8):
    document = json.loads(igny8("plan", "--json")[1])
    return {item["place"]: (item["declares"], item["changed"], item["sites"]) for item in document["causes"]}


def test_a_line_of_a_catalogue_tells_the_sites_that_use_what_it_declares(igny8):
    extra = "  spare:\n    type: text\n    provider: samples\n    cost_per_1k_input: '1'\n    cost_per_1k_output: '1'\n    tokens_per_credit: 10\n"
    models = FILES["models.yaml"] + extra
    author = "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\n"
    igny8.write({"models.yaml": models, "authors/ann.yaml": author} | site("one") | site("two"))
    igny8.write(edited("sites/blog.yaml", ("account: acme", "account: acme\nauthor: ann")))
    igny8("apply", "--yes")
    igny8.write({
        "models.yaml": models.replace("tokens_per_credit: 1000", "tokens_per_credit: 999").replace("_credit: 10\n", "_credit: 11\n"),
        "authors/ann.yaml": author.replace("display_name: Ann", "display_name: Anna"),
        "tiers.yaml": FILES["tiers.yaml"].replace("paid: true", "paid: true, monthly_credits: 5"),
        "prompts/ideas.md": FILES["prompts/ideas.md"].replace("Answer in JSON.", "Answer in plain JSON."),
        "platform.yaml": FILES["platform.yaml"].replace('"0.01"', '"0.02"') + "safety: {limit_floor: 11}\n",
    })  # fmt: skip
    spare = (igny8.root / "models.yaml").read_text().splitlines().index("    tokens_per_credit: 11") + 1
    found = causes(igny8)
    assert found["models.yaml:9"] == (["models/writer"], {}, 3)
    assert found[f"models.yaml:{spare}"] == (["models/spare"], {}, 0)
    assert found["authors/ann.yaml:4"] == (["author/ann"], {}, 1)
    assert found["tiers.yaml:4"] == (["tiers/growth"], {}, 3)
    assert [value for place, value in found.items() if place.startswith("prompts/")] == [(["prompt/ideas"], {}, 3)]
    assert found["platform.yaml:3"] == (["platform"], {}, 3)
    assert "platform.yaml:4" not in found, "limits of plans reach no site"
    text = igny8("plan")[1]
    assert "  models.yaml:9 -> 3 sites   models/writer\n" in text
    assert f"  models.yaml:{spare} -> no site   models/spare\n" in text
    assert "  authors/ann.yaml:4 -> 1 site   author/ann\n" in text


def test_a_value_that_sites_take_over_tells_the_sites_that_change(igny8):
    own = site("own")
    own["sites/own.yaml"] = (own["sites/own.yaml"] or "") + "ai: {temperature: 0.1}\n"
    igny8.write(own | site("two"))
    igny8("apply", "--yes")
    igny8.write(edited("accounts/acme.yaml", ("tier: growth", "tier: growth\nai:\n  temperature: 0.3")))
    assert causes(igny8) == {"accounts/acme.yaml:6": (["account/acme"], {"site": 2}, 2)}
    text = igny8("plan")[1]
    assert "  accounts/acme.yaml:6 -> 2 sites   account/acme\n" in text
    assert "~ update 2 sites: blog, two\n    ai.temperature: 0.7 -> 0.3   (accounts/acme.yaml:6)\n" in text


def test_a_change_of_a_sites_own_file_reaches_nobody_else(igny8):
    igny8("apply", "--yes")
    igny8.write(edited("sites/blog.yaml", ("02:00", "03:00")))
    assert causes(igny8) == {}
