"""States of a small platform as values: what git declares, and what the database records. No files, no database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from reconciler.config.compilation import Compilation, Resource
from reconciler.config.resolve import Resolution
from reconciler.config.schema import Locator
from reconciler.config.tree import Tree
from reconciler.ids import canonical_bytes, digest_bytes
from reconciler.kinds import RESOURCE_KINDS, find_kind
from reconciler.plan.change import Actual
from reconciler.plan.departures import Finalizer
from reconciler.plan.observed import Observed
from reconciler.plan.planner import Plan, make_plan

Ref = tuple[str, str]
Actuals = dict[Ref, Actual]


@dataclass(frozen=True)
class Declared:
    """The origin of a resource that stands in no file."""

    text: bytes

    def canonical(self) -> bytes:
        return self.text

    def resolution(self) -> Resolution:
        return Resolution({}, ())

    def locator(self) -> Locator:
        raise AssertionError("it stands in no file")


def declare(kind: str, name: str, **authored: Any) -> Resource:
    """Return a resource as the compiler would resolve it."""
    found = find_kind(kind)
    assert found is not None
    if not found.is_singleton:
        authored["name"] = name
    spec = found.spec.model_validate(authored, strict=False)
    data = spec.model_dump(mode="json", exclude_none=True)
    text = canonical_bytes(data)
    return Resource(kind, name, f"{kind}/{name}.yaml", digest_bytes(text), Declared(text))


def compiled(resources: Iterable[Resource]) -> Compilation:
    """Return a valid compilation of resources."""
    order = [kind.slug for kind in RESOURCE_KINDS]
    found = sorted(resources, key=lambda item: (order.index(item.kind), item.name))
    return Compilation(Tree(Path("root"), (), (), lambda: "c0ffee"), tuple(found), ())


def recorded(live: Iterable[Resource], applied: Mapping[Ref, Resource] | None = None) -> Actuals:
    """Return what the database records: live specs, and what the last apply wrote where that is something else."""
    states: Actuals = {}
    for item in live:
        last = (applied or {}).get((item.kind, item.name), item)
        states[item.kind, item.name] = Actual.of(
            item.kind, item.name, 1, item.data, last.data, protected=item.data.get("protected", False)
        )
    return states


def plan_of(
    compilation: Compilation, actual: Actuals, generation: int, busy: Mapping[str, tuple[Finalizer, ...]] | None = None
) -> Plan:
    """Return the plan from what the database records."""
    return make_plan(compilation, Observed(generation, actual, busy or {}))


def carried_out(plan: Plan, actual: Actuals) -> Actuals:
    """Return what the database records after an apply of the plan."""
    after = dict(actual)
    for change in plan.carried_out:
        ref = (change.kind, change.name)
        if change.after is None:
            del after[ref]
            continue
        after[ref] = Actual.of(
            *ref,
            plan.base_generation + 1,
            change.after,
            change.applied_text and json.loads(change.applied_text),
            protected=bool(change.after.get("protected", False)),
        )
    return after


def by_ref(resources: Iterable[Resource]) -> dict[Ref, Resource]:
    return {(item.kind, item.name): item for item in resources}


NAMES = st.sampled_from(["ann", "bob", "cleo"])
WORDS = st.sampled_from(["", "one", "two\nlines", "ünï"])
LABELS = st.dictionaries(st.sampled_from(["team", "tier"]), st.sampled_from(["a", "b"]))
COUNTS = st.sampled_from([1, 2, 10])
USD = st.sampled_from(["0.01", "0.02", "1"])
TIMES = st.lists(st.sampled_from(["09:00", "14:00", "18:00"]), min_size=1, unique=True)
DAYS = st.lists(st.sampled_from(["mon", "wed", "fri"]), min_size=1, unique=True)


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return mappings with any of these keys."""
    return st.fixed_dictionaries({}, optional=optional)


