"""Runs the real command line in one new process a request: forked from this one, which has imported all that it needs.

A process of its own, with its own exit code, streams, environment and death, at a tenth of what starting Python costs.
Each line of the input is a request: `{words, cwd, environment, kill_at, begins_with, outside, streams, pid_file}`; the
answer is `[exit code or -signal, steps]`. A step is a statement sent to the database, a commit, or a file that takes its
final name; with `begins_with` only statements that begin so; `outside` what the world sees: a file that takes its final
name or goes, a program that is started. At step `kill_at` the process is killed with SIGKILL; 0 lets it live.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder import World

_OUTSIDE = ("os.rename", "os.remove", "os.rmdir", "subprocess.Popen")


def command_line(world: World, *words: str) -> list[str]:
    """Return what starts a new Python with a command on a world: for several processes at once."""
    program = (sys.executable, "-c", "from cli.main import main; main()")
    return [*program, "-C", str(world.root), "--db", world.database.url, *words]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: with its exit code or -signal, what it has said, and how many steps it took."""

    code: int
    stdout: str
    stderr: str
    steps: int

    @property
    def said(self) -> str:
        """Return the end of what it has said."""
        return (self.stdout + self.stderr)[-3000:]


class Igny8Processes:
    """Starts commands in processes of their own, as `subprocess.run` would.

    The number of the running command's process stands in `pid_file` before it does anything.
    """

    def __init__(self, folder: Path) -> None:
        self.pid_file = folder / "pid"
        self._parent = self._start()

    def _start(self) -> subprocess.Popen[str]:
        # What is killed, or ends without Python's own end, has no coverage to save: it need not be counted, either.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        return subprocess.Popen(
            (sys.executable, "-m", "igny8_process"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parent, env=environment,
        )  # fmt: skip

    def run(
        self, *words: str | Path, cwd: Path, environment: Mapping[str, str], kill_at: int = 0, begins_with: str = "",
        outside: bool = False,
    ) -> Ended:  # fmt: skip
        """Run `igny8 WORDS` and return how it ended."""
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            streams = [f"/proc/{os.getpid()}/fd/{stream.fileno()}" for stream in (stdout, stderr)]
            request = {
                "words": [str(word) for word in words], "cwd": str(cwd), "environment": dict(environment),
                "kill_at": kill_at, "begins_with": begins_with, "outside": outside, "streams": streams,
                "pid_file": str(self.pid_file),
            }  # fmt: skip
            try:
                code, steps = self._ask(request)
            except BaseException:
                # Nobody who asks later may get this answer.
                self._parent.kill()
                self.close()
                self._parent = self._start()
                raise
            texts = [Path(stream).read_text(encoding="utf-8") for stream in streams]
        return Ended(code, *texts, steps)

    def _ask(self, request: dict[str, Any]) -> tuple[int, int]:
        assert self._parent.stdin and self._parent.stdout
        self._parent.stdin.write(json.dumps(request) + "\n")
        self._parent.stdin.flush()
        code, steps = json.loads(self._parent.stdout.readline())
        return code, steps

    def on(
        self, world: World, *words: str | Path, kill_at: int = 0, begins_with: str = "", outside: bool = False
    ) -> Ended:
        """Run `igny8 WORDS` on a world's root and database."""
        environment = os.environ | {"HOME": str(world.root), "IGNY8_ACTOR": "tester"}
        words = ("-C", world.root, "--db", world.database.url, *words)
        return self.run(
            *words, cwd=world.root, environment=environment, kill_at=kill_at, begins_with=begins_with, outside=outside
        )

    def close(self) -> None:
        """End the parent of all."""
        assert self._parent.stdin and self._parent.stdout
        self._parent.stdin.close()
        self._parent.wait(timeout=30)
        self._parent.stdout.close()


def serve() -> None:
    """Fork a process for each line of the input."""
    import_all()
    for line in sys.stdin:
        request = json.loads(line)
        steps_file = os.memfd_create("steps")
        child = os.fork()
        if child == 0:
            os._exit(become_igny8(request, steps_file))
        _, status = os.waitpid(child, 0)
        steps = int(os.pread(steps_file, 8, 0) or 0)
        os.close(steps_file)
        sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status), steps]) + "\n")
        sys.stdout.flush()


def import_all() -> None:
    """Import what commands import when they are called, so that no process has to."""
    import cli
    import reconciler
    from reconciler.store.engine import open_database

    for package in (cli, reconciler):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not re.search(r"migrations|providers\.(?!offline)", module.name):  # nor what takes long and is not used
                importlib.import_module(module.name)
    open_database("sqlite://").close()


def become_igny8(request: dict[str, Any], steps_file: int) -> int:
    """Take the streams, folder and environment of the request, and run its command."""
    from cli.main import run

    for number, path in ((0, os.devnull), *enumerate(request["streams"], start=1)):
        os.dup2(os.open(path, os.O_RDWR), number)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    Path(request["pid_file"]).write_text(str(os.getpid()))
    count_steps(request["kill_at"], request["begins_with"], steps_file, outside=request["outside"])
    try:
        return run(request["words"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def count_steps(kill_at: int, begins_with: str, steps_file: int, *, outside: bool) -> None:
    """Write down each step, and die at one of them."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    steps = 0

    def step(*facts: object, **_more: object) -> None:
        nonlocal steps
        if begins_with and not (len(facts) > 2 and str(facts[2]).startswith(begins_with)):
            return
        steps += 1
        os.pwrite(steps_file, b"%08d" % steps, 0)
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    if outside:
        sys.addaudithook(lambda name, _: step() if name in _OUTSIDE else None)
        return
    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)
    sys.addaudithook(lambda name, _: step() if name == "os.rename" else None)


if __name__ == "__main__":
    serve()
