"""Stage 2: each new cluster is asked for article ideas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.answers import IdeasAnswer, read_answer
from reconciler.pipeline.functions import GENERATE_IDEAS
from reconciler.pipeline.port import Insert, ItemReader, MadeBy, Outcome, Row, SiteContext, TextStage, Update
from reconciler.pipeline.rendering import common_inputs

IDEAS_PER_CLUSTER_MAX = 5


class Ideas(TextStage):
    """Clusters to ideas. A title that the site has already is left out."""

    declaration = StageDeclaration(
        "ideas",
        2,
        "Ideas",
        "clusters",
        "ideas",
        "planner",
        GENERATE_IDEAS,
        1,
        10,
        10,
        "live",
        sentence="Expanded {done} clusters into ideas",
    )
    item_kind = "cluster"
    pending: Row = {"state": "new"}
    asks_per_batch = False

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        cluster = items[0]
        keywords = reader.find("keyword", {"cluster_id": cluster["id"], "archived_at": None})
        return {
            **common_inputs(context, str(cluster["sector"])),
            "cluster": {"name": cluster["name"], "description": cluster["description"]},
            "keywords": [str(row["term"]) for row in keywords] or [str(cluster["name"])],
            "ideas_max": IDEAS_PER_CLUSTER_MAX,
            "existing_titles": [str(row["title"]) for row in reader.find("idea", {"sector": cluster["sector"]})],
        }

    def read(
        self, context: SiteContext, items: Sequence[Row], text: str, reader: ItemReader, made_by: MadeBy
    ) -> Outcome | str:
        answer = read_answer(IdeasAnswer, text)
        if isinstance(answer, str):
            return answer
        cluster = items[0]
        taken = {str(row["title"]).casefold() for row in reader.find("idea", {})}
        writes: list[Insert | Update] = []
        for idea in answer.ideas[:IDEAS_PER_CLUSTER_MAX]:
            if idea.title.casefold() in taken:
                continue
            taken.add(idea.title.casefold())
            values = idea.model_dump(mode="json") | {"cluster_id": cluster["id"], "sector": cluster["sector"]}
            writes.append(Insert("idea", values | {"state": "new", "simulated": made_by.simulated}))
        if not writes:
            return "every idea repeats one that the site has"
        count = len(writes)
        writes.append(Update("cluster", int(cluster["id"]), {"state": "ideas_generated"}))
        return Outcome(tuple(writes), (int(cluster["id"]),), summary=f"{count} ideas")
