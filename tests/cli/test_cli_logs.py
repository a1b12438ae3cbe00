"""`igny8 logs`: filters, pages that stay as they are, true totals, CSV for spreadsheets and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pytest
from builder import after_a_run

from cli.main import run as igny8


def after_two_runs(world):
    after_a_run(world)
    later = world.at(world.clock.now().replace(day=20))
    later.write(
        {"sites/blog.yaml": (later.root / "sites/blog.yaml").read_text().replace("[best hik", "[camp stove, best hik")}
    )
    later.apply()
    later.run()


@pytest.fixture
def world(databases, tmp_path):
    return databases.world(after_two_runs, tmp_path)


@pytest.fixture
def cli(world, capsys):
    def command(*words):
        code = igny8(["-C", str(world.root), "--db", world.database.url, "logs", *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def records(answer) -> list[dict]:
    assert answer[0] == 0, answer[2]
    return json.loads(answer[1])["records"]


def test_every_usage_line_has_what_the_domain_asks_for(world, cli):
    lines = records(cli("usage", "--all", "--json"))
    asked = {
        "operation", "model", "input_tokens", "output_tokens", "images", "cost_in_nano", "cost_out_nano", "cost_nano",
        "cost_basis", "credits", "credit_value_nano", "revenue_nano", "account", "site", "stage", "item_kind", "item_ids",
        "run_id", "rates", "generation", "at",
    }  # fmt: skip
    assert all(asked <= line.keys() for line in lines)
    assert len(lines) == world.rows("SELECT count(*) FROM usage")[0][0]
    assert sum(line["credits"] for line in lines) == world.rows("SELECT spent FROM credit_account")[0][0]
    tasks = records(cli("ai", "--all", "--json"))
    known = {"function", "phase", "status", "payload_summary", "result_summary", "error", "cost_nano", "cost_basis"}
    assert all(known <= task.keys() and task["phase"] == "DONE" for task in tasks)


@pytest.mark.parametrize(
    ("kind", "filters", "condition"),
    [
        ("usage", ("--stage", "content"), "usage WHERE stage = 'content'"),
        ("usage", ("--operation", "image_generation"), "usage WHERE operation = 'image_generation'"),
        ("usage", ("--account", "nobody"), "usage WHERE account = 'nobody'"),
        ("ai", ("--site", "blog", "--status", "success"), "attempt WHERE status = 'success'"),
        ("ai", ("--model", "writer", "--run", "2"), "attempt WHERE model = 'writer' AND run_id = 2"),
        ("usage", ("--since", "2026-11-19"), "usage WHERE at >= '2026-11-19 00:00:00+00:00'"),
        ("usage", ("--until", "2026-11-18"), "usage WHERE at < '2026-11-19 00:00:00+00:00'"),
        ("usage", ("--since", "2026-11-18T10:30", "--until", "2026-11-18T10:30:01"), "usage WHERE at < '2026-11-18 10:30:01+00:00'"),
        ("notifications", ("--stage", "ideas"), "notification WHERE event = 'ai_ideas_success'"),
        ("notifications", ("--event", "ai_content_success"), "notification WHERE event = 'ai_content_success'"),
        ("credits", ("--kind", "settle"), "transfer WHERE kind = 'settle'"),
    ],
)  # fmt: skip
def test_each_filter_shows_all_and_only_what_it_names(world, cli, kind, filters, condition):
    number = world.rows(f"SELECT count(*) FROM {condition}")[0][0]
    answer = json.loads(cli(kind, *filters, "--limit", "2", "--json")[1])
    assert answer["summary"]["total"] == number, "the total is that of the filter, not of the page"
    assert len(records(cli(kind, *filters, "--all", "--json"))) == number


@pytest.mark.parametrize("kind", ["usage", "ai", "credits", "notifications"])
def test_pages_are_newest_first_without_gap_or_repetition(cli, kind):
    whole = [record["id"] for record in records(cli(kind, "--all", "--json"))]
    pages = [
        records(cli(kind, "--limit", "4", "--offset", str(start), "--json")) for start in range(0, len(whole) + 4, 4)
    ]
    assert [record["id"] for page in pages for record in page] == whole
    assert len(set(whole)) == len(whole) > 4


def test_pages_up_to_an_instant_stay_as_they_are_while_more_is_written(world, cli):
    until = ("--until", "2026-11-20", "--limit", "5", "--json")
    before = cli("usage", *until, "--offset", "5")
    later = world.at(world.clock.now().replace(day=25))
    later.write(
        {"sites/blog.yaml": (later.root / "sites/blog.yaml").read_text().replace("[camp", "[ultralight tarp, camp")}
    )
    later.apply()
    later.run()
    assert later.rows("SELECT count(*) FROM usage WHERE at >= '2026-11-21 00:00:00+00:00'")[0][0] > 0
    assert cli("usage", *until, "--offset", "5") == before


def test_csv_has_every_column_and_adds_up_to_the_last_nano_dollar(world, cli):
    code, text, _ = cli("usage", "--all", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    cost = sum(Decimal(row["cost_usd"]) for row in rows)
    assert (code, cost * 10**9) == (0, world.rows("SELECT sum(cost_nano) FROM usage")[0][0])
    assert json.loads(rows[0]["item_ids"]) and rows[0]["at"].endswith("+00:00")
    text, note = cli("ai", "--limit", "3", "--format", "csv")[1:]
    assert "prompt" not in next(csv.reader(io.StringIO(text)))
    assert "--all writes all of them" in note


def test_what_a_kind_cannot_be_filtered_by_and_times_that_are_none_are_said(cli):
    for words, says in (
        (("usage", "--status", "lost"), "usage cannot be filtered by status"),
        (("notifications", "--model", "writer"), "notifications cannot be filtered by model"),
        (("usage", "--since", "yesterday"), "--since: 'yesterday' is no time"),
        (("usage", "--since", "2026-11-20", "--until", "2026-11-18"), "the period ends before it begins"),
    ):
        code, _, told = cli(*words)
        assert (code, says in told) == (64, True), told


def test_the_text_names_stage_and_phase(cli):
    assert "STAGE" in cli("usage")[1].splitlines()[0]
    assert "PHASE" in cli("ai")[1].splitlines()[0]
    assert "use --limit and --offset for more" in cli("ai", "--limit", "1")[2]
