"""Keeps the process that evaluates CEL: starts it, feeds it, finds out what killed it, and goes on without that."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Literal

import orjson

from reconciler.config.policies import worker

_MIB = 1024 * 1024
# Never reached by what the limits of processor time bound; it is for a machine that stands still.
_WALL_SECONDS_MAX = 600.0
# All that an interpreter may need to start; the rest of the environment may hold secrets.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Limits:
    """What expressions may use: processor seconds and bytes. Beyond `stopped_max` stopped rules, all rest is given up."""

    seconds: float = 0.25
    memory_bytes: int = 512 * _MIB
    total_seconds: float = 2.0
    total_seconds_per_evaluation: float = 0.0002
    stopped_max: int = 8


@dataclass(frozen=True, slots=True)
class Use:
    """A path of a variable that an expression reads, and the offsets of variable and steps in its text."""

    root: str
    path: tuple[str, ...]
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What compiling one program gave: the type of its answer and what it reads, or its problems by line and column.

    `stopped` is why compiling it had to be stopped.
    """

    type: str = ""
    uses: tuple[Use, ...] = ()
    problems: tuple[tuple[int, int, str], ...] = ()
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A rule for the process: which program is its condition, and which stand in its message."""

    condition: int
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule said on a task: found with the message's texts, or why it could not be decided.

    `stopped` says that it took too much, and is not asked again.
    """

    task: int
    rule: int
    outcome: Literal["found", "failed", "stopped"]
    texts: tuple[str | None, ...] = ()
    problem: str = ""


def find_library() -> Path | None:
    """Return the folder that the CEL library is installed in, without importing it; None when it is not installed."""
    found = find_spec("cel_expr_python")
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]).parent if places else None


class Sandbox:
    """Evaluates programs in a process of its own; a context manager, so that the process never outlives it."""

    def __init__(self, library: Path, limits: Limits | None = None) -> None:
        self._programs: list[str] = []
        self._library = library
        self._limits = limits or Limits()
        self._child: _Child | None = None
        self._stopped: dict[int, str] = {}

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def compile(self, programs: Sequence[str]) -> tuple[Compiled, ...]:
        """Return what compiling each program gave, and keep the process for a `run` of them."""
        self._programs = list(programs)
        self._stopped = {}
        return self._compile()

    def places_of(self, programs: Sequence[str]) -> list[int]:
        """Return where programs stand among the compiled ones, which they are now if they were not."""
        known = {text: index for index, text in enumerate(self._programs)}
        if self._child is None or any(text not in known for text in programs):
            self.compile(programs)
            return list(range(len(programs)))
        return [known[text] for text in programs]

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
        self._child = None

    def _compile(self) -> tuple[Compiled, ...]:
        self._end()
        while True:
            texts = ["false" if index in self._stopped else text for index, text in enumerate(self._programs)]
            self._child = _Child(texts, self._library, self._limits)
            line = self._child.send({"programs": texts})
            if line is not None:
                told = [_compiled(item) for item in orjson.loads(line)]
                return tuple(
                    Compiled(stopped=self._stopped[index]) if index in self._stopped else item
                    for index, item in enumerate(told)
                )
            program, _, reason = self._child.post_mortem(self._limits)
            self._stop(program, reason)
            if len(self._stopped) > self._limits.stopped_max:
                for index in range(len(self._programs)):
                    self._stopped.setdefault(index, "given up, since others took too much")

    def run(
        self,
        checks: Sequence[Check],
        shared: Mapping[str, Any],
        count: int,
        task: Callable[[int], tuple[Sequence[int], Mapping[str, Any]]],
    ) -> list[Answer]:
        """Return what the rules say on tasks 0 to count - 1. `task` gives the rules to ask and the variables.

        The programs have been compiled; to run them once more they are compiled again.
        """
        answers: list[Answer] = []
        stopped: set[int] = set()
        begin = 0
        while begin < count and self._child is not None:
            evaluations = (count - begin) * max(1, len(checks))
            seconds = self._limits.total_seconds + self._limits.total_seconds_per_evaluation * evaluations
            rules = [[check.condition, check.parts] for check in checks]
            setup = {"rules": rules, "shared": shared, "seconds": seconds}

            lines = _lines(task, range(begin, count), frozenset(stopped))
            told, is_done = self._child.converse(setup, lines)
            answers += [_answer(begin + number, *item) for number, items in told for item in items]
            stopped |= {answer.rule for answer in answers if answer.outcome == "stopped"}
            if is_done:
                break
            program, at, reason = self._child.post_mortem(self._limits)
            begin += max(at, 0)
            # Rules may share a program; none of them is asked again, so none may pass in silence.
            blamed = {index for index, check in enumerate(checks) if program in (check.condition, *check.parts)}
            answers += [Answer(begin, rule, "stopped", problem=reason) for rule in sorted(blamed)]
            stopped |= blamed
            self._stop(program, reason)
            if len(stopped) > self._limits.stopped_max:
                rest = set(range(len(checks))) - stopped
                answers += [
                    Answer(begin, other, "stopped", problem="given up, since others took too much") for other in rest
                ]
                break
            self._compile()
        self._end()
        return answers

    def _stop(self, program: int, reason: str) -> None:
        self._stopped[program] = reason


