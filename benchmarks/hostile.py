"""Compiles roots with a hostile file: each must be refused within a second, beside the bare reading of the same bytes.

Run: python benchmarks/hostile.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

OWN = Path(__file__).parent.parent
sys.path.insert(0, str(OWN / "tests/config"))

LIMIT_SECONDS = 1.0
_READ = "import sys; from pathlib import Path; Path(sys.argv[1]).read_text()"


def main() -> None:
    """Print the seconds of `igny8 validate` for each file, and the share of the second that is allowed."""
    from config_root import write_root
    from hostile_files import HOSTILE, PLATFORM

    for title, text in HOSTILE.items():
        with tempfile.TemporaryDirectory() as folder:
            root = write_root(Path(folder), {PLATFORM: text})
            validated, code = _timed("-m", "cli.main", "-C", str(root), "validate")
            limit, _ = _timed("-c", _READ, str(root / PLATFORM))
            assert code == 3, (title, code)
            print(
                f"{title:14} {validated:.2f} s, reading alone {limit:.2f} s, ratio to the second={validated / LIMIT_SECONDS:.2f}"
            )


def _timed(*words: str) -> tuple[float, int]:
    started = time.perf_counter()
    done = subprocess.run((sys.executable, *words), capture_output=True, check=False, cwd=OWN)
    return time.perf_counter() - started, done.returncode


if __name__ == "__main__":
    main()
