"""The process that compiles and evaluates CEL. It is run as a script, imports nothing of ours, and may be killed.

It reads JSON lines: first the programs, then what they share and which belong together, then one line per task. It
writes one line about the programs, one line per task that found something, and a last line `"done"`. What it is busy
with stands in a small shared file all the time, so that whoever finds it dead knows which program to blame.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import re
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

VARIABLES = ("resource", "account", "change", "plan", "models", "platform")
TEXT_MAX = 400
# What it is busy with: the program, and the task (-1 while compiling). A double per program follows: seconds spent.
BUSY = struct.Struct("<ii")
SPENT = struct.Struct("<d")

_PROBLEM = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)
_EXPECTED = re.compile(
    r"^Syntax error: (?:mismatched|extraneous|no viable alternative at) input '(.*?)'(?: expecting .*)?$"
)
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")

# Field numbers of the messages of cel/expr/syntax.proto and checked.proto, as far as they are read here.
_ANY_VALUE = 2
_CHECKED_EXPR, _CHECKED_SOURCE = 4, 5
_SOURCE_POSITIONS = 4
_ID, _CONSTANT, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = 2, 3, 4, 5, 6, 7, 8, 9
_CONSTANT_STRING = 6


def main(library: str, shared_file: int, seconds: float, memory_bytes: int) -> None:
    """Serve one conversation over stdin and stdout."""
    import time

    sys.path.insert(0, library)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    source, answer = sys.stdin.buffer, sys.stdout.buffer
    request = json.loads(source.readline())
    progress = mmap.mmap(shared_file, BUSY.size + SPENT.size * len(request["programs"]))

    from cel_expr_python import cel

    dynamic = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    environment = cel.NewEnv(variables=dict.fromkeys(VARIABLES, dynamic) | {"today": cel.Type.STRING})
    programs: list[Any] = []
    compiled = []
    for index, text in enumerate(request["programs"]):
        BUSY.pack_into(progress, 0, index, -1)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        program, told = compile_one(environment, text)
        programs.append(program)
        compiled.append(told)
    signal.setitimer(signal.ITIMER_PROF, 0)
    answer.write(json.dumps(compiled).encode() + b"\n")
    answer.flush()

    line = source.readline()
    if not line:
        return
    setup = json.loads(line)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + setup["seconds"]) + 1)
    error, clock = cel.Type.ERROR, time.perf_counter
    for task, line in _tasks(source):
        activation = environment.Activation({**setup["shared"], **task["v"]})
        found = []
        for rule in task["r"]:
            condition, parts = setup["rules"][rule]
            BUSY.pack_into(progress, 0, condition, line)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            begun = clock()
            outcome = decide(programs, condition, parts, activation, error)
            if outcome is not None:
                found.append([rule, *outcome])
            at = BUSY.size + SPENT.size * condition
            SPENT.pack_into(progress, at, SPENT.unpack_from(progress, at)[0] + clock() - begun)
        if found:
            answer.write(json.dumps([line, found]).encode() + b"\n")
            answer.flush()
    signal.setitimer(signal.ITIMER_PROF, 0)
    answer.write(b'"done"\n')
    answer.flush()


def _limit(what: int, value: int) -> None:
    # Some systems do not let a process limit its address space; the limits of time are there all the same.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(what, (value, resource.getrlimit(what)[1]))


def _tasks(source: BinaryIO) -> Iterator[tuple[dict[str, Any], int]]:
    for number, line in enumerate(source):
        yield json.loads(line), number


def compile_one(environment: Any, text: str) -> tuple[Any, dict[str, Any]]:
    """Return the compiled program and what is to be told of it; None and the problems when it cannot be compiled."""
    try:
        program = environment.compile(text)
        return program, {"type": program.return_type().name(), "uses": uses_of(program.serialize())}
    except MemoryError:
        return None, {"problems": [[-1, -1, "it is too large"]]}
    except RuntimeError as error:
        return None, {"problems": problems_of(str(error))}


def problems_of(text: str) -> list[list[Any]]:
    """Return line, column and message of each problem that the compiler's text tells; -1 where it knows no place."""
    found = [[int(line), int(column), _tidy(message)] for line, column, message in _PROBLEM.findall(text)]
    return found[:5] or [[-1, -1, _tidy(text.split("\n")[0])]]


def _tidy(text: str) -> str:
    text = _STATUS.sub("", _STATUS.sub("", text)).replace(" (in container '')", "")
    unexpected = _EXPECTED.match(text)
    if unexpected:
        word = unexpected[1]
        return "it ends too early" if word == "<EOF>" else f"`{word}` does not belong here"
    return text[:TEXT_MAX]