def _lines(
    task: Callable[[int], tuple[Sequence[int], Mapping[str, Any]]], numbers: range, stopped: Collection[int]
) -> Iterator[Mapping[str, Any]]:
    for number in numbers:
        asked, variables = task(number)
        yield {"r": [rule for rule in asked if rule not in stopped], "v": variables}


def _compiled(told: Mapping[str, Any]) -> Compiled:
    uses = tuple(Use(use["root"], tuple(use["path"]), tuple(use["offsets"])) for use in told.get("uses", ()))
    problems = tuple((line, column, message) for line, column, message in told.get("problems", ()))
    return Compiled(told.get("type", ""), uses, problems)


def _answer(task: int, rule: int, outcome: str, texts: list[str | None], problem: str) -> Answer:
    if outcome == "memory":
        return Answer(task, rule, "stopped", problem="it needs too much memory")
    return Answer(task, rule, "found" if outcome == "found" else "failed", tuple(texts), problem)


class _Child:
    """One process. Its standard error and the note of what it is busy with are files, so nothing can block it."""

    def __init__(self, programs: Sequence[str], library: Path, limits: Limits) -> None:
        self._size = worker.BUSY.size + worker.SPENT.size * len(programs)
        self._programs = len(programs)
        self._note = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._note.truncate(self._size)
        arguments = (str(library), str(self._note.fileno()), str(limits.seconds), str(limits.memory_bytes))
        self._process = subprocess.Popen(
            (sys.executable, "-I", "-S", worker.__file__, *arguments),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            pass_fds=(self._note.fileno(),), env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        )  # fmt: skip

    def send(self, message: Mapping[str, Any]) -> str | None:
        """Send a line and return the line that comes back; None when the process has ended."""
        self._write(message)
        answer = _pipe(self._process.stdout).readline()
        return answer.decode() if answer.endswith(b"\n") else None

    def converse(self, setup: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> tuple[list[Any], bool]:
        """Send the setup and all lines, and return what came back and whether the process came to the end."""
        lines: list[bytes] = []
        reader = threading.Thread(target=lambda: lines.extend(_pipe(self._process.stdout)), daemon=True)
        reader.start()
        alive = self._write(setup)
        for task in tasks:
            alive = alive and self._write(task)
            if not alive:
                break
        self._close_input()
        reader.join(_WALL_SECONDS_MAX)
        if reader.is_alive():
            self._process.kill()
            reader.join()
        told = [orjson.loads(line) for line in lines if line.endswith(b"\n")]
        is_done = bool(told) and told[-1] == "done"
        if is_done:
            self.kill()
        return [item for item in told if item != "done"], is_done

    def post_mortem(self, limits: Limits) -> tuple[int, int, str]:
        """Return the program that the process ended with, the task (-1 while compiling), and why.

        Raises RuntimeError when the mistake is in the worker itself.
        """
        self._close_input()
        code = self._process.wait()
        with mmap.mmap(self._note.fileno(), self._size) as note:
            program, task = worker.BUSY.unpack_from(note, 0)
            spent = [
                worker.SPENT.unpack_from(note, worker.BUSY.size + worker.SPENT.size * index)[0]
                for index in range(self._programs)
            ]
        self._errors.seek(0)
        errors = self._errors.read().decode(errors="replace")
        self.kill()
        if code == -signal.SIGPROF:
            return program, task, f"it takes more than {limits.seconds:g} s"
        if code == -signal.SIGXCPU:
            slowest = max(range(self._programs), key=spent.__getitem__)
            return slowest, task, f"together the policies take too long, and this one took {spent[slowest]:.1f} s of it"
        if code < 0 or "MemoryError" in errors:
            return (
                program,
                task,
                "it needs too much memory" if code in (1, -signal.SIGABRT) else f"it ends the process (signal {-code})",
            )
        raise RuntimeError(f"the policy worker failed: {errors.strip()[-2000:]}")

    def kill(self) -> None:
        """End the process and give back what it held."""
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._note, self._errors):
            if file is not None:
                try:
                    file.close()
                except BrokenPipeError:
                    continue

    def _write(self, message: Mapping[str, Any]) -> bool:
        try:
            _pipe(self._process.stdin).write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
            if "programs" in message:
                _pipe(self._process.stdin).flush()
        except BrokenPipeError:
            return False
        return True

    def _close_input(self) -> None:
        try:
            _pipe(self._process.stdin).close()
        except BrokenPipeError:
            return


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
