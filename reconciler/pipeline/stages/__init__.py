"""The stages, one a file, and STAGES, the registry, in the order of a run."""

from __future__ import annotations

from reconciler.pipeline.port import Stage
from reconciler.pipeline.stages.clusters import Clusters
from reconciler.pipeline.stages.content import Content
from reconciler.pipeline.stages.ideas import Ideas
from reconciler.pipeline.stages.images import Images
from reconciler.pipeline.stages.prompts import Prompts
from reconciler.pipeline.stages.review import Review
from reconciler.pipeline.stages.tasks import Tasks

STAGES: tuple[Stage, ...] = (Clusters(), Ideas(), Tasks(), Content(), Prompts(), Images(), Review())
