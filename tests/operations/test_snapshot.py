"""A snapshot stands in for the database: the same plan byte for byte, no secret inside, and refused when not to be trusted."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from builder import FILES, World, edited, write_root
from test_in_flight_laws import SITE, Play

from cli.main import run
from cli.plan_formats import FORMATS
from reconciler.clock import FixedClock
from reconciler.operations.snapshot import encode_snapshot, public_key, read_snapshot, take_snapshot, write_snapshot
from reconciler.plan.in_flight import REQUEUE_STAGES, Redoable
from reconciler.plan.snapshot import from_json, to_json
from reconciler.store.engine import open_database
from reconciler.store.everywhere import all_remains, count_redoable
from reconciler.store.quarantine import Quarantined, add_quarantine
from reconciler.store.renames import remains
from reconciler.store.requeue import find_scope

AT = "2026-11-18T10:30:00Z"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
SHOP = FILES["sites/blog.yaml"].replace("name: blog\n", "name: shop\n").replace("published/blog", "published/shop")
BLOG = FILES["sites/blog.yaml"]


@pytest.fixture
def lived_in(world):
    """A world in which all has happened that a plan depends on."""
    desk = SITE.replace("name: blog\n", "name: desk\n").replace("published/blog", "published/desk")
    world.write({"sites/shop.yaml": SHOP, "sites/old.yaml": SHOP.replace("shop", "old"), "sites/desk.yaml": desk})
    world.apply()
    world.run(["blog", "old", "desk"])
    world.write({"sites/old.yaml": None})
    world.apply()
    words = ["-C", str(world.root), "--db", world.database.url]
    assert (
        run([*words, "hold", "site/shop", "--field", "language", "--until", "3d", "--reason", "why", "--at", AT]) == 0
    )
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE resource SET spec = replace(spec, '0.01', '0.03') WHERE kind = 'platform'")
        connection.exec_driver_sql("UPDATE resource SET managed = false WHERE kind = 'author'")
    return world


class Cli:
    """Calls the command line on a world, with its database or against a snapshot of it."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.world, self.capsys = world, capsys
        self.file = folder / "snapshot.json.gz"
        self.capsys.readouterr()
        self.key = public_key(world.database)

    def call(self, *words: str, db: str = "", at: str = AT) -> tuple[int, str, str]:
        timed = ["--at", at] if at else []
        code = run(["-C", str(self.world.root), "--db", db or self.world.database.url, *words, *timed])
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def take(self, *words: str) -> None:
        code, _, told = self.call("snapshot", "-o", str(self.file), *words)
        assert code == 0, told

    def against(self, *words: str, at: str = AT, key: str | None = None) -> tuple[int, str, str]:
        trusted = self.key if key is None else key
        return self.call(
            "plan", "--against", str(self.file), "--snapshot-key", trusted, *words, db=NOWHERE, at=at
        )  # fmt: skip


@pytest.fixture
def cli(capsys, tmp_path):
    return lambda world: Cli(world, capsys, tmp_path)


EDITS = {
    "nothing": {},
    "a price": edited("models.yaml", ('"0.00125"', '"0.00250"')),
    "a schedule": {"sites/blog.yaml": BLOG.replace('"09:00", "14:00", "18:00"', '"10:00"')},
    "a prompt": edited("prompts/article.md", ("Answer in JSON.", "Answer in JSON, anew.")),
    "a site goes": {"sites/blog.yaml": None},
    "a site comes back": {"sites/old.yaml": SHOP.replace("shop", "old")},
    "a site is renamed": {"sites/shop.yaml": None,
                          "sites/store.yaml": SHOP.replace("name: shop\n", "name: store\nmoved: {from: shop}\n")},
    "a name that is taken": {"sites/shop.yaml": None,
                             "sites/old.yaml": SHOP.replace("name: shop\n", "name: old\nmoved: {from: shop}\n")},
    "a held field": {"sites/shop.yaml": SHOP + "language: de\ndescription: tidy\n"},
    "grants": edited("accounts/acme.yaml", ("reason: opening balance}\n",
                                            "reason: opening balance}\n  - {id: more, credits: 5, reason: more}\n")),
    "drift against git": edited("platform.yaml", ('"0.01"', '"0.02"')),
}  # fmt: skip
# What shows that each part of a snapshot was needed.
SHOWN = (
    "moves blog: ", "would not be published", "would go en -> de", "an earlier site/old left rows of",
    "drift: the database was changed", "finish on the old revision (pin)", "made anew from content", "calls to make it anew",
    "grants 5 credits to account acme",
)  # fmt: skip
OPTIONS = [("--in-flight", "drain"), ("--target", "site/blog"), ("--summary",)]