def decide(
    programs: list[Any], condition: int, parts: list[int], activation: Any, error: Any
) -> tuple[str, list[str | None], str] | None:
    """Return None where the condition is false, else what happened, the message's texts, and the problem."""
    try:
        value = programs[condition].eval(activation)
        plain = value.value()
        if plain is False:
            return None
        if plain is not True:
            wrong = f"the answer is {_shown(plain)}, not true or false"
            return "failed", [], _tidy(str(plain)) if value.type() == error else wrong
    except MemoryError:
        return "memory", [], ""
    except RuntimeError as failure:
        return "failed", [], _tidy(str(failure))
    texts: list[str | None] = []
    problem = ""
    for part in parts:
        try:
            value = programs[part].eval(activation)
            failed = value.type() == error
            texts.append(None if failed else _shown(value.plain_value()))
            problem = _tidy(str(value.value())) if failed else problem
        except (MemoryError, RuntimeError) as failure:
            texts.append(None)
            problem = _tidy(str(failure)) or "it needs too much memory"
    return "found", texts, problem


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float):
        text = f"{value:.6f}".rstrip("0").rstrip(".")
    elif isinstance(value, list):
        text = ", ".join(_shown(item) for item in value[:20]) + (", ..." if len(value) > 20 else "")
    else:
        text = "null" if value is None else str(value)
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def uses_of(serialized: bytes) -> list[dict[str, Any]]:
    """Return each path of a variable that an expression reads, with the offsets of its steps in the text.

    A path ends where it is no longer a chain of names: `resource.labels` in `resource.labels.exists(l, l == "x")`.
    """
    checked = dict(_fields(dict(_fields(serialized))[_ANY_VALUE]))
    positions = {}
    for number, value in _fields(checked[_CHECKED_SOURCE]):
        if number == _SOURCE_POSITIONS:
            entry = dict(_fields(value))
            positions[entry.get(1, 0)] = entry.get(2, 0)
    found: list[dict[str, Any]] = []
    _walk(checked[_CHECKED_EXPR], frozenset(), positions, found)
    return found


def _walk(expression: bytes, bound: frozenset[str], positions: dict[int, int], found: list[dict[str, Any]]) -> None:
    chain = _chain(expression, positions)
    if chain is not None:
        root, path, offsets = chain
        if root not in bound:
            found.append({"root": root, "path": path, "offsets": offsets})
        return
    for number, value in _fields(expression):
        if number == _SELECT:
            _walk(dict(_fields(value))[1], bound, positions, found)
        elif number == _CALL:
            for part, inner in _fields(value):
                if part in (1, 3):
                    _walk(inner, bound, positions, found)
        elif number == _LIST:
            for part, inner in _fields(value):
                if part == 1:
                    _walk(inner, bound, positions, found)
        elif number == _STRUCT:
            for part, entry in _fields(value):
                if part == 2:
                    for key, inner in _fields(entry):
                        if key in (3, 4):
                            _walk(inner, bound, positions, found)
        elif number == _COMPREHENSION:
            parts = dict(_fields(value))
            inside = bound | {parts[key].decode() for key in (1, 3, 8) if key in parts}
            for key in (2, 4, 5, 6, 7):
                if key in parts:
                    _walk(parts[key], bound if key == 2 else inside, positions, found)


def _chain(expression: bytes, positions: dict[int, int]) -> tuple[str, list[str], list[int]] | None:
    """Return variable, names and offsets of `variable.name["name"]`; None for any other expression."""
    parts = dict(_fields(expression))
    at = positions.get(parts.get(_ID, 0), 0)
    if _IDENT in parts:
        return dict(_fields(parts[_IDENT]))[1].decode(), [], [at]
    if _SELECT in parts:
        select = dict(_fields(parts[_SELECT]))
        inner, name = _chain(select[1], positions), select[2].decode()
    elif _CALL in parts:
        call = _fields(parts[_CALL])
        operands = [value for number, value in call if number == 3]
        if dict(call).get(2) != b"_[_]" or len(operands) != 2:
            return None
        constant = dict(_fields(operands[1])).get(_CONSTANT)
        key = dict(_fields(constant)).get(_CONSTANT_STRING) if constant is not None else None
        if key is None:
            return None
        inner, name = _chain(operands[0], positions), key.decode()
    else:
        return None
    if inner is None:
        return None
    return inner[0], [*inner[1], name], [*inner[2], at]


def _fields(message: bytes) -> list[tuple[int, Any]]:
    """Return number and value of each field of a protobuf message: an integer, or the bytes of it."""
    found: list[tuple[int, Any]] = []
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == 0:
            value: Any
            value, at = _varint(message, at)
        else:
            length = {1: 8, 5: 4}.get(wire)
            if length is None:
                length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        found.append((tag >> 3, value))
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = message[at]
        at += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, at
        shift += 7


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
