"""What becomes of a model's Markdown: safe HTML, slugs, languages, links, duplicates, and the checklist."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_server import GERMAN, PARAGRAPH

from reconciler.pipeline.answers import ArticleAnswer, ClustersAnswer, read_answer
from reconciler.pipeline.articles import (
    body_of,
    count_words,
    find_markdown_remains,
    make_slug,
    markdown_to_html,
    read_page,
)
from reconciler.pipeline.checklist import ArticleText, CheckedFor, check_article, read_checklist, with_new_images
from reconciler.pipeline.duplicates import KnownTexts, has_form, holds_phrase, nearest, normal_form
from reconciler.pipeline.languages import find_wrong_language
from reconciler.pipeline.links import drop_invented_links, insert_links, links_of
from reconciler.pipeline.rendering import render_repair

JAPANESE = (
    "登山靴は足に合うものを選びます。まず靴底を見て、それから足首を確かめてください。坂道で試し、買う前に歩きましょう。"
)


def test_html_keeps_the_classes_that_publishers_need_and_nothing_that_runs():
    html = markdown_to_html('```python\nx = 1 < 2\n```\n\n![A boot](/a.png "B")\n\n| a |\n|---|\n| b |\n\n~~c~~')
    assert '<code class="language-python">x = 1 &lt; 2' in html
    assert '<img src="/a.png" alt="A boot" title="B">' in html and "<table>" in html
    hostile = markdown_to_html(
        '<script>x</script> [a](javascript:x) <p onclick="x" style="y" class="z">t</p> ![b](data:text/html,x)'
    )
    assert not any(f"<{tag}" in hostile for tag in ("script", "p onclick", "img", "a "))
    assert "class" not in hostile or "&lt;" in hostile


@given(st.text(max_size=300))
def test_no_text_brings_a_tag_that_is_not_allowed(markdown):
    page = read_page(markdown_to_html(markdown))
    assert all(level in (2, 3, 4) for level, _ in page.headings)
    assert all(not link.lower().startswith(("javascript:", "data:", "vbscript:")) for link in page.links)


def test_raw_markdown_is_found_where_readers_would_see_it_and_not_in_code():
    bad = read_page(markdown_to_html("##Broken\n\nIt is **『bold』**so.\n\n[a](http://x y)"))
    assert find_markdown_remains(bad) == ("##", "**", "[text](url)")
    good = "## Fine\n\n**bold** and `**code**`\n\n```\n## code\n```\n\nC# and a ** b is not written so\n"
    assert find_markdown_remains(read_page(markdown_to_html(good.replace("a ** b", "a * b")))) == ()


def test_a_title_in_the_body_is_dropped_and_no_other_heading():
    assert body_of("# The title\n\nText\n\n# Another") == "Text\n\n# Another"
    assert body_of("## First\n\nText") == "## First\n\nText"


@pytest.mark.parametrize(
    ("wanted", "title", "language", "slug"),
    [
        ("Good Boots!", "", "en", "good-boots"), ("", "Größe & Maß", "de", "grosse-mass"), ("🥾", "🥾🥾", "en", "article-7"),
        ("", "登山靴の選び方", "ja", "登山靴の選び方"), ("../../etc/passwd", "", "en", "etc-passwd"), ("", "", "en", "article-7"),
    ],
)  # fmt: skip
def test_slugs(wanted, title, language, slug):
    assert make_slug(wanted, title, [], fallback="article-7", language=language) == slug


@given(st.text(max_size=300), st.sampled_from(["en", "ja", "ru"]), st.integers(0, 12))
def test_a_slug_is_new_and_fits_into_a_url_whatever_the_title(title, language, times):
    taken: set[str] = set()
    for _ in range(times):
        slug = make_slug("", title, taken, fallback="article-7", language=language)
        assert slug and slug not in taken and len(quote(slug)) <= 200
        taken.add(slug)


@pytest.mark.parametrize(
    ("text", "language", "says"),
    [
        (PARAGRAPH * 4, "en", ""), (PARAGRAPH * 4, "en-GB", ""), (GERMAN * 4, "de", ""), (JAPANESE * 5, "ja", ""),
        (GERMAN * 4, "en", "of de, not of en"), (PARAGRAPH * 4, "de", "of en, not of de"), (JAPANESE * 5, "en", "Han and kana"),
        (PARAGRAPH * 4, "ja", "Latin letters"), ("选择合适的登山靴非常重要" * 40, "ja", "no kana"), (GERMAN, "en", ""),
        (PARAGRAPH * 4 + f"“{GERMAN}”", "en", ""), (PARAGRAPH * 4, "sw", ""),
    ],
)  # fmt: skip
def test_only_another_language_that_is_much_more_likely_is_said(text, language, says):
    found = find_wrong_language(text, language)
    assert (says in found) if says else found == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("hiking boots for women", "Women's hiking boots", True), ("best tent", "best tents", True),
        ("Wanderschuhe für Damen", "Damen Wanderschuh", True), ("best tent 2025", "best tent 2026", False),
        ("boots for men", "boots for women", False), ("hotel berlin", "hostel berlin", False),
        ("flights from london", "flights to london", False), ("登山靴 おすすめ", "おすすめ 登山靴", True), ("c", "c++", True),
        ("tent with stove", "tent without stove", False),
    ],
)  # fmt: skip
def test_two_phrases_ask_for_the_same_page_or_not(one, other, same):
    assert (KnownTexts([one]).near(other) is not None) is same


@given(st.lists(st.text(max_size=20), max_size=6), st.text(max_size=20))
def test_what_is_known_repeats_itself_and_the_order_of_words_says_nothing(texts, text):
    known = KnownTexts([*texts, text])
    near = known.near(text)
    assert near is None if not normal_form(text) else near is not None and near.similarity == 100
    assert normal_form(" ".join(reversed(text.split()))) == normal_form(text) or not text.isalpha()


WORDS = st.sampled_from(
    [
        "tent",
        "tents",
        "tented",
        "boot",
        "boots",
        "boo",
        "bo",
        "Boot’s",
        "2025",
        "2026",
        "für",
        "damen",
        "dame",
        "c",
        "登山靴",
        "hostel",
        "hotel",
        "the",
    ]
)


@given(st.lists(st.lists(WORDS, max_size=4).map(" ".join), max_size=8), st.lists(WORDS, max_size=4).map(" ".join))
def test_what_is_near_is_found_among_many_as_it_is_alone(texts, text):
    alone = [near for other in texts if (near := KnownTexts([other]).near(text)) is not None]
    together = KnownTexts(texts).near(text)
    assert (together is None) is (alone == [])
    assert together is None or together.similarity == max(near.similarity for near in alone)


@given(
    st.lists(WORDS, max_size=4).map(" ".join),
    st.one_of(st.text(max_size=20), st.lists(WORDS, max_size=4).map(" ".join)),
)
def test_a_text_has_the_form_that_it_has_and_no_other(one, other):
    assert has_form(one, normal_form(other)) is (normal_form(one) == normal_form(other))


def test_what_a_model_is_shown_of_a_large_site_is_bounded_and_near_the_subject():
    titles = [f"How to mend a {thing} {number}" for number in range(9) for thing in ("tent", "Boot", "stove")]
    assert nearest("tents, boots", titles[:6], 6) == titles[:6]
    assert nearest("the tent", titles, 9) == [title for title in titles if "tent" in title]


def test_a_phrase_stands_in_a_text_also_inflected_and_in_scripts_without_spaces():
    assert holds_phrase("hiking boot", "Which boots for a hiking trip?")
    assert holds_phrase("登山靴 選び方", "登山靴の選び方を知る")
    assert not holds_phrase("hiking boots", "Which shoes for a walk?")


def test_links_to_pages_that_nobody_published_lose_their_address_and_keep_their_words():
    text = "See [ours](https://blog.example/a/), [guessed](/b/), [far](https://x.example/c) and ![i](/i.png)."
    kept, dropped = drop_invented_links(text, "https://www.blog.example", ["https://blog.example/a/"])
    assert kept == "See [ours](https://blog.example/a/), guessed, [far](https://x.example/c) and ![i](/i.png)."
    assert dropped == ("/b/",)


def test_links_are_put_into_prose_only_once_each_and_nothing_else_changes():
    text = "## dry feet\n\n`dry feet` [dry feet](/x) keeps dry feet dry. dry feets.\n\n| dry feet |\n"
    linked, placed = insert_links(text, [("dry feet", "https://b.example/1"), ("wet", "https://b.example/2")])
    assert linked == text.replace("keeps dry feet dry", "keeps [dry feet](https://b.example/1) dry")
    assert placed == (("dry feet", "https://b.example/1"),)
    assert links_of(linked) == ("/x", "https://b.example/1")


def test_an_answer_is_read_out_of_fences_and_words_and_refused_with_every_reason():
    good = '{"clusters": [{"name": " A\\u0000 ", "keywords": ["b"]}]}'
    for text in (good, f"```json\n{good}\n```", f"Here you are:\n{good}\nGood luck!"):
        assert read_answer(ClustersAnswer, text).clusters[0].name == "A"
    reason = read_answer(ArticleAnswer, '{"title": "", "tags": "x"}')
    assert all(place in reason for place in ("title: ", "tags: ", "markdown: "))
    article = read_answer(
        ArticleAnswer, '{"title": "T", "markdown": "x", "tags": ["' + '","'.join("abcdefghijklm") + '"]}'
    )
    assert len(article.tags) == 10, "a list that is only long is cut"


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_answers(text):
    assert isinstance(read_answer(ArticleAnswer, text), str | ArticleAnswer)


def test_a_repair_says_what_was_wrong_and_shows_only_so_much_of_the_answer():
    text = render_repair("Write.\n", "x" * 50_000, "it is no JSON")
    assert text.startswith("Write.\n\n## Once more") and "could not be used: it is no JSON" in text
    assert len(text) < 13_000 and text.rstrip().endswith("</answer>")
    assert "<answer>" not in render_repair("Write.\n", " ", "it is empty")


FOR = CheckedFor("hiking boots", "en", "https://blog.example", 100, 400, can_link=True)


def written(markdown: str, **changes: str) -> ArticleText:
    values = {
        "title": "Hiking boots that fit and stay dry", "meta_title": "Hiking boots that fit and stay dry",
        "meta_description": "Which hiking boots fit, what to look at first, and how to tell before you pay for them.",
    } | changes  # fmt: skip
    return ArticleText(**values, markdown=markdown, html=markdown_to_html(markdown))


GOOD = written(
    f"Hiking boots are easy to choose. {PARAGRAPH}\n\n## Hiking boots that fit\n\n{PARAGRAPH}[More](https://blog.example/a/)\n\n"
    f"## What to do\n\n{PARAGRAPH}\n\n![A boot](/a.png)\n"
)


def ends(article: ArticleText, checked_for: CheckedFor = FOR) -> dict[str, bool | None]:
    return {check.key: check.passed for check in check_article(article, checked_for).checks}


def test_images_that_come_later_are_checked_for_their_alternative_texts_with_those_of_the_text():
    def told(*alts: str) -> tuple[bool | None, str]:
        checks = with_new_images(check_article(GOOD, FOR), GOOD.html, alts).checks
        return next((check.passed, check.reason) for check in checks if check.key == "alt_texts")

    assert told("a heel") == (True, "2 images, none without")
    assert told("a heel", " ") == (False, "1 of 3 images have none")


def test_an_article_that_nothing_is_wrong_with_scores_100_and_is_stored_whole():
    checklist = check_article(GOOD, FOR)
    assert checklist.score == 100 and checklist.failed == ()
    assert read_checklist(checklist.to_json()) == checklist
    assert all(check.reason for check in checklist.checks)


@pytest.mark.parametrize(
    ("article", "checked_for", "failing"),
    [
        (replace(GOOD, meta_title="Short"), FOR, {"title_length"}),
        (replace(GOOD, meta_description="x" * 161), FOR, {"description_length"}),
        (replace(GOOD, html="<h1>Hiking boots</h1>" + GOOD.html), FOR, {"one_h1"}),
        (replace(GOOD, html=GOOD.html.replace("h2>", "h4>")), FOR, {"heading_order", "subheadings"}),
        (replace(GOOD, image_alts=("A", " ")), FOR, {"alt_texts"}),
        (GOOD, replace(FOR, keyword="trail shoes"), {"keyword_in_title", "keyword_in_intro", "keyword_in_heading"}),
        (replace(GOOD, html=GOOD.html.replace("<a ", "<i ")), FOR, {"internal_links"}),
        (replace(GOOD, html=GOOD.html + '<a href="https://x.example">x</a>' * 11), FOR, {"external_links"}),
        (GOOD, replace(FOR, words_min=900, words_max=1000), {"length"}),
        (replace(GOOD, html=GOOD.html + "<p>incomprehensibilities internationalization</p>" * 30), FOR, {"readability"}),
        (GOOD, replace(FOR, language="de"), {"language"}),
        (replace(GOOD, html=GOOD.html + "<p>## raw</p>"), FOR, {"no_markdown"}),
    ],
)  # fmt: skip
def test_each_check_finds_its_own_fault_and_no_other(article, checked_for, failing):
    found = check_article(article, checked_for)
    assert {check.key for check in found.failed} - {"readability"} == failing - {"readability"}
    assert failing <= {check.key for check in found.failed}
    assert found.score < 100


def test_what_does_not_apply_gives_no_points_and_takes_none():
    plain = replace(GOOD, html=GOOD.html.replace("<img", "<hr").replace("<a ", "<i "))
    ends_of = ends(plain, replace(FOR, can_link=False, keyword="", language="sw"))
    assert {key for key, passed in ends_of.items() if passed is None} == {
        "keyword_in_title", "keyword_in_intro", "keyword_in_heading", "internal_links", "alt_texts", "readability",
    }  # fmt: skip
    assert check_article(plain, replace(FOR, can_link=False, keyword="", language="sw")).score == 100


def test_titles_of_wide_characters_need_half_as_many():
    article = written(
        JAPANESE * 3,
        title="登山靴の選び方",
        meta_title="登山靴の選び方と足に合うかの確かめ方",
        meta_description="登" * 50,
    )
    found = ends(article, replace(FOR, keyword="登山靴", language="ja", words_min=60, words_max=200))
    assert found["title_length"] and found["description_length"] and found["keyword_in_title"] and found["language"]
    assert count_words(JAPANESE) > 20