def test_a_plan_against_a_snapshot_is_the_plan_with_the_database_in_every_form(lived_in, cli):
    told = cli(lived_in)
    told.take()
    original = {path: (lived_in.root / path).read_text() for path in ("sites/blog.yaml", "sites/shop.yaml", *FILES)}
    seen: set[str] = set()
    for name, edit in EDITS.items():
        lived_in.write(dict(original))
        lived_in.write(dict(edit))
        asked = [("--format", form.name) for form in FORMATS]
        asked += [("--json", *options) for options in OPTIONS]
        asked += [("--in-flight", f"requeue-from:{stage}") for stage in REQUEUE_STAGES if name == "a prompt"]
        for words in asked:
            expected = told.call("plan", "--detailed-exitcode", *words)
            seen.add(expected[1])
            assert expected[0] in (0, 2, 4), expected
            assert told.against("--detailed-exitcode", *words)[:2] == expected[:2], (name, words)
        for path in edit.keys() - original.keys():
            (lived_in.root / path).unlink()
    for words in SHOWN:
        assert any(words in text for text in seen), f"nothing showed {words!r}"


def test_a_config_in_quarantine_is_so_in_the_snapshot_too(small_world, cli):
    small_world.apply()
    small_world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"')))
    bad = Quarantined(small_world.compile().digest, "", "it was too dear")
    with small_world.database.write() as connection:
        add_quarantine(connection, bad, actor="ann", at=small_world.clock.now())
    told = cli(small_world)
    told.take()
    expected = told.call("plan")
    assert (expected[0], "it was too dear" in expected[1]) == (4, True)
    assert told.against()[:2] == expected[:2]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_would_be_made_anew_is_counted_as_for_one_site(kind, tmp_path, request):
    url = f"sqlite:///{tmp_path}/state.db" if kind == "sqlite" else request.getfixturevalue("new_postgres")()
    database = open_database(url, upgrade=True)
    world = World(write_root(tmp_path / "root", {"sites/blog.yaml": SITE, "sites/shop.yaml": SHOP}), database)
    play = Play(world)
    seen = set()
    for step in ("run", "run", "approve", "run", "prompts", "requeue-from:content", "run", "requeue-from:ideas", "run",
                 "requeue-from:prompts", "run", "requeue-from:images", "approve", "requeue-from:clusters", "run"):  # fmt: skip
        play.step(step)
        with database.read() as connection:
            found = count_redoable(connection)
            for site in ("blog", "shop"):
                for stage in REQUEUE_STAGES:
                    expected = find_scope(connection, site, stage).calls(3)
                    assert found[stage].get(site, Redoable()).calls(stage, 3) == expected, (step, site, stage)
                    seen.add((stage, tuple(expected.values())))
            names = {("site", "blog"), ("site", "gone"), ("account", "acme"), ("account", "gone")}
            assert {ref: left for ref in names if (left := remains(connection, *ref))}.keys() >= all_remains(
                connection
            ).keys()
    assert len(seen) > 2 * len(REQUEUE_STAGES), "there was something to count"
    database.close()


