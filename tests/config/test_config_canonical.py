"""The canonical form of what was authored is that of the validated spec, for every kind."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st
from plan_states import AUTHORED

from reconciler.config.canonical import canonical_form
from reconciler.ids import canonical_json
from reconciler.kinds import KINDS, Kind


@given(
    st.sampled_from([kind for kind in KINDS if kind.is_resource]).flatmap(
        lambda kind: st.tuples(st.just(kind), AUTHORED[kind.slug])
    )
)
def test_filling_in_the_defaults_is_validating_and_dumping(drawn: tuple[Kind, dict[str, object]]) -> None:
    kind, authored = drawn
    if not kind.is_singleton:
        authored = {**authored, "name": "ann"}
    spec = kind.spec.model_validate_json(orjson.dumps(authored))
    dumped = spec.model_dump(mode="json", exclude_none=True)
    assert canonical_json(canonical_form(kind.spec, authored)) == canonical_json(dumped)


def test_null_is_left_out_wherever_it_is_allowed() -> None:
    authored = {
        "name": "blog", "account": "acme", "url": "https://blog.example", "industry": None, "author": None,
        "credits": {"monthly_max": None}, "ai": {"temperature": 1, "model_preferences": {"text": None, "image": "a"}},
        "sectors": [{"name": "hiking", "keywords_file": None, "keywords": ["boots", {"term": "maps", "volume": None}]}],
        "publisher": {"type": "webhook", "url": "https://a.example", "nested": {"null": None, "number": 1.0}},
    }  # fmt: skip
    (site,) = (kind for kind in KINDS if kind.slug == "site")
    dumped = site.spec.model_validate_json(orjson.dumps(authored)).model_dump(mode="json", exclude_none=True)
    assert canonical_json(canonical_form(site.spec, authored)) == canonical_json(dumped)
