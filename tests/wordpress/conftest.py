"""A real WordPress for each test, in one server for each test run."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from wordpress_server import start
from wordpress_site import RealSite

_numbers = itertools.count()


@pytest.fixture(scope="session")
def wordpress_server(testrun_uid: str, worker_id: str) -> tuple[Path, dict[str, object]]:
    """The folder and the facts of this run's server. It ends when the process that runs the tests has ended."""
    run = Path(tempfile.gettempdir()) / f"igny8-wp-{testrun_uid[:12]}"
    facts = start(run, os.getpid() if worker_id == "master" else os.getppid())
    if "error" in facts:
        pytest.fail(str(facts["error"]), pytrace=False)
    return run, facts


@pytest.fixture
def new_site(wordpress_server: tuple[Path, dict[str, object]], worker_id: str) -> Callable[..., RealSite]:
    """Makes WordPress sites with users editor, author, contributor, subscriber and admin, and nothing else in them."""
    run, facts = wordpress_server

    def make(*, is_pretty: bool = True, meta: tuple[str, ...] = ()) -> RealSite:
        name = f"{worker_id}t{next(_numbers)}"
        passwords = dict(facts["passwords"])  # type: ignore[call-overload]
        site = RealSite(run, int(str(facts["port"])), name, passwords, is_pretty, meta)
        site.begin_anew()
        return site

    return make


@pytest.fixture
def site(new_site: Callable[..., RealSite]) -> RealSite:
    """One such site with pretty permalinks."""
    return new_site()
