"""Who this process is, and whether the process that holds something is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def worker_name() -> str:
    """Return a name for this process that no other process on any machine has: host, pid and start time."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start_time(os.getpid())}"


def is_gone(owner: str) -> bool:
    """Tell whether the owner is known to have ended. One on another machine is never known to."""
    try:
        host, pid_text, started = owner.rsplit(":", 2)
        pid = int(pid_text)
    except ValueError:
        return owner == ""
    if host != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # One that has ended and that nobody has waited for keeps its number, and does nothing any more.
    return _start_time(pid) != started or _facts(pid)[:1] in (["Z"], ["X"])


def _start_time(pid: int) -> str:
    """Return when a process started, in clock ticks since boot, "" where the system does not tell."""
    facts = _facts(pid)
    return facts[19] if len(facts) > 19 else ""


def _facts(pid: int) -> list[str]:
    """Return what the system tells of a process from its state on, nothing where it does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []
