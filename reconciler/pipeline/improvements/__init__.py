"""The functions on articles that are there, one a file, and IMPROVEMENTS, the registry.

They are asked for article by article, never by a run of the pipeline; a site needs no prompt for them until they are.
"""

from __future__ import annotations

from reconciler.pipeline.improvements.linking import Linking
from reconciler.pipeline.improvements.optimization import Optimization
from reconciler.pipeline.improvements.port import Improvement

IMPROVEMENTS: tuple[Improvement, ...] = (Linking(), Optimization())


def find_improvement(key: str) -> Improvement:
    """Return the improvement with this key; KeyError when there is none."""
    return next(item for item in IMPROVEMENTS if item.declaration.key == key)
