"""Runs through the one executor, on both databases: stages, limits, budgets, failures, taking over."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from builder import FILES, ScriptedProvider, World, edited

from reconciler.clock import FixedClock
from reconciler.errors import UsageError
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.operations.run import run_wanted, wanted_due, wanted_now
from reconciler.operations.stopping import StopSignal
from reconciler.operations.worker import is_gone, worker_name
from reconciler.pipeline.progress import StageEnded, Waiting
from reconciler.providers import offline
from reconciler.providers.port import Completion, Failure, ImageAnswer
from reconciler.store.ledger import balance_of, find_breaks, open_hold_credits
from reconciler.store.media import picture_path
from reconciler.usage import Usage

OFFLINE = offline.make(ProviderSpec(type="ai", adapter="offline"), {})


def scripted(world: World, script) -> ScriptedProvider:
    world.provider = ScriptedProvider(OFFLINE, script)
    return world.provider


def assert_books_are_right(world: World) -> None:
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        balance = balance_of(connection, "acme")
        assert balance.held == open_hold_credits(connection, account="acme") == 0
    (successes,) = world.rows("SELECT count(*) FROM attempt WHERE status = 'success'")[0]
    (lines,) = world.rows("SELECT count(*) FROM usage")[0]
    assert successes == lines


def ended(world: World, stage: str) -> StageEnded:
    return [event for event in world.events if isinstance(event, StageEnded) and event.stage == stage][-1]


def test_a_run_takes_keywords_all_the_way_to_scheduled_articles(world):
    world.apply()
    report = world.run()
    assert [result.state for result in report.results] == ["completed"]
    assert world.counts("keyword") == {"clustered": 6}
    assert world.counts("cluster") == {"ideas_generated": len(world.rows("SELECT id FROM cluster"))}
    articles = world.counts("content")
    assert articles == {"scheduled": sum(articles.values())}
    assert world.counts("image_prompt") == {"done": 3 * articles["scheduled"]}
    assert world.counts("publication") == {"scheduled": articles["scheduled"]}
    assert_books_are_right(world)


def test_the_first_article_takes_wednesday_14_00_and_the_next_18_00(small_world):
    small_world.apply()
    small_world.run()
    slots = [str(slot)[:16] for (slot,) in small_world.rows("SELECT slot_at FROM publication ORDER BY id LIMIT 2")]
    assert slots == ["2026-11-18 14:00", "2026-11-18 18:00"]


def test_images_are_real_files_named_by_their_content(small_world):
    small_world.apply()
    small_world.run()
    rows = small_world.rows("SELECT sha256, media_type, width, height, size_bytes, simulated FROM image")
    assert rows
    for sha256, media_type, width, height, size_bytes, simulated in rows:
        path = picture_path(small_world.installation.media, sha256, media_type)
        assert path.stat().st_size == size_bytes
        assert (width, height, bool(simulated)) == (1024, 1024, True)


def test_a_second_run_with_nothing_pending_charges_nothing(world):
    world.apply()
    world.run()
    before = world.rows("SELECT spent FROM credit_account")
    assert world.run().results[0].credits == 0
    assert world.rows("SELECT spent FROM credit_account") == before
    assert_books_are_right(world)


def test_each_usage_line_snapshots_model_rates_credit_value_and_generation(small_world):
    small_world.apply()
    small_world.run()
    row = small_world.rows("SELECT model, rates, credit_value_nano, generation, revenue_nano, credits FROM usage")[0]
    assert row[0] == "writer"
    assert json.loads(row[1])["output_per_1k"] == 10_000_000
    assert row[2:4] == (10_000_000, 1)
    assert row[4] == row[5] * 10_000_000


def test_delays_are_declared_real_and_skipped_after_the_last(small_world):
    small_world.write(
        edited("sites/blog.yaml", ("automation:", "delays: {within_stage: 7, between_stage: 11}\nautomation:"))
    )
    small_world.apply()
    started = small_world.clock.now()
    small_world.run()
    waits = [event.seconds for event in small_world.events if isinstance(event, Waiting)]
    assert set(waits) == {7, 11}
    assert waits.count(11) == 6, "between the seven stages, none after the last"
    assert small_world.clock.now() - started == timedelta(seconds=sum(waits))


def test_a_module_that_is_off_skips_its_stages_and_says_so(small_world):
    small_world.write({"platform.yaml": FILES["platform.yaml"] + "modules: {images: false}\n"})
    small_world.apply()
    report = small_world.run()
    assert report.failed == 0
    assert ended(small_world, "images").reason == "the module images is off"
    assert small_world.counts("content") == {"scheduled": len(small_world.rows("SELECT id FROM content"))}, (
        "without images an article goes to review at once"
    )


def test_without_auto_approval_articles_wait_in_review_for_a_person(small_world):
    small_world.write(edited("sites/blog.yaml", ("publishing:\n", "publishing:\n  auto_approval: false\n")))
    small_world.apply()
    small_world.run()
    assert set(small_world.counts("content")) == {"review"}
    assert ended(small_world, "review").reason == "auto_approval is off: a person approves"


def test_with_auto_publish_off_articles_wait_as_approved(small_world):
    small_world.write(edited("sites/blog.yaml", ("publishing:\n", "publishing:\n  auto_publish: false\n")))
    small_world.apply()
    small_world.run()
    assert set(small_world.counts("content")) == {"approved"}
    assert small_world.counts("publication") == {}


def test_a_stage_stops_at_its_budget_says_so_once_and_the_others_go_on(world):
    """4 of 1000 credits is 0 %: the content stage has nothing to spend."""
    world.write(edited("sites/blog.yaml", ("automation:", "stages: {content: {budget_pct: 0}}\nautomation:")))
    world.apply()
    world.run()
    assert ended(world, "content").state == "stopped"
    assert ended(world, "content").reason.startswith("Insufficient credits. Required: ")
    assert ended(world, "review").state == "completed"
    texts = [text for (text,) in world.rows("SELECT text FROM notification WHERE event = 'ai_content_failed'")]
    assert len(texts) == 1
    assert_books_are_right(world)


def test_the_sites_monthly_limit_is_never_passed(world):
    world.write({"sites/blog.yaml": FILES["sites/blog.yaml"] + "credits: {monthly_max: 12}\n"})
    world.apply()
    world.run()
    world.run()
    (used,) = world.rows("SELECT sum(credits) FROM usage")[0]
    assert 0 < used <= 12
    assert_books_are_right(world)


def test_a_tier_includes_so_many_articles_a_month_and_then_says_so(world):
    world.write(edited("tiers.yaml", ("paid: true", "paid: true, limits: {articles_per_month_max: 1}")))
    world.apply()
    world.run()
    assert world.rows("SELECT count(*) FROM content") == [(1,)]
    world.run()
    assert world.rows("SELECT count(*) FROM content") == [(1,)]
    assert ended(world, "content").reason == "the tier growth includes no more this month (articles_per_month_max)"
    world.at(world.clock.now() + timedelta(days=20)).run()
    assert world.rows("SELECT count(*) FROM content") == [(2,)], "a new month"


def test_an_account_that_has_used_most_of_its_month_is_told_once(world):
    world.write({"accounts/acme.yaml": FILES["accounts/acme.yaml"] + "credits: {monthly_max: 16, warn_at_pct: 50}\n"})
    world.apply()
    world.run()
    world.run()
    texts = [text for (text,) in world.rows("SELECT text FROM notification WHERE event = 'credits_low'")]
    assert len(texts) == 1
    assert texts[0].endswith(" of 16 credits of this month are used")


def test_an_account_that_runs_out_stops_at_zero(world):
    world.write(edited("accounts/acme.yaml", ("credits: 1000", "credits: 9")))
    world.apply()
    for _ in range(4):
        world.run()
    with world.database.read() as connection:
        assert 0 <= balance_of(connection, "acme").available <= 9
    assert_books_are_right(world)


def test_a_suspended_account_is_not_run(small_world):
    small_world.write(edited("accounts/acme.yaml", ("tier: growth", "tier: growth\nstatus: suspended")))
    small_world.apply()
    report = small_world.run()
    assert [item.reason for item in report.skipped] == ["the account acme is suspended"]
    assert small_world.rows("SELECT id FROM attempt") == []


def test_the_testing_model_draws_and_the_accounts_preference_replaces_live(small_world):
    second = '  better: {type: text, provider: samples, cost_per_1k_input: "0.002", cost_per_1k_output: "0.02", tokens_per_credit: 500}\n'
    small_world.write({"models.yaml": FILES["models.yaml"] + second})
    small_world.write({"accounts/acme.yaml": FILES["accounts/acme.yaml"] + "ai: {model_preferences: {text: better}}\n"})
    small_world.apply()
    small_world.run()
    used = dict(small_world.rows("SELECT stage, min(model) FROM usage GROUP BY stage"))
    assert used == {
        "clusters": "better",
        "ideas": "better",
        "content": "better",
        "prompts": "better",
        "images": "sketcher",
    }


@pytest.mark.parametrize(
    "answer",
    [
        Completion("this is no JSON", Usage(input_tokens=100, output_tokens=10)),
        Completion("", Usage()),
        Completion('{"clusters": []}', Usage(input_tokens=100, output_tokens=10)),
        Completion("<html>busy</html>", Usage(input_tokens=100, output_tokens=10)),
        Completion("", Usage(), failure=Failure("rate_limited", "429: slow down", 2.0)),
    ],
    ids=["nonsense", "empty", "nothing in it", "html", "failure"],
)
def test_a_call_that_brings_nothing_is_not_charged_and_its_cost_is_kept(world, answer):
    scripted(world, lambda request, _: answer if request.function == "auto_cluster" else None)
    world.apply()
    report = world.run()
    assert report.failed == 6
    assert world.rows("SELECT count(*) FROM usage WHERE stage = 'clusters'") == [(0,)]
    status, basis, cost = world.rows("SELECT status, cost_basis, cost_nano FROM attempt WHERE stage = 'clusters'")[0]
    assert status == "error"
    if answer.usage.total_tokens:
        assert (basis, cost) == ("computed", 100 * 1250 + 10 * 10_000)
    elif answer.failure:
        assert (basis, cost) == ("zero", 0), "what was refused is not billed"
    else:
        assert basis == "estimated" and cost > 0, "an answer without usage is never free"
    assert_books_are_right(world)


def test_an_item_is_set_aside_after_three_failures_and_keeps_its_reason(small_world):
    bad = Completion("no", Usage(input_tokens=1, output_tokens=1))
    scripted(small_world, lambda request, _: bad if request.function == "auto_cluster" else None)
    small_world.apply()
    for _ in range(4):
        small_world.run()
    attempts = small_world.rows("SELECT DISTINCT attempts, set_aside_at IS NOT NULL FROM keyword")
    assert attempts == [(3, 1)]
    asked = small_world.rows("SELECT count(*) FROM attempt")
    assert asked == [(6,)], "three runs ask, and ask once more; the fourth leaves them alone"


def test_three_failures_in_a_row_stop_the_stage_and_the_others_go_on(small_world):
    def script(request, _):
        return Completion("no", Usage()) if request.function == "generate_content" else None

    phrases = "canvas tarp, water filter pump, trail running socks, bear spray holster, camp stove fuel, "
    small_world.write(edited("sites/blog.yaml", ("keywords: [", f"keywords: [{phrases}")))
    scripted(small_world, script)
    small_world.apply()
    small_world.run()
    assert ended(small_world, "content").state == "stopped"
    assert ended(small_world, "content").failed == 3
    assert ended(small_world, "review").state == "completed"


def test_a_defect_in_an_adapter_interrupts_the_run_and_the_next_one_goes_on(world):
    def script(request, asked):
        if asked == 2:
            raise RuntimeError("a defect")

    scripted(world, script)
    world.apply()
    with pytest.raises(RuntimeError, match="a defect"):
        world.run()
    assert world.rows("SELECT state, note, owner FROM run") == [("interrupted", "RuntimeError: a defect", "")]
    world.provider = None
    world.run()
    assert world.counts("run") == {"completed": 1}
    assert world.counts("attempt", "status")["lost"] == 1
    assert_books_are_right(world)


def test_bytes_that_are_no_image_are_no_image(small_world):
    broken = ImageAnswer(b"\x89PNG but not really", "image/png", Usage(images=1))
    scripted(small_world, lambda request, _: broken if request.function == "generate_images" else None)
    small_world.apply()
    small_world.run()
    assert small_world.rows("SELECT count(*) FROM image") == [(0,)]
    assert small_world.rows("SELECT count(*) FROM usage WHERE stage = 'images'") == [(0,)]
    assert "no image" in small_world.rows("SELECT error FROM attempt WHERE stage = 'images'")[0][0]


def test_an_article_whose_image_cannot_be_made_waits_for_a_person_instead_of_for_ever(small_world):
    broken = ImageAnswer(b"", "image/png", Usage(), failure=Failure("refused", "content policy"))

    def script(request, _):
        return (
            broken if request.function == "generate_images" and request.inputs["image"]["role"] == "featured" else None
        )

    scripted(small_world, script)
    small_world.apply()
    for _ in range(8):
        small_world.run()
    waits = small_world.rows("SELECT DISTINCT state, waits_for FROM content WHERE state = 'review'")
    assert waits == [("review", "a person: 1 of 3 images could not be made")]


def test_keywords_that_an_answer_forgets_stay_pending_with_the_reason(small_world):
    def script(request, asked):
        if request.function != "auto_cluster" or asked:
            return None
        clusters = [{"name": "boots", "keywords": ["best hiking boots", "made up phrase"]}]
        return Completion(json.dumps({"clusters": clusters}), Usage(input_tokens=10, output_tokens=10))

    scripted(small_world, script)
    small_world.apply()
    small_world.run()
    assert small_world.counts("keyword") == {"clustered": 1, "new": 5}
    assert small_world.rows("SELECT DISTINCT error FROM keyword WHERE state = 'new'") == [
        ("the answer put it into no cluster",)
    ]


def test_hostile_markup_in_an_answer_does_not_reach_the_html(small_world):
    article = {
        "title": "T", "meta_title": "T", "meta_description": "D", "slug": "../../etc/passwd", "excerpt": "", "tags": [],
        "markdown": "## H\n\n<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>\n\n" + "text " * 100,
    }  # fmt: skip

    def script(request, _):
        if request.function != "generate_content":
            return None
        return Completion(json.dumps(article), Usage(input_tokens=10, output_tokens=10))

    scripted(small_world, script)
    small_world.apply()
    small_world.run()
    html, slug = small_world.rows("SELECT html, slug FROM content ORDER BY id")[0]
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert slug == "etc-passwd"


def test_a_removed_keyword_is_archived_and_comes_back_when_declared_again(small_world):
    small_world.apply()
    small_world.run()
    small_world.write(edited("sites/blog.yaml", ("best hiking boots, ", "")))
    small_world.apply()
    small_world.run()
    archived = small_world.rows("SELECT term FROM keyword WHERE archived_at IS NOT NULL")
    assert archived == [("best hiking boots",)]
    small_world.write(edited("sites/blog.yaml"))
    small_world.apply()
    small_world.run()
    assert small_world.rows("SELECT term FROM keyword WHERE archived_at IS NOT NULL") == []


def owed(world: World) -> list[tuple[str, str, str]]:
    async def ask():
        return [(wanted.site, wanted.trigger, wanted.skip_because) for wanted in wanted_due(world.engine())]

    return asyncio.run(ask())


def test_a_daily_run_is_due_at_its_next_time_once_a_day_and_missed_days_run_once(world):
    world.apply()
    assert owed(world) == [], "a site that was declared at 10:30 is first due at its next 02:00"
    tomorrow = world.at(world.clock.now() + timedelta(days=1))
    assert owed(tomorrow) == [("blog", "scheduled", "")]
    tomorrow.run(due=True)
    assert owed(tomorrow) == []
    later = world.at(world.clock.now() + timedelta(days=4))
    assert owed(later) == [("blog", "scheduled", "")]
    later.run(due=True)
    assert owed(later) == [], "three missed days are one run"


def test_a_due_run_of_an_account_without_automation_is_not_made_and_says_so(small_world):
    small_world.write({"accounts/acme.yaml": FILES["accounts/acme.yaml"] + "modules: {automation: false}\n"})
    small_world.apply()
    report = small_world.at(small_world.clock.now() + timedelta(days=1)).run(due=True)
    assert [item.reason for item in report.skipped] == ["the account's module automation is off"]
    assert report.results == ()


@pytest.mark.parametrize(
    ("owner", "expected"),
    [("elsewhere:1:1", []), ("HERE:1999999:1", [("blog", "scheduled", "")])],
    ids=["alive", "gone"],
)
def test_a_run_whose_worker_was_killed_is_owed_at_once_and_one_that_is_alive_is_not(small_world, owner, expected):
    small_world.apply()
    now = small_world.clock.now().replace(tzinfo=None)
    with small_world.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO run (site, account, trigger, state, generation, available_at_start, owner, lease_until, started_at)"
            " VALUES ('blog', 'acme', 'scheduled', 'running', 1, 0, ?, ?, ?)",
            (owner.replace("HERE", socket.gethostname()), str(now + timedelta(minutes=5)), str(now)),
        )
    assert owed(small_world) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="others do not tell of processes that nobody waited for")
def test_a_worker_that_ended_is_gone_also_while_nobody_has_waited_for_it():
    """In a container without an init process that may be for ever."""
    words = [sys.executable, "-c", "import sys; sys.stdin.readline()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, text=True) as child:
        started = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        name = f"{socket.gethostname()}:{child.pid}:{started}"
        assert not is_gone(name)
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(name)
    assert is_gone(name)
    assert not is_gone(worker_name())


def test_a_request_to_stop_ends_between_items_and_the_next_run_goes_on_with_the_same_run(world):
    world.apply()
    stop = StopSignal

    async def stopped_after(calls: int):
        signal = stop()

        def script(request, asked):
            if asked == calls:
                signal.request()

        scripted(world, script)
        engine = world.engine(signal)
        return await run_wanted(engine, wanted_now(engine, []))

    report = asyncio.run(stopped_after(3))
    assert report.interrupted
    assert [result.state for result in report.results] == ["interrupted"]
    calls_before = world.rows("SELECT count(*) FROM attempt")[0][0]
    assert calls_before == 4, "the call at hand was finished and saved"
    assert world.rows("SELECT count(*) FROM attempt WHERE status = 'success'") == [(4,)]
    world.provider = None
    world.run()
    assert world.counts("run") == {"completed": 1}, "the same run went on"
    assert_books_are_right(world)


def test_one_open_run_a_site_also_when_the_other_worker_is_on_another_machine(small_world):
    small_world.apply()
    now = small_world.clock.now()
    with small_world.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO run (site, account, trigger, state, generation, available_at_start, owner, lease_until, started_at)"
            " VALUES ('blog', 'acme', 'now', 'running', 1, 0, 'elsewhere:1:1', ?, ?)",
            (str(now.replace(tzinfo=None) + timedelta(minutes=5)), str(now.replace(tzinfo=None))),
        )
    report = small_world.run()
    assert "is held by elsewhere:1:1 until 10:35:00 UTC" in report.skipped[0].reason
    small_world.clock = FixedClock(now + timedelta(minutes=6))
    assert [result.state for result in small_world.run().results] == ["completed"], "its lease has run out"


def test_running_a_site_that_was_never_applied_names_those_that_were(small_world):
    small_world.apply()
    with pytest.raises(UsageError, match="no site 'nope' was applied") as raised:
        small_world.run(["nope"])
    assert raised.value.hint == "applied sites: blog"


def test_a_months_tier_credits_are_granted_once_a_month(small_world):
    small_world.write(edited("tiers.yaml", ("paid: true", "paid: true, monthly_credits: 50")))
    small_world.apply()
    small_world.run()
    small_world.run()
    small_world.at(small_world.clock.now() + timedelta(days=30)).run()
    keys = [key for (key,) in small_world.rows("SELECT key FROM transfer WHERE key LIKE 'monthly:%' ORDER BY key")]
    assert keys == ["monthly:acme:2026-11", "monthly:acme:2026-12"]
