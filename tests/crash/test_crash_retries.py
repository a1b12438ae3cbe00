"""SIGKILL between and within the attempts of a call to a real server: each hold ends once, whatever was in flight."""

from __future__ import annotations

import signal

from ai_server import Reply, serving
from builder import World, edited, write_root

from reconciler.store.ledger import find_breaks


def test_a_run_killed_among_its_retries_leaves_no_hold_and_charges_nothing(tmp_path, sqlite_files, processes):
    """The server fails twice, then answers something that is no cluster: three attempts, none of them charged."""
    with serving() as server:
        provider = f'adapter: openai, endpoint: "{server.url}/v1"'
        files = edited("providers.yaml", ("adapter: offline", provider))

        def fresh(name: str) -> World:
            server.requests.clear()
            server.script = lambda _, number: Reply(503, {}, {"retry-after": "0"}) if number < 2 else None
            (tmp_path / name).mkdir()
            world = World(write_root(tmp_path / name / "root", files), sqlite_files.with_schema(tmp_path / name))
            world.apply()
            return world

        words = ("run", "--now", "--no-delays")
        # As the second attempt is written down, and as its end is.
        for statement in ("INSERT INTO attempt", "UPDATE attempt"):
            world = fresh(statement.split()[0])
            assert processes.on(world, *words, kill_at=2, begins_with=statement).code == -signal.SIGKILL
            processes.on(world, *words)
            with world.database.read() as connection:
                assert find_breaks(connection) == ()
            assert world.rows("SELECT available, held, spent FROM credit_account") == [(1000, 0, 0)]
            assert "pending" not in world.counts("attempt", "status")
            tables = ("attempt", "hold", "hold_resolution")
            assert len({world.rows(f"SELECT count(*) FROM {table}")[0] for table in tables}) == 1
            assert len(server.requests) <= world.rows("SELECT count(*) FROM attempt")[0][0], "none without its attempt"
