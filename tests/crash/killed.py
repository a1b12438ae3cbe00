"""Runs the real command line and kills its process with SIGKILL at the N-th step: `killed.py N -- ARGUMENTS`.

A step is a statement sent to the database, a commit, or a file that takes its final name. `N:TEXT` counts only statements
that begin with the text. With N = 0 nothing is killed and the number of steps is printed at the end.
"""

from __future__ import annotations

import os
import signal
import sys

from sqlalchemy import event
from sqlalchemy.engine import Engine

from cli.main import run

_steps = 0
_number, _, _begins_with = sys.argv[1].partition(":")
_kill_at = int(_number)


def _step(*facts: object, **_: object) -> None:
    global _steps
    if _begins_with and not (len(facts) > 2 and str(facts[2]).startswith(_begins_with)):
        return
    _steps += 1
    if _steps == _kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


event.listen(Engine, "before_cursor_execute", _step)
event.listen(Engine, "commit", _step)
sys.addaudithook(lambda name, _: _step() if name == "os.rename" else None)

code = run(sys.argv[3:])
if _kill_at == 0:
    sys.stderr.write(f"steps: {_steps}\n")
sys.exit(code)
