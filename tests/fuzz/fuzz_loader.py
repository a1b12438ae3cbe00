"""Feeds the loader broken files for a while; `make fuzz`. Not part of the tests: every run takes another way.

Three promises: compiling never raises, every finding has a place that is in its file, and what the fast YAML reader
answers is what the careful one reads, types included, with nothing to be said about it.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "config")]

from config_root import FILES, compile_texts  # noqa: E402

from reconciler.config.plain_yaml import NOT_PLAIN, read_plain  # noqa: E402
from reconciler.config.yaml_reader import read_yaml  # noqa: E402

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
PIECES = (
    ":", " ", "\n", "  ", "- ", "[", "]", "{", "}", ",", "&x ", "*x", "!t ", "|", ">", "'", '"', "#", "%", "---", "...",
    "<<", "?", "\t", "1", ".nan", "\r", "\x85", "\u2028", "\ufeff", "\x00", "é", "9:00", "14:00", "yes", "no", "null",
    "~", "0x1F", "0o17", "1_000", "1e3", ".5", "5.", "+1", "-0", "012", "true", "False", "99999999999999999999", "😀",
    "9223372036854775808", "-9223372036854775808", "1.", "1e400", "[]", "{}", "{a: 1}", "[a, b]", ": ", " #", "-", "a:",
)  # fmt: skip


def seeds() -> list[str]:
    """Return the texts to start from: this repository's own config and the root of the tests."""
    texts = [text for path, text in FILES.items() if path.endswith(".yaml")]
    places = (
        *ROOT.glob("*.yaml"),
        *ROOT.glob("sites/**/*.yaml"),
        *ROOT.glob("accounts/*.yaml"),
        *ROOT.glob("examples/**/*.yaml"),
    )
    return texts + [path.read_text(encoding="utf-8") for path in places]


def mutate(text: str, chance: random.Random, others: list[str]) -> str:
    """Return the text with some pieces added, removed, doubled, or taken from another text."""
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        end = min(end, at + chance.choice((1, 3, 20, 200)))
        other = chance.choice(others)
        cut = chance.randrange(len(other) + 1)
        new = chance.choice(
            ("", chance.choice(PIECES), text[at:end] * 2, other[cut : cut + 30], chr(chance.randrange(0x300)))
        )
        text = text[:at] + new + text[chance.choice((at, end)) :]
    return text


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, types, order of keys and sign of zero included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)


def check(text: str, path: str) -> str:
    """Return which promise a text breaks, or ""."""
    document, findings = read_yaml(text, "f.yaml")
    plain = read_plain(text)
    if plain is not NOT_PLAIN and (findings or document is None or not same(plain, document.value)):
        careful = findings or (document.value if document else None)
        return f"the readers differ: {plain!r} and {careful!r}"
    for finding in compile_texts(FILES | {path: text}).findings:
        lines = LINE_BREAK.split(text if finding.file == path else FILES.get(finding.file, ""))
        if finding.mark.line > len(lines) + 1 or finding.mark.line < 1 or finding.mark.column < 1:
            return f"no such place: {finding}"
        if finding.mark.line <= len(lines) and finding.mark.column > len(lines[finding.mark.line - 1]) + 2:
            return f"no such column: {finding}"
    return ""


def main() -> int:
    """Fuzz until the time is over; end with 1 at the first broken promise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    chance, texts = random.Random(seed), seeds()
    paths = [path for path in FILES if path.endswith(".yaml")]
    end = time.monotonic() + options.seconds
    for count in itertools.count():
        if time.monotonic() > end:
            print(f"{count:,} texts, nothing found (seed {seed})")
            return 0
        text = mutate(chance.choice(texts), chance, texts)
        try:
            problem = check(text, chance.choice(paths))
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            print(f"text {count} of seed {seed}: {problem}\n{text!r}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
