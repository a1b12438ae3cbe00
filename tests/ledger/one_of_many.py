"""One process of several on one account: 64 threads that each want to hold and settle one credit; prints how many did.

python one_of_many.py URL RUN_ID NAME THREADS
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime, timedelta

from reconciler.store import ledger
from reconciler.store.engine import open_database
from reconciler.store.ledger import Hold, Origin, OverdrawnError

NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)
CONNECTIONS = 4


def main(url: str, run_id: str, name: str, threads: str) -> None:
    database = open_database(url)
    # As many transactions at once as a process has connections; the threads stand in line for them.
    line = threading.BoundedSemaphore(CONNECTIONS)
    served: list[str] = []

    def call(number: int) -> None:
        held = Hold(f"{name}-{number}", "acme", "blog", "content", int(run_id), 1, NOW + timedelta(minutes=15))
        origin = Origin(name, NOW, 1)
        try:
            with line, database.write() as connection:
                ledger.place_hold(connection, held, origin)
        except OverdrawnError:
            return
        with line, database.write() as connection:
            ledger.settle(connection, held.id, 1, origin)
        served.append(held.id)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(int(threads))]
    sys.stdin.readline()  # all processes begin at once
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    sys.stdout.write(f"{len(served)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
