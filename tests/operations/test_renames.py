"""Renames: `moved` keeps a resource's uid, content, ledger and history; whatever cannot be renamed is said and blocked."""

from __future__ import annotations

import pytest
from builder import FILES, edited

from cli.output import Output
from cli.plan_formats import plan_lines
from reconciler.errors import BlockedError
from reconciler.operations.blame import blame
from reconciler.operations.plan import plan
from reconciler.operations.resource_holds import hold
from reconciler.operations.rollback import find_way, roll_back
from reconciler.store.ledger import find_breaks
from reconciler.store.renames import former_names
from reconciler.store.tables import metadata

BLOG = FILES["sites/blog.yaml"]
JOURNAL = BLOG.replace("name: blog\n", "name: journal\nmoved: {from: blog}\n")
GLOBEX = FILES["accounts/acme.yaml"].replace("name: acme\n", "name: globex\nmoved: {from: acme}\n")


def planned(world):
    compilation = world.compile()
    assert compilation.is_valid, compilation.findings
    return plan(world.database, compilation, world.clock)


def text_of(world):
    return "\n".join(plan_lines("text", planned(world), output=Output("never")))


def names_in(world, column):
    """Return the names that stand in any table's column of this name, with the tables that have them."""
    found = {}
    for table in metadata.sorted_tables:
        if column in table.c:
            for (name,) in world.rows(f'SELECT DISTINCT {column} FROM "{table.name}" WHERE {column} IS NOT NULL'):
                found.setdefault(name, set()).add(table.name)
    return found


def rename_site(world, text=JOURNAL):
    world.write({"sites/blog.yaml": None, "sites/journal.yaml": text})


def worked(world):
    """Apply, run and publish, so that every kind of row is there."""
    world.apply()
    assert [result.state for result in world.run().results] == ["completed"]
    return world


def test_a_site_keeps_its_uid_content_ledger_and_schedule_under_a_new_name(world):
    worked(world)
    uid = world.rows("SELECT uid FROM resource WHERE kind = 'site'")
    before = names_in(world, "site")
    keys = world.rows("SELECT key, slot_at FROM publication ORDER BY id")
    assert before.keys() == {"blog"} and {"content", "usage", "transfer", "hold", "attempt", "run"} <= before["blog"]
    rename_site(world)
    assert "~ rename site/blog -> site/journal" in text_of(world)
    world.apply()
    assert names_in(world, "site") == {"journal": before["blog"]}
    assert world.rows("SELECT uid FROM resource WHERE kind = 'site'") == uid
    assert world.rows("SELECT key, slot_at FROM publication ORDER BY id") == keys
    assert planned(world).plan.is_empty, "moved is done and says nothing more"
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        assert former_names(connection, "site", "journal") == (("blog", 2),)
    assert [result.state for result in world.run(["journal"]).results] == ["completed"]


def test_an_accounts_grant_is_posted_once_whatever_the_account_is_called(world):
    worked(world)
    balance = world.rows("SELECT available, held, spent, granted FROM credit_account")
    site = BLOG.replace("account: acme", "account: globex")
    world.write({"accounts/acme.yaml": None, "accounts/globex.yaml": GLOBEX, "sites/blog.yaml": site})
    assert planned(world).grants == ()
    world.apply()
    assert world.rows("SELECT available, held, spent, granted FROM credit_account") == balance
    assert names_in(world, "account").keys() == {"globex"}
    assert world.rows("SELECT key FROM transfer WHERE kind = 'grant'") == [("grant:globex:opening",)]
    assert planned(world).grants == () and planned(world).plan.is_empty
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
    # A customer who comes later under the old name has nothing to do with the first one's grants.
    world.write({"accounts/globex.yaml": GLOBEX.replace("moved: {from: acme}\n", "")})
    world.write({"accounts/acme.yaml": FILES["accounts/acme.yaml"]})
    assert [grant.id for grant in world.apply().granted] == ["opening"]
    assert sorted(world.rows("SELECT account, granted FROM credit_account")) == [("acme", -1000), ("globex", -1000)]


def test_names_in_a_chain_lead_to_the_one_that_the_database_knows(small_world):
    worked(small_world)
    chain = BLOG.replace("name: blog\n", "name: third\nmoved: {from: [second, blog]}\n")
    small_world.write({"sites/blog.yaml": None, "sites/third.yaml": chain})
    small_world.apply()
    assert names_in(small_world, "site").keys() == {"third"}
    fourth = chain.replace("third", "fourth").replace("[second, blog]", "third")
    small_world.write({"sites/third.yaml": None, "sites/fourth.yaml": fourth})
    small_world.apply()
    with small_world.database.read() as connection:
        assert former_names(connection, "site", "fourth") == (("third", 3), ("blog", 2))