def test_it_needs_neither_database_nor_secrets_and_writes_nothing(lived_in, cli, monkeypatch):
    told = cli(lived_in)
    told.take()
    monkeypatch.setenv("IGNY8_SNAPSHOT_KEY", told.key)
    monkeypatch.setenv("IGNY8_DB", NOWHERE)
    before = sorted(lived_in.root.rglob("*.db"))
    code = run(["-C", str(lived_in.root), "plan", "--against", str(told.file), "--at", AT])
    captured = told.capsys.readouterr()
    assert code == 0, captured.err
    assert "Planned against" in captured.err and "generation 2, 0 s old" in captured.err
    assert sorted(lived_in.root.rglob("*.db")) == before


@pytest.mark.parametrize(
    ("at", "age", "warns"),
    [("2026-11-18T13:29:00Z", "2 h old", False), ("2026-11-19T10:31:00Z", "24 h old", True), (AT, "0 s old", False),
     ("2026-11-24T10:30:00Z", "6 d old", True)],
)  # fmt: skip
def test_it_says_how_old_it_is_and_warns_of_an_old_one(small_world, cli, at, age, warns):
    small_world.apply()
    told = cli(small_world)
    told.take()
    code, _, err = told.against(at=at)
    assert (code, age in err, "warning: the snapshot is older than 24 h" in err) == (0, True, warns)
    assert ("older than 60 min" in told.against("--max-age", "1h", at=at)[2]) == (at != AT)


def content_of(told: Cli) -> dict:
    return json.loads(gzip.decompress(told.file.read_bytes()))


def rewrite(told: Cli, content: dict) -> None:
    told.file.write_bytes(gzip.compress(json.dumps(content).encode()))


def test_one_that_was_changed_is_refused(small_world, cli):
    small_world.apply()
    told = cli(small_world)
    told.take()
    content = content_of(told)
    for key in content:
        if key in ("format", "public_key"):
            continue
        rewrite(told, {name: value for name, value in content.items() if name != key})
        code, _, err = told.against()
        assert (code, "was changed after it was made" in err) == (5, True), key
    rewrite(told, content | {"available": {"acme": 5}})
    assert told.against()[0] == 5
    rewrite(told, content | {"signature": base64.b64encode(b"x" * 64).decode()})
    assert told.against()[0] == 5
    rewrite(told, content | {"generation": 10**30})
    assert told.against()[0] == 5
    rewrite(told, content)
    assert told.against()[0] == 0, "the form of the JSON does not matter, its content does"


def test_another_installations_is_refused_whatever_it_says(small_world, cli, tmp_path):
    small_world.apply()
    told = cli(small_world)
    other = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    data = encode_snapshot(other, take_snapshot(small_world.database, small_world.clock))
    write_snapshot(told.file, data)
    code, _, err = told.against()
    assert (code, "is signed by another installation" in err) == (5, True)
    rewrite(told, content_of(told) | {"public_key": told.key})
    code, _, err = told.against()
    assert (code, "was changed after it was made" in err) == (5, True)
    assert told.against(key=public_key(other))[0] == 5
    other.close()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda content: json.dumps(content | {"format": "igny8-snapshot/2"}).encode(),
            "is of a newer igny8 (format 2",
        ),
        (lambda content: json.dumps(content | {"format": "igny8-plan/1"}).encode(), "is no snapshot"),
        (lambda content: json.dumps(content | {"format": "igny8-snapshot/²"}).encode(), "is no snapshot"),
        (lambda content: b"[]", "is no snapshot"),
        (lambda content: b"{", "is no snapshot"),
        (lambda content: b"[" * 100_000, "is no snapshot"),
        (lambda content: gzip.compress(json.dumps(content).encode())[:-20], "is no snapshot"),
        (lambda content: b"\x1f\x8b nothing", "is no snapshot"),
    ],
)
def test_what_is_no_snapshot_for_this_igny8_is_refused(small_world, cli, make, reason):
    small_world.apply()
    told = cli(small_world)
    told.take()
    told.file.write_bytes(make(content_of(told)))
    code, _, err = told.against()
    assert (code, reason in err) == (5, True), err