COMMON = {"description": WORDS, "labels": LABELS, "protected": st.booleans()}
STAGE = some(enabled=st.booleans(), per_run_limit=COUNTS)
KEYWORDS = st.lists(
    st.fixed_dictionaries({"term": st.sampled_from(["boots", "tent", "map"])}, optional={"volume": COUNTS}),
    unique_by=lambda item: item["term"],
)
PREFERENCES = some(text=st.just("writer"), image=st.just("painter"))
AI = {"temperature": st.sampled_from([0.1, 1.0, 2.0]), "max_tokens": COUNTS, "model_preferences": PREFERENCES}
TEXT_MODEL = st.fixed_dictionaries(
    {"type": st.just("text"), "provider": st.just("samples")},
    optional={
        "cost_per_1k_input": USD, "cost_per_1k_output": USD, "tokens_per_credit": COUNTS, "default": st.booleans(),
        "fallbacks": st.lists(st.sampled_from(["writer", "drafter"])), "active": st.booleans(),
    },
)  # fmt: skip
IMAGE_MODEL = st.fixed_dictionaries(
    {"type": st.just("image"), "provider": st.just("samples")},
    optional={
        "cost_per_image": USD | st.dictionaries(st.sampled_from(["1024x1024/standard", "512x512/hd"]), USD, min_size=1),
        "credits_per_image": COUNTS, "testing": st.booleans(), "default": st.booleans(),
    },
)  # fmt: skip
WINDOW = st.fixed_dictionaries({
    "action": st.sampled_from(["allow", "deny"]), "days": DAYS, "start": st.just("08:00"), "end": st.just("18:00"),
})  # fmt: skip
AUTHORED: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "platform": some(
        credit_value_usd=USD,
        defaults=some(ai=some(temperature=AI["temperature"])),
        modules=some(images=st.booleans()),
        presets=st.dictionaries(NAMES, some(stages=st.dictionaries(st.sampled_from(["content", "images"]), STAGE))),
        reconcile=some(sync_windows=st.lists(WINDOW, max_size=2)),
    ),
    "providers": some(
        providers=st.dictionaries(
            st.sampled_from(["samples", "spare"]),
            st.fixed_dictionaries(
                {"type": st.just("ai"), "adapter": st.just("offline")},
                optional={
                    "credentials": some(api_key=st.just({"env": "KEY"})),
                    "limits": some(concurrency=COUNTS),
                    "active": st.booleans(),
                },
            ),
        )
    ),
    "models": some(
        models=st.fixed_dictionaries(
            {}, optional={"writer": TEXT_MODEL, "drafter": TEXT_MODEL, "painter": IMAGE_MODEL, "runware:97@1": IMAGE_MODEL}
        )
    ),
    "tiers": some(
        tiers=st.dictionaries(NAMES, some(paid=st.booleans(), limits=some(sites_max=COUNTS), price_usd=USD)),
        payment_methods=st.dictionaries(st.sampled_from(["DE", "NL"]), st.lists(st.sampled_from(["card", "sepa"]))),
    ),
    "industries": some(
        industries=st.dictionaries(NAMES, some(sectors=st.dictionaries(NAMES, some(seed_keywords=st.lists(NAMES)))))
    ),
    "prompt": st.fixed_dictionaries(
        {"function": st.just("auto_cluster"), "model_type": st.just("text"), "output": st.just("clusters")},
        optional={"template": WORDS, "variables": st.lists(NAMES)} | COMMON,
    ),
    "author": st.fixed_dictionaries({"display_name": NAMES}, optional={"expertise": st.lists(NAMES), "bio": WORDS} | COMMON),
    "strategy": some(word_count=some(min=st.just(10), max=st.sampled_from([900, 3000])), goals=st.lists(NAMES), **COMMON),
    "account": st.fixed_dictionaries(
        {"tier": NAMES},
        optional={
            "ai": some(**AI),
            "grants": st.lists(
                st.fixed_dictionaries({"id": NAMES, "credits": COUNTS, "reason": NAMES}), unique_by=lambda item: item["id"]
            ),
            "users": st.lists(
                st.fixed_dictionaries({
                    "email": NAMES.map(lambda name: f"{name}@example.com"), "role": st.sampled_from(["owner", "viewer"]),
                }),
                unique_by=lambda item: item["email"],
            ),
            "credits": some(monthly_max=COUNTS),
        } | COMMON,
    ),
    "site": st.fixed_dictionaries(
        {"account": NAMES, "url": st.sampled_from(["https://a.example", "https://b.example"])},
        optional={
            "publisher": st.fixed_dictionaries({"type": st.just("static"), "path": NAMES}),
            "sectors": st.lists(
                st.fixed_dictionaries({"name": NAMES}, optional={"keywords": KEYWORDS}), unique_by=lambda item: item["name"]
            ),
            "stages": st.dictionaries(st.sampled_from(["clusters", "content", "images"]), STAGE),
            "publishing": some(days=DAYS, time_slots=TIMES, auto_publish=st.booleans()),
            "automation": some(enabled=st.booleans(), frequency=st.sampled_from(["daily", "weekly"])),
            "strategy": NAMES,
            "ai": some(temperature=AI["temperature"]),
        } | COMMON,
    ),
}  # fmt: skip


@st.composite
def states(draw: st.DrawFn) -> list[Resource]:
    """Draw a whole state: a platform, any of the catalogues, and up to two of each named kind."""
    resources = [declare("platform", "platform", **draw(AUTHORED["platform"]))]
    for kind in RESOURCE_KINDS[1:]:
        names = [kind.slug] if kind.is_singleton else ["ann", "bob"]
        there = [name for name in names if draw(st.booleans())]
        resources.extend(declare(kind.slug, name, **draw(AUTHORED[kind.slug])) for name in there)
    return resources
