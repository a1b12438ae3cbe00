"""--env on the command line: what each command says of it, whose database it opens, and that staging publishes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from builder import edited, write_root

from cli.main import run
from reconciler.operations.context import load_contexts
from reconciler.pipeline.decisions import choose_model
from reconciler.pipeline.stages import STAGES
from reconciler.store.engine import open_database

REPOSITORY = Path(__file__).parents[2]
NOW = "2026-11-20T09:00Z"
ENVIRONMENT = """\
apiVersion: igny8/v1
kind: Environment
patches:
  - {kind: Site, set: {publishing: {days: [sat]}}}
"""
BUSY = edited(
    "sites/blog.yaml", ('automation: {enabled: true, time: "02:00"}', "automation: {enabled: true, frequency: hourly}")
)


@pytest.fixture
def igny8(tmp_path, capsys, monkeypatch):
    """Return a function that runs a command in a root with two environments and returns exit code, stdout and stderr."""
    for name in ("IGNY8_DB", "IGNY8_ENV", "IGNY8_MEDIA"):
        monkeypatch.delenv(name, raising=False)
    root = write_root(tmp_path / "root", {f"environments/{name}.yaml": ENVIRONMENT for name in ("staging", "preview")})

    def call(*words):
        code = run(["-C", str(root), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    call.root = root
    return call


def said(answer, *texts):
    code, out, err = answer
    assert code == 0, answer
    assert all(text in out for text in texts), out + err


def test_plan_apply_and_status_say_which_environment_it_is(igny8):
    said(igny8("--env", "staging", "plan"), "(environment staging · base generation 0)")
    said(igny8("--env", "staging", "apply", "--yes"), "Applied to environment staging: generation 1.")
    said(igny8("--env", "staging", "status"), "Environment staging\nGeneration 1")
    code, out, _ = igny8("--env", "staging", "status", "--json")
    assert (code, json.loads(out)["environment"]) == (0, "staging")
    code, out, _ = igny8("--env", "staging", "plan", "--json")
    assert (code, json.loads(out)["environment"]) == (0, "staging")


def test_each_environment_has_a_database_of_its_own(igny8):
    assert igny8("--env", "staging", "apply", "--yes")[0] == 0
    said(igny8("plan"), "11 to create")
    said(igny8("--env", "preview", "plan"), "11 to create")
    assert [path.name for path in (igny8.root / ".igny8").glob("*.db")] == ["state-staging.db"]


def test_the_variable_says_the_same_as_the_option(igny8, monkeypatch):
    monkeypatch.setenv("IGNY8_ENV", "staging")
    said(igny8("plan"), "environment staging")
    said(igny8("--env", "preview", "plan"), "environment preview")
    monkeypatch.setenv("IGNY8_ENV", "")
    assert "environment" not in igny8("plan")[1]


@pytest.mark.parametrize(("first", "second"), [("staging", ""), ("", "staging"), ("staging", "preview")])
def test_a_database_of_one_environment_is_refused_to_another(first, second, igny8, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"

    def call(environment, *words):
        return igny8(*(("--env", environment) if environment else ()), "--db", url, *words)

    assert call(first, "apply", "--yes")[0] == 0
    for words in (["plan"], ["apply", "--yes"], ["run", "--now", "--offline"], ["publish", "--due"], ["status"]):
        code, out, err = call(second, *words)
        assert (code, out) == (4, ""), words
        assert f"environment '{first}'" in err if first else "belongs to no environment" in err
    assert call(first, "status")[0] == 0


@pytest.mark.parametrize("words", [["plan"], ["status"], ["validate"], ["run", "--now"], ["publish", "--due"]])
def test_an_environment_that_there_is_not_is_refused_with_those_there_are(words, igny8):
    code, out, err = igny8("--env", "stagin", *words)
    assert (code, out) == (64, "")
    assert "there is no environment 'stagin'" in err
    assert "did you mean `staging`? there are preview, staging" in err
    assert igny8("--env", "../sites/blog", *words)[0] == 64
    assert not (igny8.root / ".igny8").exists()


def test_explain_shows_the_environment_as_the_winner(igny8):
    code, out, _ = igny8("--env", "staging", "explain", "site/blog.publishing.days", "--json")
    (value,) = json.loads(out)["values"]
    assert (code, value["value"]) == (0, ["sat"])
    assert [(item["scope"], item["file"], item["line"]) for item in value["definitions"]] == [
        ("environment staging", "environments/staging.yaml", 4), ("site", "sites/blog.yaml", 13),
    ]  # fmt: skip


def test_validate_checks_every_environment_and_names_the_one_that_is_wrong(igny8):
    (igny8.root / "environments/preview.yaml").write_text(ENVIRONMENT.replace("[sat]", "[saturday]"), encoding="utf-8")
    code, out, _ = igny8("validate")
    assert code == 3
    assert "environments/preview.yaml:4:44: error[IG205] in environment preview, site/blog: publishing.days[0]" in out
    said(igny8("--env", "staging", "validate"), "environment staging: 11 resources of 7 kinds are valid")
    assert igny8("--env", "preview", "validate")[0] == 3
    assert igny8("plan")[0] == 0, "what is wrong in one environment holds no other up"


# Waivers


def waived_root(igny8, expires="2099-12-31"):
    (igny8.root / "sites/blog.yaml").write_text(BUSY["sites/blog.yaml"], encoding="utf-8")
    platform = igny8.root / "platform.yaml"
    lines = f'{{code: IG501, resource: "site/*", reason: launch, owner: ann, expires: "{expires}"}}'
    platform.write_text(platform.read_text() + f"waivers:\n  - {lines}\n", encoding="utf-8")
    for path in (igny8.root / "environments").iterdir():
        path.unlink()


def test_a_waived_warning_is_shown_as_such_and_does_not_fail_strict(igny8):
    waived_root(igny8)
    said(
        igny8("validate", "--strict"),
        "sites/blog.yaml:12:1: waived[IG501] up to 840 approvals a week for 15 slots (until 2099-12-31, ann: launch)",
        "0 errors, 0 warnings, 1 waived",
    )


def test_an_expired_waiver_fails_and_what_it_waived_counts_again(igny8):
    waived_root(igny8, "2020-01-31")
    code, out, _ = igny8("validate")
    assert code == 3
    assert "platform.yaml:5:" in out
    assert "error[IG121] the waiver of IG501 has expired: 2020-01-31" in out
    assert "warning[IG501]" in out
    assert "1 error, 1 warning:" in out


def test_json_lists_what_is_waived_with_its_waiver(igny8):
    waived_root(igny8)
    answer = json.loads(igny8("validate", "--json")[1])
    assert (answer["summary"]["warnings"], answer["summary"]["waived"], answer["diagnostics"]) == (0, 1, [])
    (waived,) = answer["waived"]
    assert (waived["code"], waived["file"], waived["waiver"]["owner"]) == ("IG501", "sites/blog.yaml", "ann")


def test_sarif_suppresses_what_is_waived_and_says_why(igny8):
    waived_root(igny8)
    (result,) = json.loads(igny8("validate", "--format", "sarif")[1])["runs"][0]["results"]
    assert result["ruleId"] == "IG501"
    (suppression,) = result["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert suppression["justification"] == "launch (ann, until 2099-12-31)"
    place = suppression["location"]["physicalLocation"]
    assert (place["artifactLocation"]["uri"].endswith("platform.yaml"), place["region"]["startLine"]) == (True, 5)


@pytest.mark.parametrize("form", ["github", "junit"])
def test_annotations_and_test_reports_do_not_raise_what_is_waived(form, igny8):
    waived_root(igny8)
    assert "IG501" not in igny8("validate", "--format", form)[1]


# The staging environments that are shipped


def copied(root, folder):
    """Return a copy of a config root without what was made in it."""
    places = ["platform.yaml", "providers.yaml", "models.yaml", "tiers.yaml", "industries.yaml"]
    for name in [*places, "accounts", "authors", "environments", "keywords", "prompts", "sites", "strategies"]:
        source = root / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        folder.mkdir(exist_ok=True)
        copy(source, folder / name)
    return folder


@pytest.fixture(params=[REPOSITORY, REPOSITORY / "examples/agency"], ids=["repository", "agency"])
def shipped(request, tmp_path, capsys, monkeypatch):
    for name in ("IGNY8_DB", "IGNY8_ENV", "IGNY8_MEDIA"):
        monkeypatch.delenv(name, raising=False)
    root = copied(request.param, tmp_path / "root")
    assert run(["-C", str(root), "--env", "staging", "apply", "--yes", "--at", NOW]) == 0
    capsys.readouterr()
    return root


def test_every_ai_stage_of_every_site_gets_the_testing_model_on_staging(shipped):
    database = open_database(f"sqlite:///{shipped / '.igny8/state-staging.db'}")
    with database.read() as connection:
        contexts = load_contexts(connection)
    database.close()
    stages = [stage.declaration for stage in STAGES if stage.declaration.function]
    assert len(contexts) >= 4
    assert len(stages) == 5
    for context in contexts.values():
        for stage in stages:
            assert choose_model(context, stage).model.testing, (context.site.name, stage.key)


def test_staging_runs_and_publishes_nothing(shipped, capsys):
    site = "reef-and-tide" if (shipped / "sites/reef-and-tide.yaml").exists() else "standup-log"
    start = ["-C", str(shipped), "--env", "staging"]
    assert run([*start, "run", "--site", site, "--now", "--offline", "--no-delays", "--json", "--at", NOW]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["state"] == "completed"
    assert run([*start, "publish", "--due", "--at", "2027-01-31T09:00Z", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["articles"] == []
    assert run([*start, "content", "list", "--json"]) == 0
    articles = json.loads(capsys.readouterr().out)["articles"]
    assert {item["state"] for item in articles} <= {"review", "approved"}
    assert articles
    assert not (shipped / "published").exists()
