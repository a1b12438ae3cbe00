"""Stage 2: each new cluster is asked for article ideas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.answers import IdeasAnswer, read_answer
from reconciler.pipeline.duplicates import KnownTexts, nearest
from reconciler.pipeline.functions import GENERATE_IDEAS
from reconciler.pipeline.port import Insert, ItemReader, MadeBy, Notice, Outcome, Row, SiteContext, TextStage, Update
from reconciler.pipeline.rendering import common_inputs

IDEAS_PER_CLUSTER_MAX = 5
# A model is shown so many titles of the sector, the nearest in subject among the newest so many.
_TITLES_MAX, _LOOKED_AT = 300, 5_000


class Ideas(TextStage):
    """Clusters to ideas. One near to an idea of the site, by title or keyword, is left out.

    The first idea of a cluster is its owner: the article that answers for the cluster as a whole.
    """

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
        sentence="Expanded {done} into ideas",
        noun="cluster",
    )
    item_kind = "cluster"
    pending: Row = {"state": "new"}
    asks_per_batch = False

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        cluster = items[0]
        found = reader.find("keyword", {"cluster_id": cluster["id"], "archived_at": None})
        keywords = [str(row["term"]) for row in found] or [str(cluster["name"])]
        ideas = reader.select("idea", ("title",), {"sector": cluster["sector"]}, newest=_LOOKED_AT)
        return {
            **common_inputs(context, str(cluster["sector"])),
            "cluster": {"name": cluster["name"], "description": cluster["description"]},
            "keywords": keywords,
            "ideas_max": IDEAS_PER_CLUSTER_MAX,
            "existing_titles": nearest(
                " ".join((str(cluster["name"]), *keywords)), [str(row["title"]) for row in reversed(ideas)], _TITLES_MAX
            ),
        }

    def read(
        self, context: SiteContext, items: Sequence[Row], text: str, reader: ItemReader, made_by: MadeBy
    ) -> Outcome | str:
        answer = read_answer(IdeasAnswer, text)
        if isinstance(answer, str):
            return answer
        cluster = items[0]
        # Those of this answer; with those that the site has, every answer after it is compared.
        titles, keywords = KnownTexts(), KnownTexts()
        has_owner = bool(reader.select("idea", ("id",), {"cluster_id": cluster["id"], "is_owner": True}))
        writes: list[Insert | Update] = []
        repeats: list[str] = []
        for idea in answer.ideas[:IDEAS_PER_CLUSTER_MAX]:
            near = reader.near("idea", "title", idea.title) or titles.near(idea.title)
            near = near or reader.near("idea", "keyword", idea.keyword) or keywords.near(idea.keyword)
            if near is not None:
                repeats.append(near.reason)
                continue
            titles.add(idea.title)
            keywords.add(idea.keyword)
            values = idea.model_dump(mode="json") | {"cluster_id": cluster["id"], "sector": cluster["sector"]}
            values |= {"is_owner": not has_owner and not writes, "state": "new", "simulated": made_by.simulated}
            writes.append(Insert("idea", values))
        if not writes:
            return f"every idea repeats one that the site has: {'; '.join(repeats)}"
        count = len(writes)
        writes.append(Update("cluster", int(cluster["id"]), {"state": "ideas_generated"}))
        left_out = f"; {len(repeats)} left out as duplicates" if repeats else ""
        notices = [Notice("duplicates_found", f"Left out of cluster “{cluster['name']}”: {'; '.join(repeats)}")]
        return Outcome(
            tuple(writes),
            (int(cluster["id"]),),
            summary=f"{count} ideas{left_out}",
            notices=tuple(notices if repeats else ()),
        )
