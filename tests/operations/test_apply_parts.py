"""An apply that goes account by account: what fails for one account keeps back that account, and is told."""

from __future__ import annotations

import json

import pytest
from builder import FILES, World, write_root
from test_apply_guards import at_work, run_sql

from cli.main import run as igny8
from reconciler.errors import BlockedError, ConflictError, UsageError
from reconciler.operations.apply_parts import apply_parts
from reconciler.operations.plan import plan
from reconciler.plan.in_flight import Handling
from reconciler.plan.observed import PlanOptions
from reconciler.store.engine import open_database
from reconciler.store.history import load_history


def site(name: str, account: str) -> dict[str, str]:
    """Return the file of one more site like the blog."""
    text = FILES["sites/blog.yaml"].replace("name: blog", f"name: {name}").replace("/blog", f"/{name}")
    return {f"sites/{name}.yaml": text.replace("account: acme", f"account: {account}")}


ZEN = site("calm", "zen") | {"accounts/zen.yaml": FILES["accounts/acme.yaml"].replace("name: acme", "name: zen")}
ANN = {"authors/ann.yaml": "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\n"}


def edit(world: World, path: str, old: str, new: str) -> None:
    text = (world.root / path).read_text()
    assert old in text
    world.write({path: text.replace(old, new)})


def go(world: World, flags=(), **options):
    compilation = world.compile()
    assert compilation.is_valid, compilation.findings
    planned = plan(world.database, compilation, world.clock, options=options.get("options", PlanOptions())).plan
    return apply_parts(
        world.database, compilation, planned, clock=world.clock, actor="tester", allowed_flags=flags, **options
    )


def told(result):
    return [
        (item.part.name, item.outcome, item.applied.generation if item.applied else item.reason)
        for item in result.parts
    ]


def rest(world: World):
    return [change.ref for change in plan(world.database, world.compile(), world.clock).plan.changes]


def test_what_is_shared_comes_first_then_each_account_in_a_generation_of_its_own(world):
    world.write(ZEN)
    assert told(go(world)) == [("shared", "applied", 1), ("account/acme", "applied", 2), ("account/zen", "applied", 3)]
    assert rest(world) == []
    with world.database.read() as connection:
        newest, *_ = load_history(connection, limit=1)
    assert newest.options == {"part": "account/zen", "keep_going": True}


def test_it_leads_to_the_same_state_as_an_apply_of_the_whole(world, tmp_path):
    world.write(ZEN | ANN)
    go(world)
    other = World(
        write_root(tmp_path / "other", ZEN | ANN), open_database(f"sqlite:///{tmp_path}/other.db", upgrade=True)
    )
    other.apply()
    for state in (
        "SELECT kind, name, spec, applied_spec, protected FROM resource ORDER BY 1, 2",
        "SELECT key, credits FROM transfer ORDER BY 1",
        "SELECT account, key, credits FROM credit_lot ORDER BY 1, 2",
    ):
        assert world.rows(state) == other.rows(state)
    other.database.close()


def test_a_guard_against_one_account_keeps_back_that_account_alone(world):
    world.write(ZEN | {"sites/calm.yaml": ZEN["sites/calm.yaml"] + "protected: true\n"})
    world.apply()
    world.write({"sites/calm.yaml": None, "accounts/zen.yaml": None})
    edit(world, "sites/blog.yaml", '"02:00"', '"03:00"')
    world.write(ANN)
    result = go(world, flags=["--allow-deletes"])
    assert [item[:2] for item in told(result)] == [
        ("shared", "applied"), ("account/acme", "applied"), ("account/zen", "failed"),
    ]  # fmt: skip
    assert "site/calm is protected" in result.parts[2].reason
    assert not result.is_complete
    assert result.generations == [2, 3]
    assert rest(world) == ["site/calm", "account/zen"]


def test_what_is_shared_and_goes_away_waits_for_every_account(world):
    world.write(ZEN | ANN)
    world.apply()
    at_work(world)
    acme = FILES["accounts/acme.yaml"].replace("name: acme", "name: acme2") + "moved: {from: acme}\n"
    world.write({"authors/ann.yaml": None, "accounts/acme.yaml": None, "accounts/acme2.yaml": acme})
    edit(world, "sites/blog.yaml", "account: acme", "account: acme2")
    edit(world, "sites/calm.yaml", '"02:00"', '"04:00"')
    result = go(world)
    assert [item[:2] for item in told(result)] == [
        ("account/acme and account/acme2", "failed"), ("account/zen", "applied"), ("removals", "not tried"),
    ]  # fmt: skip
    assert result.parts[2].reason == "account/acme and account/acme2 may still need it"
    run_sql(world, "UPDATE run SET state = 'completed'")
    assert go(world).is_complete
    assert rest(world) == []


