"""Starts real `igny8 worker` processes at once, without the time that importing takes each time.

`forked_workers.py NUMBER ARGUMENTS...` runs the command line with the arguments in so many processes. It answers with a line
of their pids, then with a line `[pid, exit code or -signal]` for each that ends. What they say goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys

# All that a worker imports when it is called, so that no process has to.
import reconciler.operations.sharing
import reconciler.providers.direct
import reconciler.providers.openai  # noqa: F401
from cli.main import run
from reconciler.store.engine import open_database

open_database("sqlite://").close()

NUMBER, ARGUMENTS = int(sys.argv[1]), sys.argv[2:]
pids = []
for _ in range(NUMBER):
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        code = run(ARGUMENTS)
        sys.stdout.flush()
        os._exit(code)
    pids.append(child)
sys.stdout.write(json.dumps(pids) + "\n")
sys.stdout.flush()
for _ in pids:
    # A process that nobody waited for still counts as there.
    pid, status = os.wait()
    sys.stdout.write(json.dumps([pid, os.waitstatus_to_exitcode(status)]) + "\n")
    sys.stdout.flush()
