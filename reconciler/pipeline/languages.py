"""Tells whether a text is written in the language that was asked for: by its script, then by its most common words.

A heuristic, and meant as one: it says nothing about texts that are short, and nothing about languages of the same
script that it has no words of. It speaks up only when another language is much more likely, so that quotations, names
and loanwords never refuse an article.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

_LETTERS_MIN = 200
_WORDS_MIN = 60
_HITS_MIN = 12
# How much more often the words of another language must stand in the text.
_TIMES_MORE = 3
_SCRIPT_SHARE_MIN = 0.4
_KANA_SHARE_MIN = 0.05
_LOOKED_AT = 20_000

_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "Latin": re.compile(r"[A-Za-zÀ-ɏ]"),
    "Cyrillic": re.compile(r"[Ѐ-ԯ]"),
    "Greek": re.compile(r"[Ͱ-Ͽἀ-῿]"),
    "Arabic": re.compile(r"[\u0600-\u06ff]"),
    "Hebrew": re.compile(r"[\u0590-\u05ff]"),
    "Devanagari": re.compile(r"[\u0900-\u097f]"),
    "Thai": re.compile(r"[\u0e00-\u0e7f]"),
    "Hangul": re.compile(r"[\u1100-\u11ff\uac00-\ud7af]"),
    "Han and kana": re.compile(r"[\u3040-\u30ff\u3400-\u9fff]"),
}
_SCRIPT_OF: Mapping[str, str] = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "kk"), "Cyrillic"),
    **dict.fromkeys(("ar", "fa", "ur"), "Arabic"),
    **dict.fromkeys(("hi", "mr", "ne"), "Devanagari"),
    **dict.fromkeys(("ja", "zh"), "Han and kana"),
    "el": "Greek", "he": "Hebrew", "th": "Thai", "ko": "Hangul",
}  # fmt: skip
# Written in Latin letters, or in more than one script: nothing is said of their script.
_ANY_SCRIPT = frozenset({"sr", "bs", "az", "uz", "pa", "ku", "mn"})
_KANA = re.compile(r"[\u3040-\u30ff]")

_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and of to is that it for you with on are this be as your from or have not they can but what when which if will more how",
        "de": "der die das und ist nicht ein eine mit für auf den von sich auch dem wird sind oder bei wie werden einen nach wenn man aus kann zum durch",
        "es": "el la los las de que y en un una es por con para se lo como más su del al pero si o este esta cuando son puede sin",
        "fr": "le la les des et est un une que pour dans qui sur pas plus avec ne vous ce il du au par sont ou votre mais comme cette si",
        "it": "il lo gli che di è una per non con sono della del più come anche nel alla dei delle si questo può ma se quando tra sua dal al",
        "pt": "o os as que de e um uma é para com não em por mais do da dos das no na se como ou mas seu sua quando ao são pode",
        "nl": "de het een en van is niet dat op te zijn voor met die je aan er ook als bij om wordt naar kan maar uit deze door of dan",
        "sv": "och att det som är en på för med av den till inte om ett har kan du de från så när eller man ska din vid också blir",
        "da": "og at det som er en på for med af den til ikke om et har kan du de fra så når eller man skal din ved også bliver",
        "nb": "og at det som er en på for med av den til ikke om et har kan du de fra så når eller man skal din ved også blir",
        "fi": "ja on ei se että hän ovat kun mutta tai jos myös niin kuin joka oli voi tämä sen olla mitä ole sitä vain jotka kanssa",
        "pl": "i w na z do nie się to że jest o jak po co za od dla czy ale są przez lub oraz tym może jego być które można",
        "cs": "a je se na že to v s z do o i jak pro ale by za co po nebo není jsou při tak jako od které může jeho",
        "tr": "ve bir bu için ile da de çok olarak en daha olan gibi ama ne kadar var değil veya sonra her ise göre olur bunu",
        "hu": "a az és hogy nem is egy van ez meg de csak ha vagy mint már azt ki el még lehet kell minden nagyon volt",
        "ro": "și de la în pe cu un o este nu care din pentru se mai sau ca sunt ce dar prin după când dacă poate ale",
    }.items()
}
_TOKEN = re.compile(r"[^\W\d_]+")


def find_wrong_language(text: str, language: str) -> str:
    """Return why a text is not in a language such as `de` or `pt-BR`, "" when nothing speaks against it."""
    wanted = language.split("-")[0].lower()
    text = text[:_LOOKED_AT]
    return _wrong_script(text, wanted) or _wrong_words(text, wanted)


def _wrong_script(text: str, wanted: str) -> str:
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    letters = sum(counts.values())
    if letters < _LETTERS_MIN or wanted in _ANY_SCRIPT:
        return ""
    script = _SCRIPT_OF.get(wanted, "Latin")
    if counts[script] < letters * _SCRIPT_SHARE_MIN:
        likely = max(counts, key=counts.__getitem__)
        return f"it is written in {likely} letters, not in the language {wanted}"
    if wanted == "ja" and len(_KANA.findall(text)) < letters * _KANA_SHARE_MIN:
        return "it has no kana, as Chinese has none, and is not in the language ja"
    return ""


def _wrong_words(text: str, wanted: str) -> str:
    if wanted not in _WORDS:
        return ""
    words = Counter(_TOKEN.findall(text.casefold()))
    if words.total() < _WORDS_MIN:
        return ""
    hits = {language: sum(words[word] for word in known) for language, known in _WORDS.items()}
    likely = max(hits, key=hits.__getitem__)
    if hits[likely] >= _HITS_MIN and hits[likely] >= _TIMES_MORE * max(1, hits[wanted]):
        return f"its words are those of {likely}, not of {wanted}"
    return ""