def test_moved_from_a_name_that_was_never_there_is_harmless(small_world):
    rename_site(small_world)
    assert planned(small_world).plan.count("delete") == 0
    small_world.apply()
    assert planned(small_world).plan.is_empty


def test_articles_move_to_new_slots_while_their_site_is_renamed(world):
    worked(world)
    world.publish()
    world.clock.advance(hours=1)
    titles = world.rows("SELECT count(*) FROM publication WHERE state = 'scheduled'")[0][0]
    assert titles
    rename_site(world, JOURNAL.replace('time_slots: ["09:00", "14:00", "18:00"]', 'time_slots: ["10:00"]'))
    moves = planned(world).moves
    assert len(moves) == titles
    assert len(world.apply().moves) == titles


def test_a_name_that_is_taken_blocks_the_plan(small_world):
    small_world.apply()
    news = BLOG.replace("name: blog", "name: news").replace("published/blog", "published/news")
    small_world.write({"sites/news.yaml": news})
    small_world.apply()
    small_world.write(
        {"sites/blog.yaml": None, "sites/news.yaml": news.replace("name: news\n", "name: news\nmoved: {from: blog}\n")}
    )
    with pytest.raises(BlockedError, match="site/news exists already, so site/blog cannot take its name"):
        small_world.apply()


def test_what_an_earlier_site_left_blocks_the_plan(small_world):
    worked(small_world)
    journal = JOURNAL.replace("moved: {from: blog}\n", "")
    small_world.write({"sites/blog.yaml": None})
    small_world.apply()
    small_world.write({"sites/journal.yaml": journal})
    small_world.apply()
    small_world.write(
        {
            "sites/journal.yaml": None,
            "sites/blog.yaml": BLOG.replace("name: blog\n", "name: blog\nmoved: {from: journal}\n"),
        }
    )
    with pytest.raises(BlockedError, match="an earlier site/blog left rows of"):
        small_world.apply()


def test_work_in_flight_blocks_a_rename_and_a_worker_that_lost_its_lease_is_fenced(world):
    worked(world)
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE run SET state = 'running', lease_until = '2027-01-01 00:00:00+00:00'")
    rename_site(world)
    with pytest.raises(BlockedError, match="let it end before site/blog is renamed"):
        world.apply()
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE run SET lease_until = '2026-01-01 00:00:00+00:00'")
    fence = world.rows("SELECT fence FROM run")[0][0]
    world.apply()
    assert world.rows("SELECT site, fence FROM run") == [("journal", fence + 1)]


def test_a_site_that_comes_while_one_like_it_goes_is_suggested_as_a_rename(small_world):
    small_world.apply()
    rename_site(small_world, JOURNAL.replace("moved: {from: blog}\n", ""))
    assert (
        "site/blog and site/journal look alike: add `moved: {from: blog}` to sites/journal.yaml "
        "to keep its history, content and ledger"
    ) in text_of(small_world)
    other = edited("sites/blog.yaml", ("name: blog", "name: journal"), ("https://blog", "https://x"), ("hiking", "tax"))
    rename_site_to = other["sites/blog.yaml"].replace("keywords: [best", "keywords: [worst").replace("mon, tue, ", "")
    small_world.write(
        {"sites/journal.yaml": rename_site_to.replace('"02:00"', '"03:00"').replace("published", "public")}
    )
    assert "look alike" not in text_of(small_world)


def test_a_rollback_gives_the_old_name_back_and_blame_knows_both(world):
    worked(world)
    uid = world.rows("SELECT uid FROM resource WHERE kind = 'site'")
    rename_site(world, JOURNAL.replace('"02:00"', '"03:00"'))
    world.apply()
    found = {item.field: item.applied.generation for item in blame(world.database, "site/journal").fields}
    assert (found["url"], found["automation.time"], found["name"]) == (1, 2, 2)
    way = find_way(world.installation, world.database, 1)
    assert [change.ref for change in way.planned.plan.changes] == ["site/blog"]
    roll_back(world.installation, world.database, way, reason="wrong name")
    assert world.rows("SELECT name, uid FROM resource WHERE kind = 'site'") == [("blog", uid[0][0])]
    assert names_in(world, "site").keys() == {"blog"}
    with world.database.read() as connection:
        assert find_breaks(connection) == ()


@pytest.mark.parametrize("field", ["automation.time", ""])
def test_a_site_that_is_renamed_while_it_is_held_is_forecast_once(small_world, field):
    small_world.apply()
    before = planned(small_world).plan.forecast_after.articles
    hold(small_world.database, small_world.clock, "site/blog", field, until="3d", reason="launch", actor="ann")
    rename_site(small_world, JOURNAL.replace('"02:00"', '"03:00"'))
    forecast = planned(small_world).plan.forecast_after
    assert forecast.articles == before
    assert list(forecast.sites) == (["journal"] if field else ["blog"])
