"""The composition root: where the registries, the clock, the database and the folders of an installation meet."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from reconciler.clock import Clock
from reconciler.config.suggest import did_you_mean
from reconciler.config.tree import Tree, environment_names
from reconciler.errors import UsageError
from reconciler.kinds.extensions import Extensions
from reconciler.pipeline.improvements import IMPROVEMENTS
from reconciler.pipeline.stages import STAGES
from reconciler.providers import PROVIDERS
from reconciler.publishers import PUBLISHERS

EXTENSIONS = Extensions(
    stages=tuple(stage.declaration for stage in STAGES),
    publishers=tuple(entry.declaration for entry in PUBLISHERS),
    adapters=tuple(entry.declaration for entry in PROVIDERS),
    improvements=tuple(item.declaration for item in IMPROVEMENTS),
)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where things stand: the config root, the database's URL, the folder of images, the clock, and the environment."""

    root: Path
    database_url: str
    media: Path
    clock: Clock
    actor: str
    environment: str = ""


def locate(root: Path, database_url: str | None, clock: Clock, environment: str = "") -> Installation:
    """Return the installation of a config root; without a URL the database is `.igny8/state.db` beside the config.

    Each environment has a database and a folder of images of its own: `state-NAME.db` and `media-NAME`. Raises
    UsageError when the root has no such environment.
    """
    if environment:
        _check_environment(root, environment)
    state, suffix = root / ".igny8", f"-{environment}" if environment else ""
    url = database_url or f"sqlite:///{state / f'state{suffix}.db'}"
    media = Path(os.environ["IGNY8_MEDIA"]) if os.environ.get("IGNY8_MEDIA") else state / f"media{suffix}"
    return Installation(root, url, media, clock, _actor(), environment)


def _check_environment(root: Path, environment: str) -> None:
    known = environment_names(root)
    if environment not in known:
        near = did_you_mean(environment, known)
        there = f"there are {', '.join(known)}" if known else "this config root has none: write environments/NAME.yaml"
        raise UsageError(f"there is no environment {environment!r}", hint=f"{near} {there}".strip())


def _actor() -> str:
    try:
        return os.environ.get("IGNY8_ACTOR") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def read_root(installation: Installation) -> Tree:
    """Return the files of the installation's config root."""
    from reconciler.config.tree import read_tree

    return read_tree(installation.root)
