"""Runs another program for a publisher: with a clean environment, without a terminal, and within a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# What programs need to find their way; nothing else of ours reaches them, secrets above all.
_PASSED_ON = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "SSH_AUTH_SOCK",
    "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy",
)  # fmt: skip
_OUTPUT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended and what it said on both channels; `timed_out` when it was ended by us."""

    code: int
    output: str
    timed_out: bool = False

    def tail(self, lines: int = 8) -> str:
        """Return the end of what it said, for people."""
        return "\n".join([line for line in self.output.splitlines() if line.strip()][-lines:])[-1200:]


def run_program(
    command: Sequence[str], folder: Path, *, seconds: float, environment: Mapping[str, str] | None = None,
    text: str = "", keeps_open: Sequence[int] = (),
) -> Finished:  # fmt: skip
    """Run a program to its end or to its time limit, which ends its children too; OSError when it cannot be started.

    It has a session of its own, so that nothing can ask on a terminal. `keeps_open` are files that it holds open.
    """
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=passed | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"} | dict(environment or {}), pass_fds=tuple(keeps_open),
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(text.encode(), timeout=seconds)
        timed_out = False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        timed_out = True
    return Finished(process.returncode, output[-_OUTPUT_BYTES:].decode(errors="replace"), timed_out)
