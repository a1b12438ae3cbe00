"""The composition root: where the registries, the clock, the database and the folders of an installation meet."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from reconciler.clock import Clock
from reconciler.config.tree import Tree
from reconciler.kinds.extensions import Extensions
from reconciler.pipeline.stages import STAGES
from reconciler.providers import PROVIDERS
from reconciler.publishers import PUBLISHERS

EXTENSIONS = Extensions(
    stages=tuple(stage.declaration for stage in STAGES),
    publishers=tuple(entry.declaration for entry in PUBLISHERS),
    adapters=tuple(entry.declaration for entry in PROVIDERS),
)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where things stand: the config root, the database's URL, the folder of images, and the clock."""

    root: Path
    database_url: str
    media: Path
    clock: Clock
    actor: str


def locate(root: Path, database_url: str | None, clock: Clock) -> Installation:
    """Return the installation of a config root; without a URL the database is `.igny8/state.db` beside the config."""
    state = root / ".igny8"
    url = database_url or f"sqlite:///{state / 'state.db'}"
    media = Path(os.environ["IGNY8_MEDIA"]) if os.environ.get("IGNY8_MEDIA") else state / "media"
    return Installation(root, url, media, clock, _actor())


def _actor() -> str:
    try:
        return os.environ.get("IGNY8_ACTOR") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def read_root(installation: Installation) -> Tree:
    """Return the files of the installation's config root."""
    from reconciler.config.tree import read_tree

    return read_tree(installation.root)
