"""auto_cluster: groups phrases by the rarest words that they share, and names each group by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.providers.offline.choice import Lot
from reconciler.providers.offline.languages import Language, find_language
from reconciler.providers.offline.names import name_group
from reconciler.providers.offline.phrases import Phrases, character_likeness, feature_phrase, study

_SIZE_MAX = 15
_SIZE_MIN = 3
_LIKENESS_MIN = 0.9
_CHARACTER_LIKENESS_MIN = 0.42
_WEIGHT_MIN = 0.3
_ODDMENTS_MAX = 8


@dataclass(frozen=True, slots=True)
class Group:
    """Phrases by their index, and the feature that brought them together; "" when nothing did."""

    members: tuple[int, ...]
    feature: str


def write_clusters(inputs: Mapping[str, Any], lot: Lot) -> Iterator[dict[str, Any]]:
    """Yield every keyword in exactly one cluster; shorter versions drop descriptions, then whole clusters."""
    language = find_language(inputs.get("site", {}).get("language", "en"))
    terms = tuple(dict.fromkeys(keyword["term"] for keyword in inputs.get("keywords", ())))
    named = cluster_terms(terms, inputs.get("existing_clusters", ()), language)
    if not named:
        return
    clusters = [
        {"name": name, "description": _describe(name, language, lot), "keywords": list(members)}
        for name, members in named.items()
    ]
    yield {"clusters": clusters}
    brief = [cluster | {"description": ""} for cluster in clusters]
    for count in range(len(brief), 0, -1):
        yield {"clusters": brief[:count]}


def cluster_terms(
    terms: Sequence[str], existing_names: Sequence[str], language: Language
) -> dict[str, tuple[str, ...]]:
    """Return the phrases of each cluster by its name; phrases that fit an existing name go there first."""
    named: dict[str, tuple[str, ...]] = {}
    rest: list[str] = []
    known = {name: frozenset(feature_phrase(name, language)) for name in existing_names}
    for term in terms:
        home = _find_home(term, known, language)
        if home is None:
            rest.append(term)
        else:
            named[home] = (*named.get(home, ()), term)
    phrases = study(rest, language)
    for group in group_phrases(phrases):
        members = tuple(phrases.terms[index] for index in group.members)
        name = name_group(members, group.feature, taken=frozenset(named), language=language)
        named[name] = (*named.get(name, ()), *members)
    return named


def group_phrases(phrases: Phrases) -> list[Group]:
    """Return groups that hold every phrase once, mostly of 3 to 15."""
    groups = _gather(phrases, tuple(range(len(phrases.terms))), used=frozenset())
    large = [group for group in groups if len(group.members) >= _SIZE_MIN]
    homeless: list[int] = []
    for group in groups:
        if len(group.members) < _SIZE_MIN and not _adopt(phrases, group, large):
            if group.feature:
                large.append(group)
            else:
                homeless.extend(group.members)
    homeless.sort()
    starts = range(0, len(homeless), _ODDMENTS_MAX)
    return large + [Group(tuple(homeless[start : start + _ODDMENTS_MAX]), "") for start in starts]


def _gather(phrases: Phrases, members: tuple[int, ...], used: frozenset[str]) -> list[Group]:
    """Take the most telling shared feature, again and again; a group that is too large is parted by the next ones."""
    left = set(members)
    groups: list[Group] = []
    while (feature := _most_telling(phrases, left, used)) is not None:
        chosen = tuple(sorted(index for index in left if feature in phrases.features[index]))
        left.difference_update(chosen)
        if len(chosen) <= _SIZE_MAX:
            groups.append(Group(chosen, feature))
            continue
        parts = _gather(phrases, chosen, used | {feature})
        groups.extend(part for part in parts if len(part.members) >= _SIZE_MIN and part.feature)
        loose = [index for part in parts if len(part.members) < _SIZE_MIN or not part.feature for index in part.members]
        groups.extend(_slice(tuple(sorted(loose)), feature))
    groups.extend(Group((index,), "") for index in sorted(left))
    return groups


def _slice(members: tuple[int, ...], feature: str) -> Iterator[Group]:
    count = -(-len(members) // _SIZE_MAX)
    size = -(-len(members) // max(count, 1))
    for start in range(0, len(members), max(size, 1)):
        yield Group(members[start : start + size], feature)


def _most_telling(phrases: Phrases, members: set[int], used: frozenset[str]) -> str | None:
    shared: Counter[str] = Counter()
    weights: dict[str, float] = {}
    for index in members:
        for name, weight in phrases.features[index].items():
            if name not in used:
                shared[name] += 1
                weights[name] = weights.get(name, 0.0) + weight
    return max(
        (name for name, count in shared.items() if count > 1 and weights[name] > _WEIGHT_MIN * count),
        key=lambda name: (_score(phrases, name, shared[name], weights[name]), len(name), name),
        default=None,
    )


def _score(phrases: Phrases, name: str, count: int, weight: float) -> float:
    return min(count, _SIZE_MAX) * (weight / count) * phrases.rarity(name)


def _adopt(phrases: Phrases, group: Group, homes: list[Group]) -> bool:
    """Add a small group to the most similar larger one, if it is similar enough and has room."""
    open_homes = [place for place, home in enumerate(homes) if len(home.members) + len(group.members) <= _SIZE_MAX]
    rated = [(_kinship(phrases, group, homes[place]), -place) for place in open_homes]
    if not rated or max(rated)[0] < 1:
        return False
    place = -max(rated)[1]
    homes[place] = Group((*homes[place].members, *group.members), homes[place].feature)
    return True


def _kinship(phrases: Phrases, group: Group, home: Group) -> float:
    """Return how near a group is to another, where 1 is near enough."""
    pairs = [(ours, theirs) for ours in group.members for theirs in home.members]
    by_words = sum(phrases.likeness(*pair) for pair in pairs) / len(pairs)
    letters = max(character_likeness(phrases.terms[ours], phrases.terms[theirs]) for ours, theirs in pairs)
    return max(by_words / _LIKENESS_MIN, letters / _CHARACTER_LIKENESS_MIN)


def _find_home(term: str, known: Mapping[str, frozenset[str]], language: Language) -> str | None:
    features = feature_phrase(term, language).keys()
    fitting = [name for name, wanted in known.items() if wanted and wanted <= features]
    return max(fitting, key=lambda name: len(known[name]), default=None)


def _describe(name: str, language: Language, lot: Lot) -> str:
    return lot.pick(f"description:{name}", language.cluster_descriptions).format(name=name)
