"""Stage 1: new keywords are grouped into clusters, a batch of keywords a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.answers import ClustersAnswer, read_answer
from reconciler.pipeline.duplicates import nearest
from reconciler.pipeline.functions import AUTO_CLUSTER
from reconciler.pipeline.port import Alias, Insert, ItemReader, MadeBy, Outcome, Row, SiteContext, TextStage, Update
from reconciler.pipeline.rendering import common_inputs

# A model is shown so many names of clusters, the nearest in subject among the newest so many.
_NAMES_MAX, _LOOKED_AT = 300, 5_000


class Clusters(TextStage):
    """Keywords to clusters. A batch holds keywords of one sector."""

    declaration = StageDeclaration(
        "clusters",
        1,
        "Clustering",
        "keywords",
        "clustering",
        "planner",
        AUTO_CLUSTER,
        50,
        0,
        15,
        "live",
        sentence="Clustered {done}",
        noun="keyword",
    )
    item_kind = "keyword"
    pending: Row = {"state": "new", "archived_at": None}
    asks_per_batch = True

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        sector = str(items[0]["sector"])
        existing = reader.select("cluster", ("name",), {"sector": sector}, newest=_LOOKED_AT)
        about = " ".join(str(item["term"]) for item in items)
        return {
            **common_inputs(context, sector),
            "keywords": [{"term": i["term"], "volume": i["volume"], "intent": i["intent"]} for i in items],
            "existing_clusters": nearest(about, [str(row["name"]) for row in reversed(existing)], _NAMES_MAX),
        }

    def read(
        self, context: SiteContext, items: Sequence[Row], text: str, reader: ItemReader, made_by: MadeBy
    ) -> Outcome | str:
        answer = read_answer(ClustersAnswer, text)
        if isinstance(answer, str):
            return answer
        sector = items[0]["sector"]
        by_term = {str(item["term"]).casefold(): int(item["id"]) for item in items}
        clusters = reader.select("cluster", ("id", "name"), {"sector": sector})
        existing = {str(row["name"]).casefold(): int(row["id"]) for row in clusters}
        writes: list[Insert | Update] = []
        done: list[int] = []
        for index, cluster in enumerate(answer.clusters):
            ids = [by_term.pop(term.casefold()) for term in cluster.keywords if term.casefold() in by_term]
            if not ids:
                continue
            target: int | Alias | None = existing.get(cluster.name.casefold())
            if target is None:
                target = Alias(f"cluster{index}")
                values = {"sector": sector, "name": cluster.name, "description": cluster.description}
                values |= {"state": "new", "simulated": made_by.simulated}
                writes.append(Insert("cluster", values, target.name))
            writes += [Update("keyword", item_id, {"state": "clustered", "cluster_id": target}) for item_id in ids]
            done += ids
        failed = dict.fromkeys(by_term.values(), "the answer put it into no cluster")
        return Outcome(tuple(writes), tuple(done), failed, f"{len(done)} keywords clustered")
