"""`igny8 keywords`: imports beside the declared source, pages, duplicates."""

from __future__ import annotations

import csv
import io
import json

import pytest
from builder import FILES, World, edited

from cli.main import run as igny8

AT = "2026-11-18T10:30+00:00"


@pytest.fixture
def cli(world, capsys):
    """Runs `igny8 keywords` on the applied root and returns its exit code and what it printed."""
    world.apply()

    def command(*words):
        timed = ["--at", AT] if words[0] == "import" else []
        code = igny8(["-C", str(world.root), "--db", world.database.url, "keywords", *words, *timed])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return command


@pytest.fixture
def file(tmp_path):
    def write(text: str, encoding: str = "utf-8") -> str:
        path = tmp_path / "list.csv"
        path.write_bytes(text.encode(encoding))
        return str(path)

    return write


PLACE = ("--site", "blog", "--sector", "hiking")
LIST = "keyword,volume,difficulty\nBoots for hiking best,9,3\ntrail running shoes,700,\nshoes for trail running,1,1\ntrail running shoe,5,\n,1,1\n"


def rows(world: World) -> list[tuple]:
    return world.rows(
        "SELECT term, volume, difficulty, archived_at IS NOT NULL, imported_at IS NOT NULL FROM keyword "
        "WHERE imported_at IS NOT NULL ORDER BY id"
    )


def test_an_import_takes_what_is_new_and_tells_of_each_other_line(world, cli, file):
    code, told = cli("import", file(LIST), *PLACE)
    assert code == 0
    assert "2 keywords taken, 1 known, 2 refused" in told
    assert "line 2: known: “Boots for hiking best” known as “best hiking boots”" in told
    assert "line 4: refused: “shoes for trail running” repeats line 3" in told
    assert "line 6: refused: has no keyword" in told
    assert "line 5: note: “trail running shoe” repeats “trail running shoes” (97 % alike)" in told
    assert rows(world) == [
        ("trail running shoes", 700, None, False, True),
        ("trail running shoe", 5, None, False, True),
    ]
    assert "0 keywords taken, 3 known, 2 refused" in cli("import", file(LIST), *PLACE)[1], "again takes nothing"


def test_a_dry_run_says_the_same_and_takes_nothing(world, cli, file):
    code, told = cli("import", file(LIST), *PLACE, "--dry-run", "--json")
    answer = json.loads(told)
    assert (code, answer["summary"]) == (0, {"taken": 2, "known": 1, "refused": 2, "dry_run": True})
    assert answer["taken"][0] == {
        "line": 3, "term": "trail running shoes", "volume": 700, "difficulty": None, "intent": None,
    }  # fmt: skip
    assert [note["line"] for note in answer["refused"]] == [4, 6]
    assert world.rows("SELECT count(*) FROM keyword") == [(0,)]


def test_no_apply_archives_an_import_and_a_declaration_takes_nothing_from_it(world, cli, file):
    cli("import", file("keyword,volume\ntrail running shoes,700\n"), *PLACE)
    site = FILES["sites/blog.yaml"]
    world.write({"sites/blog.yaml": site.replace("best hiking boots,", "trail running shoes,")})
    world.apply()
    assert world.rows("SELECT term FROM keyword WHERE archived_at IS NOT NULL") == [("best hiking boots",)]
    assert rows(world) == [("trail running shoes", 700, None, False, True)], "the volume is still known"
    world.write({"sites/blog.yaml": site})
    world.apply()
    world.run()
    assert rows(world) == [("trail running shoes", 700, None, False, True)]
    assert world.rows("SELECT state FROM keyword WHERE term = 'trail running shoes'") == [("clustered",)]


def test_an_import_beyond_the_tier_is_refused_as_a_whole(world, cli, file):
    world.write(
        edited("tiers.yaml", ("ai_overrides_allowed: true", "ai_overrides_allowed: true, limits: {keywords_max: 7}"))
    )
    world.apply()
    code, told = cli("import", file("tent pegs\ncamp stove\n"), *PLACE)
    assert (code, "6 keywords and 2 more; the tier growth includes 7" in told) == (4, True)
    assert rows(world) == []
    assert cli("import", file("tent pegs\n"), *PLACE)[0] == 0


def test_a_place_or_a_file_that_is_none_is_said(cli, file):
    code, told = cli("import", file("tent\n"), "--site", "blog", "--sector", "cooking")
    assert (code, "no sector 'cooking'" in told, "its sectors: hiking" in told) == (64, True, True)
    assert cli("import", file("tent\n"), "--site", "nowhere", "--sector", "hiking")[0] == 64
    code, told = cli("import", file("url,clicks\nx,1\n"), *PLACE)
    assert (code, "no column holds keywords" in told) == (64, True)
    assert cli("import", file("keyword,volume\n***,1\n"), *PLACE)[0] == 7
    assert cli("import", "nowhere.csv", *PLACE)[0] == 64


def test_the_list_filters_pages_and_exports(world, cli, file):
    cli("import", file('keyword,volume\n"=cmd()",0\ntrail running shoes,700\n'), *PLACE)
    code, told = cli("list", "--site", "blog", "--source", "imported", "--json")
    answer = json.loads(told)
    assert (code, answer["summary"]) == (0, {"total": 2, "shown": 2})
    pages = [json.loads(cli("list", "--limit", "3", "--offset", str(start), "--json")[1]) for start in (0, 3, 6)]
    ids = [row["id"] for page in pages for row in page["keywords"]]
    assert ids == sorted(set(ids)) and len(ids) == 8 and {page["summary"]["total"] for page in pages} == {8}
    table = list(csv.DictReader(io.StringIO(cli("list", "--source", "imported", "--format", "csv")[1])))
    assert [(row["term"], row["volume"], row["difficulty"]) for row in table] == [
        ("'=cmd()", "0", ""), ("trail running shoes", "700", ""),
    ]  # fmt: skip
    assert "trail running shoes" in cli("list", "--containing", "RUNNING")[1]
    assert "use --limit" in cli("list", "--limit", "1")[1]


def test_duplicates_are_found_among_keywords_and_titles(world, cli, file):
    assert cli("duplicates") == (0, "No duplicates.\n")
    world.run()
    cli("import", file("trail running shoes\ntrail running shoe\n"), *PLACE)
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET title = 'The 5 best boots' WHERE id = 1")
        connection.exec_driver_sql("UPDATE content SET title = '5 best boots' WHERE id = 2")
    code, told = cli("duplicates", "--site", "blog", "--json")
    found = json.loads(told)["duplicates"]
    assert code == 0
    assert [(item["kind"], item["text"], item["of"], item["similarity"]) for item in found] == [
        ("keyword", "trail running shoe", "trail running shoes", 97), ("title", "5 best boots", "The 5 best boots", 100),
    ]  # fmt: skip
