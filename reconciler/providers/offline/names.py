"""Names of clusters: the longest run of words or characters that most phrases of a group share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from reconciler.providers.offline.languages import Language
from reconciler.providers.offline.phrases import feature_phrase, is_unspaced, split_words

_WORDS_MAX = 4
_SHARE_MIN = 0.5


def name_group(members: Sequence[str], feature: str, *, taken: frozenset[str], language: Language) -> str:
    """Return a readable name that no other group has, from what the phrases share or else from their head term."""
    names = (start_upper(name) for name in _candidates(members, feature, language))
    return next(name for name in names if name not in taken)


def start_upper(text: str) -> str:
    """Return the text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def _candidates(members: Sequence[str], feature: str, language: Language) -> Iterator[str]:
    runs = _shared_runs(members, feature, language)
    common = _most_common(runs, len(members))
    if common:
        yield common
    yield from members
    head = common or members[0]
    yield from (f"{head}: {term}" for term in members)
    yield from (f"{head} ({number})" for number in range(2, 10_000))


def _shared_runs(members: Sequence[str], feature: str, language: Language) -> Counter[str]:
    """Count, over the members, every run of words that holds the feature and neither starts nor ends weakly."""
    runs: Counter[str] = Counter()
    spelling: dict[str, str] = {}
    for term in members:
        for run in {run.casefold(): run for run in _runs(term, feature, language)}.values():
            spelling.setdefault(run.casefold(), run)
            runs[spelling[run.casefold()]] += 1
    return runs


def _runs(term: str, feature: str, language: Language) -> Iterator[str]:
    words = split_words(term)
    holds = [
        feature in feature_phrase(word, language) or (bool(feature) and feature in word.casefold()) for word in words
    ]
    weak = [word.casefold() in language.stop_words for word in words]
    for start in range(len(words)):
        for end in range(start + 1, min(start + _WORDS_MAX, len(words)) + 1):
            if any(holds[start:end]) and not weak[start] and not weak[end - 1]:
                yield " ".join(words[start:end])
    if is_unspaced(feature) and feature in term:
        yield feature


def _most_common(runs: Counter[str], members_count: int) -> str:
    """Return the longest run that half of the members share, else the one that most share; "" when none repeats."""
    repeated = [(run, count) for run, count in runs.items() if count > 1]
    if not repeated:
        return ""
    wide = [(run, count) for run, count in repeated if count >= members_count * _SHARE_MIN]
    if wide:
        return max(wide, key=lambda pair: (len(pair[0].split()), pair[1], len(pair[0]), pair[0]))[0]
    return max(repeated, key=lambda pair: (pair[1], len(pair[0]), pair[0]))[0]