def test_a_limit_on_numbers_holds_for_the_whole_and_nothing_is_applied(world):
    more = {path: text for number in range(12) for path, text in site(f"more-{number:02}", "acme").items()}
    world.write(more)
    world.apply()
    world.write(dict.fromkeys(more) | ANN)
    with pytest.raises(BlockedError, match="12 of 13 site resources"):
        go(world)
    assert world.rows("SELECT max(generation) FROM history") == [(1,)]
    assert go(world, flags=["--allow-deletes"], reason="they left").is_complete


def test_an_update_that_both_brings_and_takes_away_what_sites_use_is_not_taken_apart(world):
    world.apply()
    edit(world, "tiers.yaml", "growth:", "bigger:")
    edit(world, "accounts/acme.yaml", "tier: growth", "tier: bigger")
    result = go(world)
    assert [item[:2] for item in told(result)] == [("account/acme", "failed"), ("removals", "not tried")]
    assert (
        result.parts[0].reason == "it cannot be applied by itself: account/acme needs tiers/bigger, which is left out"
    )
    assert result.parts[0].hint == "apply without --keep-going"
    world.apply()


def test_a_state_that_has_moved_since_the_review_is_told_and_nothing_is_applied(world):
    compilation = world.compile()
    reviewed = plan(world.database, compilation, world.clock).plan
    world.apply()
    with pytest.raises(ConflictError, match="the state has moved"):
        apply_parts(world.database, compilation, reviewed, clock=world.clock, actor="tester")


def test_waiting_for_a_drain_is_refused(small_world):
    with pytest.raises(UsageError, match="drain"):
        go(small_world, options=PlanOptions(in_flight=Handling("drain")))


def test_ctrl_c_ends_it_and_what_was_not_tried_is_told(small_world):
    small_world.write(ZEN)

    def interrupt(text):
        if "account/acme" in text:
            raise KeyboardInterrupt

    result = go(small_world, tell=interrupt)
    assert result.interrupted and not result.is_complete
    assert told(result) == [
        ("shared", "applied", 1), ("account/acme", "not tried", "interrupted"), ("account/zen", "not tried", "interrupted"),
    ]  # fmt: skip
    assert small_world.rows("SELECT max(generation) FROM history") == [(1,)]
    assert go(small_world).is_complete, "and the lock is free"


def test_the_command_tells_each_part_and_ends_with_seven(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("IGNY8_DB", raising=False)
    root = write_root(tmp_path / "root", ZEN | {"sites/calm.yaml": ZEN["sites/calm.yaml"] + "protected: true\n"})
    assert igny8(["-C", str(root), "apply", "--yes", "--keep-going"]) == 0
    assert capsys.readouterr().out.endswith("Applied 3 of 3 parts.\n")
    (root / "sites/calm.yaml").unlink()
    (root / "authors").mkdir(exist_ok=True)
    (root / "authors/ann.yaml").write_text(ANN["authors/ann.yaml"])
    assert igny8(["-C", str(root), "apply", "--yes", "--keep-going"]) == 7
    captured = capsys.readouterr()
    assert captured.out.endswith(
        "shared            1 change  applied: generation 4\n"
        "account/zen       1 change  failed: site/calm is protected; lift `protected` in an apply of its own before deleting it\n"
        "                            nothing was changed\n"
        "Applied 1 of 2 parts. The rest is as it was: run `igny8 plan` to see it.\n"
    )
    assert "[1/2] shared: 1 change\n" in captured.err
    assert igny8(["-C", str(root), "apply", "--yes", "--keep-going", "--format", "json"]) == 7
    answer = json.loads(capsys.readouterr().out)
    assert answer["parts"] == [
        {
            "part": "account/zen", "changes": ["site/calm"], "outcome": "failed", "generation": None,
            "reason": "site/calm is protected; lift `protected` in an apply of its own before deleting it",
            "hint": "nothing was changed",
        }
    ]  # fmt: skip


def test_a_saved_plan_is_used_up_by_its_first_part(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("IGNY8_DB", raising=False)
    root = write_root(tmp_path / "root", ZEN)
    file = tmp_path / "reviewed.plan"
    assert igny8(["-C", str(root), "plan", "-o", str(file)]) == 0
    assert igny8(["-C", str(root), "apply", "--keep-going", str(file)]) == 0
    assert igny8(["-C", str(root), "apply", "--keep-going", str(file)]) == 5
