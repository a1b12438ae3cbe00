"""Runs the real command line in one new process a request, without the time that importing takes each time.

Reads lines `[kill_at, [ARGUMENTS]]` and answers each with `[exit code or -signal, steps]`. The process of a request is
killed with SIGKILL at its N-th step (a statement, or a commit); with 0 it lives, and its steps are counted. After
`[kill_at, [ARGUMENTS], "outside"]` a step is what the world sees: a file that takes its final name or goes, a program that
is started. `forked.py PID_FILE` writes the number of a request's process there before it does anything.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

# All that the commands import when they are called, so that no process has to.
import cli.commands.images
import cli.commands.publish  # noqa: F401
import reconciler.config.compiler
import reconciler.operations.apply
import reconciler.operations.publish_article
import reconciler.operations.saved_plan
import reconciler.operations.validate
import reconciler.publishers.exchange
import reconciler.publishers.ghost_publisher
import reconciler.publishers.static
import reconciler.publishers.wordpress.publisher  # noqa: F401
from cli.main import run
from reconciler.store.engine import open_database

open_database("sqlite://").close()


OUTSIDE = ("os.rename", "os.remove", "os.rmdir", "subprocess.Popen")


def work(kill_at: int, arguments: list[str], steps_file: int, *, outside: bool) -> int:
    steps = 0

    def step(*_facts: object, **_more: object) -> None:
        nonlocal steps
        steps += 1
        os.pwrite(steps_file, b"%08d" % steps, 0)
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    if outside:
        sys.addaudithook(lambda name, _: step() if name in OUTSIDE else None)
    else:
        event.listen(Engine, "before_cursor_execute", step)
        event.listen(Engine, "commit", step)
    return run(arguments)


for line in sys.stdin:
    kill_at, arguments, *kind = json.loads(line)
    steps_file = os.memfd_create("steps")
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)  # what the command says is not the answer
        if len(sys.argv) > 1:
            Path(sys.argv[1]).write_text(str(os.getpid()))
        code = work(kill_at, arguments, steps_file, outside=kind == ["outside"])
        sys.stdout.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    steps = int(os.pread(steps_file, 8, 0) or 0)
    os.close(steps_file)
    sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status), steps]) + "\n")
    sys.stdout.flush()
