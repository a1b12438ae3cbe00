"""Runs a stage of a site in one new process a request, and kills it with SIGKILL at its N-th step.

`forked_run.py ROOT DATABASE PROVIDER` reads lines `[kill_at, stage, item]` and answers each with the exit code or
-signal; without a stage it goes on with what was left open. A step is a statement, a commit, a file that takes its final
name, or a stretch of the way to the provider: before the request, between request and answer, after the answer. The provider is asked over HTTP; what it answers is the offline provider's.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import sys
from pathlib import Path

# What a call imports, so that no process has to.
import jinja2.sandbox  # noqa: F401
from PIL import Image, ImageOps  # noqa: F401
from sqlalchemy import event
from sqlalchemy.engine import Engine as SqlEngine

from reconciler.clock import SystemClock
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.operations.engine import Engine
from reconciler.operations.providers import ProviderPool
from reconciler.operations.run import Scope, run_wanted, wanted_due, wanted_now
from reconciler.operations.stopping import StopSignal
from reconciler.providers.offline import make
from reconciler.store.engine import open_database

ROOT, URL, PROVIDER = sys.argv[1:]
Image.preinit()
open_database("sqlite://").close()
OFFLINE = make(ProviderSpec(type="ai", adapter="offline"), {})


class Steps:
    def __init__(self, kill_at: int) -> None:
        self._left = kill_at

    def __call__(self, *_facts: object, **_more: object) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class OverHttp:
    """A provider that tells a server of each request before it answers."""

    def __init__(self, step: Steps) -> None:
        self._step = step

    async def _tell(self, attempt_id: str) -> None:
        self._step()
        connection = http.client.HTTPConnection(PROVIDER, timeout=30)
        connection.request("POST", f"/{attempt_id}")
        self._step()
        connection.getresponse().read()
        self._step()

    async def complete(self, request):  # type: ignore[no-untyped-def]
        await self._tell(request.attempt_id)
        return await OFFLINE.complete(request)

    async def draw(self, request):  # type: ignore[no-untyped-def]
        await self._tell(request.attempt_id)
        return await OFFLINE.draw(request)

    async def close(self) -> None:
        await OFFLINE.close()


async def work(step: Steps, stage: str, item: int) -> None:
    database = open_database(URL)
    pool = ProviderPool(Path(ROOT), offline=False)
    pool._made["samples"] = OverHttp(step)  # type: ignore[assignment]
    engine = Engine(database, SystemClock(), pool, Path(ROOT) / ".igny8/media", StopSignal(), with_delays=False)
    event.listen(SqlEngine, "before_cursor_execute", step)
    event.listen(SqlEngine, "commit", step)
    sys.addaudithook(lambda name, _: step() if name == "os.rename" else None)
    wanted = wanted_now(engine, ["blog"], Scope(stage, (item,))) if stage else wanted_due(engine)
    report = await run_wanted(engine, wanted)
    assert [result.state for result in report.results] == ["completed"] * len(wanted), report


for line in sys.stdin:
    kill_at, stage, item = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(work(Steps(kill_at), stage, item))
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            sys.stderr.flush()
            os._exit(9)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    sys.stdout.write(json.dumps(os.waitstatus_to_exitcode(status)) + "\n")
    sys.stdout.flush()
