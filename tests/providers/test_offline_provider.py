"""The offline provider: well-formed answers from the actual inputs, the same each time, always marked."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.pipeline.answers import ArticleAnswer, ClustersAnswer, IdeasAnswer, ImagePromptsAnswer, read_answer
from reconciler.pipeline.articles import count_words, markdown_to_html
from reconciler.providers import PROVIDERS, find_adapter
from reconciler.providers.port import ImageRequest, TextRequest
from reconciler.providers.tokens import count_tokens, count_tokens_upper

COMMON = {
    "site": {"name": "blog", "display_name": "Blog", "url": "https://b.example", "language": "en", "industry": ""},
    "author": None,
    "strategy": None,
    "sector": "hiking",
}
PHRASES = [
    "best hiking boots", "hiking boots for women", "waterproof hiking boots", "winter hiking boots",
    "two person tent", "lightweight tent", "tent for rain", "camp stove fuel", "small camp stove", "camp stove review",
]  # fmt: skip
GERMAN = [
    "tomaten pflanzen",
    "tomaten ausgeizen",
    "tomaten düngen",
    "rosen schneiden",
    "rosen düngen",
    "rosen pflanzen",
]
JAPANESE = [
    "昇降デスク おすすめ",
    "昇降デスク 電動",
    "デスク 配線",
    "デスク 配線 隠し方",
    "モニターアーム おすすめ",
    "モニターアーム 選び方",
]


def provider():
    adapter = find_adapter("offline")
    assert adapter is not None
    return adapter.make(ProviderSpec(type="ai", adapter="offline"), {})


def ask(function: str, inputs: dict, *, max_tokens: int = 8192, attempt: str = "a", prompt: str = "the prompt"):
    request = TextRequest(attempt, "m", function, "", prompt, max_tokens, 0.7, COMMON | inputs)
    return asyncio.run(provider().complete(request))


def clusters(phrases, language="en"):
    site = COMMON["site"] | {"language": language}
    keywords = [{"term": phrase, "volume": None, "intent": None} for phrase in phrases]
    answer = ask("auto_cluster", {"site": site, "keywords": keywords, "existing_clusters": []})
    found = read_answer(ClustersAnswer, answer.text)
    assert isinstance(found, ClustersAnswer), found
    return found.clusters


def article(language="en", *, words=(600, 900), links=(), max_tokens=8192, strategy=None):
    idea = {"title": "Best hiking boots", "description": "d", "keyword": "hiking boots", "keywords": ["boots", "winter boots"],
            "outline": ["What matters", "How to choose", "Mistakes", "Care"]}  # fmt: skip
    inputs = {"site": COMMON["site"] | {"language": language}, "idea": idea, "strategy": strategy,
              "link_candidates": [{"title": title, "url": url} for title, url in links],
              "word_count": {"min": words[0], "max": words[1]}}  # fmt: skip
    completion = ask("generate_content", inputs, max_tokens=max_tokens)
    found = read_answer(ArticleAnswer, completion.text)
    assert isinstance(found, ArticleAnswer), found
    return found, completion


@pytest.mark.parametrize(("phrases", "language"), [(PHRASES, "en"), (GERMAN, "de"), (JAPANESE, "ja")])
def test_every_phrase_lands_in_one_cluster_with_its_relatives(phrases, language):
    found = clusters(phrases, language)
    placed = [phrase for cluster in found for phrase in cluster.keywords]
    assert sorted(placed) == sorted(phrases)
    assert 1 < len(found) < len(phrases)


def test_boots_tents_and_stoves_are_three_things():
    together = [set(cluster.keywords) for cluster in clusters(PHRASES)]
    for word in ("boots", "tent", "stove"):
        phrases = {phrase for phrase in PHRASES if word in phrase}
        assert any(phrases <= group for group in together), word
    assert not any({"best hiking boots", "lightweight tent"} <= group for group in together)


def test_ideas_are_distinct_new_and_made_from_the_keywords():
    inputs = {
        "cluster": {"name": "Boots", "description": ""},
        "keywords": PHRASES[:6],
        "ideas_max": 5,
        "existing_titles": [],
    }
    found = read_answer(IdeasAnswer, ask("generate_ideas", inputs).text)
    assert isinstance(found, IdeasAnswer)
    titles = [idea.title for idea in found.ideas]
    assert 1 <= len(titles) == len(set(titles)) <= 5
    assert all(idea.keyword in PHRASES and len(idea.outline) >= 3 for idea in found.ideas)
    again = read_answer(IdeasAnswer, ask("generate_ideas", inputs | {"existing_titles": titles}).text)
    assert isinstance(again, IdeasAnswer)
    assert not set(titles) & {idea.title for idea in again.ideas}


@pytest.mark.parametrize("language", ["en", "en-GB", "de", "es", "ja", "fr"])
def test_an_article_has_headings_a_list_a_label_and_about_the_words_that_were_asked_for(language):
    found, _ = article(language)
    assert found.markdown.startswith("> Offline sample")
    assert found.markdown.count("\n## ") >= 3
    assert "\n- " in found.markdown or "\n1. " in found.markdown
    assert "hiking boots" in found.markdown
    assert 450 <= count_words(found.markdown) <= 1200
    assert "<h2>" in markdown_to_html(found.markdown)


def test_internal_links_are_candidates_and_nothing_else():
    links = [("One", "https://b.example/posts/one/"), ("Two", "https://b.example/posts/two/")]
    assert "https://b.example/posts/one/" in article(links=links)[0].markdown
    assert "](http" not in article()[0].markdown


@pytest.mark.parametrize("max_tokens", [1000, 1500, 3000])
def test_an_answer_never_exceeds_max_tokens_and_is_still_whole(max_tokens):
    _, completion = article(max_tokens=max_tokens)
    assert completion.usage.output_tokens <= max_tokens


def test_image_prompts_are_as_many_as_asked_for_each_with_an_alt_text():
    inputs = {"article": {"title": "Boots", "excerpt": "e", "headings": ["One", "Two", "Three"]},
              "image_style": "vivid", "in_article_max": 2}  # fmt: skip
    found = read_answer(ImagePromptsAnswer, ask("generate_image_prompts", inputs).text)
    assert isinstance(found, ImagePromptsAnswer)
    assert len(found.in_article) == 2
    assert {item.after_heading for item in found.in_article} <= {"One", "Two", "Three"}
    assert all(item.alt and item.caption for item in (found.featured, *found.in_article))


def test_the_same_request_gets_the_same_answer_whatever_the_attempt():
    inputs = {
        "cluster": {"name": "Boots", "description": ""},
        "keywords": PHRASES,
        "ideas_max": 5,
        "existing_titles": [],
    }
    assert ask("generate_ideas", inputs, attempt="a").text == ask("generate_ideas", inputs, attempt="b").text


def test_usage_is_counted_from_the_actual_texts_and_everything_is_marked_simulated():
    completion = ask("generate_ideas", {"cluster": {"name": "B", "description": ""}, "keywords": PHRASES, "ideas_max": 1,
                                        "existing_titles": []}, prompt="word " * 400)  # fmt: skip
    assert completion.usage.input_tokens == count_tokens("word " * 400)
    assert completion.usage.output_tokens == count_tokens(completion.text)
    assert completion.simulated
    assert completion.reported_cost is None


def test_an_unknown_function_is_a_failure_and_no_exception():
    failure = ask("sing_a_song", {}).failure
    assert failure is not None
    assert failure.error_class == "unsupported"


IMAGE = ImageRequest("a", "m", "generate_images", "boots on a rock", "1024x768", "standard", "photorealistic", COMMON)


def draw(request: ImageRequest):
    return asyncio.run(provider().draw(request))


def test_an_image_is_a_png_of_the_size_that_was_asked_for_with_the_label_in_it():
    answer = draw(IMAGE)
    with Image.open(io.BytesIO(answer.data)) as image:
        assert (image.format, image.size) == ("PNG", (1024, 768))
        assert image.info["igny8"] == "offline sample"
    assert answer.usage.images == 1
    assert answer.simulated
    assert len(answer.data) < 200_000


def test_the_same_prompt_draws_the_same_image_and_another_prompt_another():
    assert draw(IMAGE).data == draw(replace(IMAGE, attempt_id="b")).data
    assert draw(IMAGE).data != draw(replace(IMAGE, prompt="a tent in the rain")).data


def test_a_size_that_is_none_is_a_failure():
    failure = draw(replace(IMAGE, size="large")).failure
    assert failure is not None
    assert failure.error_class == "unsupported"


@pytest.mark.parametrize("adapter", PROVIDERS, ids=lambda adapter: adapter.declaration.name)
def test_every_adapter_has_a_name_of_its_own(adapter):
    assert [other.declaration.name for other in PROVIDERS].count(adapter.declaration.name) == 1


@pytest.mark.parametrize(
    "text", ["", "a", "word " * 1000, "語" * 500, "{}[]" * 99, json.dumps({"a": list(range(500))})]
)
def test_the_estimate_for_a_hold_is_never_below_the_count(text):
    assert count_tokens_upper(text) >= count_tokens(text)