def test_one_that_is_too_old_or_of_the_future_is_refused(small_world, cli):
    small_world.apply()
    told = cli(small_world)
    told.take("--good-for", "12h")
    assert told.against(at="2026-11-18T22:29:00Z")[0] == 0
    code, _, err = told.against(at="2026-11-18T22:30:00Z")
    assert (code, "is 12 h old; it was good until 2026-11-18 22:30 UTC" in err) == (5, True)
    code, _, err = told.against(at="2026-11-18T09:00:00Z")
    assert (code, "was made later" in err) == (5, True)


def test_one_of_another_environment_is_refused(small_world, cli):
    small_world.write(
        {"environments/staging.yaml": "apiVersion: igny8/v1\nkind: Environment\nname: staging\npatches: []\n"}
    )
    small_world.apply()
    told = cli(small_world)
    told.take()
    words = [
        "-C",
        str(small_world.root),
        "--env",
        "staging",
        "plan",
        "--against",
        str(told.file),
        "--snapshot-key",
        told.key,
    ]
    assert run([*words, "--at", AT]) == 5
    assert "is of no environment" in told.capsys.readouterr().err


@pytest.mark.parametrize("key", ["", "ed25519:", "ed25519:AAAA", "AAAA", "ed25519:" + "ü" * 44])
def test_without_a_key_nothing_is_trusted(small_world, cli, key):
    small_world.apply()
    told = cli(small_world)
    told.take()
    code, _, err = told.against(key=key)
    assert (code, "igny8 snapshot --key" in err) == (64, True)


def test_no_secret_is_in_it_and_the_plan_says_so(small_world, cli):
    """Somebody wrote secrets into the database; git can hold none, so that the fields differ in any case."""
    small_world.apply()
    secrets = ("sk-proj-CANARYCANARYCANARY1234", "canary-password-1")
    changed = (
        f'"publisher":{{"token":"{secrets[1]}","notes":"{secrets[0]} {secrets[0]}","more":"{secrets[0]} {secrets[0]}",'
    )
    with small_world.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE resource SET spec = replace(spec, '\"publisher\":{', ?) WHERE kind = 'site'", (changed,)
        )
    told = cli(small_world)
    told.take()
    kept = gzip.decompress(told.file.read_bytes()).decode()
    assert "CANARY" not in kept and "canary" not in kept
    code, out, _ = told.against()
    assert code == 0 and "CANARY" not in out and "canary" not in out
    assert out.count("(redacted: looks like a secret, no. 1)") == 1
    assert out.count("(redacted: looks like a secret, no. 2)") == 2, "what was equal stays equal"


def test_a_plan_that_was_saved_against_one_is_applied_as_reviewed_or_not_at_all(small_world, cli, tmp_path):
    small_world.apply()
    told = cli(small_world)
    told.take()
    small_world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"')))
    saved = str(tmp_path / "reviewed.plan")
    assert told.against("-o", saved)[0] == 0
    code, _, err = told.call("apply", saved)
    assert (code, "there is no terminal to ask on" in err) == (64, True), "it is not signed: somebody has to say yes"
    small_world.write(edited("sites/blog.yaml", ('"02:00"', '"04:00"')))
    code, _, err = told.call("apply", saved, "--yes")
    assert (code, "the config root is not what this plan was made from" in err) == (5, True)
    small_world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"')))
    spec = small_world.rows("SELECT spec FROM resource WHERE kind = 'site'")[0][0]
    with small_world.database.write() as connection:
        connection.exec_driver_sql("UPDATE resource SET spec = replace(spec, '18:00', '23:00') WHERE kind = 'site'")
    code, _, err = told.call("apply", saved, "--yes")
    assert (code, "this plan is stale: the plan from here is" in err) == (5, True), "drift since then"
    with small_world.database.write() as connection:
        connection.exec_driver_sql("UPDATE resource SET spec = ? WHERE kind = 'site'", (spec,))
    code, out, err = told.call("apply", saved, "--yes")
    assert (code, "Applied: generation 2." in out) == (0, True), err
    code, _, err = told.call("apply", saved, "--yes")
    assert (code, "applied already" in err) == (5, True)


