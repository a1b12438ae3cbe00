"""Commands of the real command line, each in a process of its own that can be killed at any step: see crash/forked.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder import World

_FORKED = Path(__file__).parent / "crash/forked.py"


class ForkedCommands:
    """Runs commands, one at a time, without the time that importing takes each time."""

    def __init__(self, home: Path, **environment: str) -> None:
        self._said, self._pid = home / "said.txt", home / "pid"
        own = {"HOME": str(home), "IGNY8_ACTOR": "tester"} | environment
        with self._said.open("w") as said:
            self._server = subprocess.Popen(
                (sys.executable, str(_FORKED), str(self._pid)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=said, text=True, env=os.environ | own,
            )  # fmt: skip

    def __call__(self, world: World, kill_at: int, *words: str, outside: bool = False) -> tuple[int, int]:
        """Return a command's exit code, or minus the signal that killed it, and its steps.

        A step is a statement or a commit; with `outside`, what the world sees: see forked.py.
        """
        assert self._server.stdin is not None and self._server.stdout is not None
        arguments = ["-C", str(world.root), "--db", world.database.url, *words]
        self._server.stdin.write(json.dumps([kill_at, arguments, "outside" if outside else ""]) + "\n")
        self._server.stdin.flush()
        code, steps = json.loads(self._server.stdout.readline())
        return code, steps

    @property
    def pid_file(self) -> Path:
        """Return where the number of the running command's process stands, before it does anything."""
        return self._pid

    def said(self) -> str:
        """Return the end of what the commands said."""
        return self._said.read_text()[-3000:]

    def close(self) -> None:
        """End, after the command that runs."""
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=30)
        self._server.stdout.close()


@contextmanager
def forked_commands(home: Path, **environment: str) -> Iterator[ForkedCommands]:
    """Yield what runs commands, with this home and these variables."""
    home.mkdir(parents=True, exist_ok=True)
    commands = ForkedCommands(home, **environment)
    try:
        yield commands
    finally:
        commands.close()
