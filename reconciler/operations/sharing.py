"""A worker among others on one database: leads the runs that are owed, and helps with those that others lead."""

from __future__ import annotations

import asyncio

from reconciler.operations.context import context_of, load_contexts
from reconciler.operations.engine import Engine
from reconciler.operations.executor import RunResult
from reconciler.operations.run import RunReport, SkippedRun, Wanted, run_site, wanted_due, wanted_help
from reconciler.operations.stopping import sleep_unless_stopped

_LOOK_AGAIN_SECONDS = 2.0


async def share_work(engine: Engine, *, once: bool) -> RunReport:
    """Work until asked to stop, or with `once` until there is nothing left to do; return what this process did.

    Raises the first failure of the installation itself, once what is under way has come to a stop.
    """
    at_work: dict[str, asyncio.Task[RunResult | SkippedRun]] = {}
    results: list[RunResult] = []
    try:
        while not engine.stop.is_requested:
            results += _ended(at_work)
            begun = _begin(engine, at_work)
            if at_work:
                looks_again = asyncio.ensure_future(_pause(engine))
                await asyncio.wait({*at_work.values(), looks_again}, return_when=asyncio.FIRST_COMPLETED)
                looks_again.cancel()
                await asyncio.gather(looks_again, return_exceptions=True)
            elif once and not begun:
                break
            else:
                await _pause(engine)
    finally:
        await asyncio.gather(*at_work.values(), return_exceptions=True)
        await engine.pool.close()
    results += _ended(at_work)
    return RunReport(tuple(results), (), engine.stop.is_requested)


def _begin(engine: Engine, at_work: dict[str, asyncio.Task[RunResult | SkippedRun]]) -> int:
    """Begin what is owed and what can be helped with, as far as there is room; return how much that is."""
    found: dict[str, Wanted] = {item.site: item for item in (*wanted_help(engine), *wanted_due(engine))}
    new = [item for site, item in found.items() if site not in at_work and not item.skip_because]
    new = new[: max(0, engine.sites_max - len(at_work))]
    if new:
        with engine.database.read() as connection:
            contexts = load_contexts(connection)
        for item in new:
            at_work[item.site] = asyncio.create_task(run_site(engine, context_of(contexts, item.site), item))
    return len(new)


def _ended(at_work: dict[str, asyncio.Task[RunResult | SkippedRun]]) -> list[RunResult]:
    """Return how those ended that have, and take them off; raise what one of them raised."""
    ended = [site for site, task in at_work.items() if task.done()]
    ends = [at_work.pop(site).result() for site in ended]
    return [end for end in ends if isinstance(end, RunResult)]


async def _pause(engine: Engine) -> None:
    await sleep_unless_stopped(engine.clock, engine.stop, _LOOK_AGAIN_SECONDS)