def test_one_that_is_stale_by_a_generation_is_refused_at_the_apply(small_world, cli, tmp_path):
    small_world.apply()
    told = cli(small_world)
    told.take()
    small_world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"')))
    saved = str(tmp_path / "reviewed.plan")
    told.against("-o", saved)
    small_world.write(edited("platform.yaml", ('"0.01"', '"0.02"')))
    small_world.apply()
    small_world.write(edited("platform.yaml"))
    code, _, err = told.call("apply", saved, "--yes")
    assert (code, "stale: it was made from generation 1, now it is 2" in err) == (5, True)


def test_the_same_state_is_the_same_file_and_reading_it_gives_the_same_snapshot(lived_in, tmp_path):
    clock = FixedClock(lived_in.clock.now() + timedelta(hours=1))
    taken = take_snapshot(lived_in.database, clock)
    data = encode_snapshot(lived_in.database, taken)
    assert data == encode_snapshot(lived_in.database, take_snapshot(lived_in.database, clock))
    for name in ("a.json", "a.json.gz"):
        write_snapshot(tmp_path / name, data)
        read = read_snapshot(tmp_path / name, public_key(lived_in.database), environment="", now=clock.now())
        assert to_json(read) == to_json(taken) == to_json(from_json(to_json(taken)))
    assert (tmp_path / "a.json").read_bytes() == data
    assert len((tmp_path / "a.json.gz").read_bytes()) < len(data) / 2


def test_the_command_prints_key_and_snapshot_and_says_what_is_wrong(small_world, cli, tmp_path):
    small_world.apply()
    told = cli(small_world)
    assert told.call("snapshot", "--key") == (0, f"{told.key}\n", "")
    code, out, _ = told.call("snapshot", "-o", "-")
    assert (code, json.loads(out)["public_key"]) == (0, told.key)
    assert told.call("snapshot")[0] == 64
    assert told.call("snapshot", "--key", "-o", "x")[0] == 64
    code, _, err = told.call("snapshot", "-o", str(tmp_path / "nowhere" / "x.json"))
    assert (code, "cannot write the snapshot" in err) == (64, True)
    assert told.against()[0] == 64, "there is no such file"


def test_without_the_library_the_extra_is_named(small_world):
    code = "import sys; sys.modules['cryptography'] = None; from cli.main import main; main()"
    words = [
        sys.executable,
        "-c",
        code,
        "-C",
        str(small_world.root),
        "--db",
        small_world.database.url,
        "snapshot",
        "--key",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 8
    assert "igny8[snapshot]" in done.stderr


def test_the_reconciler_keeps_a_snapshot_that_plans_are_made_from(world, cli, tmp_path):
    told = cli(world)
    words = [sys.executable, "-c", "from cli.main import main; main()", "-C", str(world.root), "--db", world.database.url,
             "reconcile", "--once", "--offline", "--log-format", "json"]  # fmt: skip
    done = subprocess.run(
        [*words, "--snapshot", str(told.file)], capture_output=True, text=True, check=False, timeout=60
    )
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert (done.returncode, events) == (0, ["applied", "snapshot"]), done.stderr
    world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"')))
    assert told.against(at="")[1] == told.call("plan", at="")[1]
    nowhere = str(tmp_path / "nowhere" / "x.json")
    done = subprocess.run([*words, "--snapshot", nowhere], capture_output=True, text=True, check=False, timeout=60)
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["applied", "snapshot_failed"]
    assert done.returncode == 0
