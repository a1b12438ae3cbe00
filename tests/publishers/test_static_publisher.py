"""The static publisher on real folders, built by a real Hugo."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from reconciler.publishers import PUBLISHERS
from reconciler.publishers.generators import GENERATORS
from reconciler.publishers.generators.hugo import neutralize
from reconciler.publishers.port import Article, ArticleImage, PublishFailure, Remote, RemoteMedia
from reconciler.publishers.static import StaticSettings, make

ARTICLE = Article(
    key="key-1", site="blog", site_title="The Blog", language="en", title='Say "hi": a \\ guide', slug="say-hi",
    excerpt="short", meta_title="Meta", meta_description="Described", markdown="Intro text.\n\n## First part\n\nBody.\n",
    html="<p>Intro text.</p>", tags=("1.10", "yes"), author="Ann", publish_at=datetime(2026, 11, 18, 14, tzinfo=UTC),
)  # fmt: skip


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    from PIL import Image

    path = tmp_path / "picture.png"
    Image.new("RGB", (8, 8), "teal").save(path)
    return path


def with_images(picture: Path) -> Article:
    images = (
        ArticleImage(str(picture), "0" * 64, "say-hi-1.png", "image/png", "featured", "a featured image", "Featured"),
        ArticleImage(
            str(picture),
            "1" * 64,
            "say-hi-2.png",
            "image/png",
            "in_article",
            "an [odd] alt",
            'A "caption"',
            "First part",
        ),
    )
    return replace(ARTICLE, images=images)


def publisher(root: Path):
    return make({"path": "out/blog", "generator": "hugo"}, "https://blog.example", root, {})


class EmptyNotebook:
    """Knows nothing and keeps nothing: a folder holds its images itself."""

    def media(self, sha256: str) -> RemoteMedia | None:
        return None

    def keep_media(self, media: RemoteMedia) -> None:
        raise AssertionError("a folder has no media apart from its pages")


NOTEBOOK = EmptyNotebook()


def publish(root: Path, article: Article) -> Remote | PublishFailure:
    target = publisher(root)
    found = target.prepare(article, NOTEBOOK, None)
    return target.publish(article, found, NOTEBOOK) if isinstance(found, Remote) else found


def place_of(end: Remote | PublishFailure) -> tuple[str, str, str]:
    assert isinstance(end, Remote), end
    return end.remote_id, end.url, end.state


def page_of(root: Path, slug: str = "say-hi") -> Path:
    return root / f"out/blog/content/posts/{slug}/index.md"


def build(root: Path) -> Path:
    """Build the site with Hugo and return its public folder."""
    out = root / "public"
    hugo = Path(sys.executable).parent / "hugo"
    done = subprocess.run([hugo, "-s", root / "out/blog", "-d", out], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARN" not in done.stdout
    return out


def test_front_matter_is_yaml_in_which_every_string_stays_a_string(tmp_path):
    publish(tmp_path, replace(ARTICLE, slug="1e3"))
    fields = yaml.safe_load(page_of(tmp_path, "1e3").read_text().split("---")[1])
    assert (fields["slug"], fields["tags"], fields["title"]) == ("1e3", ["1.10", "yes"], 'Say "hi": a \\ guide')
    assert fields["params"]["igny8"] == "key-1"


def test_hugo_builds_the_page_with_title_images_alt_and_captions(tmp_path, picture):
    assert place_of(publish(tmp_path, with_images(picture))) == (
        "content/posts/say-hi/index.md",
        "https://blog.example/posts/say-hi/",
        "public",
    )
    page = (build(tmp_path) / "posts/say-hi/index.html").read_text()
    assert "Say &#34;hi&#34;: a \\ guide" in page
    assert 'alt="a featured image"' in page
    assert "<figcaption>A ”caption”</figcaption>" in page
    assert (tmp_path / "public/posts/say-hi/say-hi-2.png").exists()
    assert page.index("First part") < page.index("say-hi-2.png") < page.index("Body.")
    assert "say-hi" in (tmp_path / "public/index.html").read_text()


def test_hostile_text_neither_runs_nor_breaks_the_build(tmp_path):
    text = (
        "{{< unknown >}} {{% also %}} `{{< in_code >}}` <script>alert(1)</script> <!-- x -->\n\n"
        "```\n{{< fenced >}} <b>kept</b>\n```\n\nمرحبا 😀 \\ back\n"
    )
    publish(tmp_path, replace(ARTICLE, markdown=text, title="{{ .Site }} <script>"))
    page = (build(tmp_path) / "posts/say-hi/index.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "مرحبا 😀" in page
    assert "&lt;b&gt;kept" in page


def test_neutral_text_stays_as_it_is():
    assert neutralize("a < b, 3 <4, **x** [l](u) `<b>`\n") == "a < b, 3 <4, **x** [l](u) `<b>`\n"


def test_publishing_again_writes_nothing(tmp_path, picture):
    publish(tmp_path, with_images(picture))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert isinstance(publish(tmp_path, with_images(picture)), Remote)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_a_page_without_our_key_stops_the_article_for_good(tmp_path):
    page_of(tmp_path).parent.mkdir(parents=True)
    page_of(tmp_path).write_text('---\ntitle: "x"\n---\nigny8: "key-1"\n')
    failure = publish(tmp_path, ARTICLE)
    assert isinstance(failure, PublishFailure)
    assert failure.scope == "article"
    assert "belongs to another article" in failure.message


def test_an_article_whose_slug_changed_keeps_its_place(tmp_path):
    publish(tmp_path, ARTICLE)
    end = publish(tmp_path, replace(ARTICLE, slug="other-slug"))
    assert place_of(end) == ("content/posts/say-hi/index.md", "https://blog.example/posts/say-hi/", "public")
    assert not page_of(tmp_path, "other-slug").exists()


def test_an_update_stays_in_its_place_and_a_change_by_hand_is_never_overwritten_unless_forced(tmp_path):
    first = publish(tmp_path, ARTICLE)
    target, edited = publisher(tmp_path), replace(ARTICLE, markdown="New text.\n", slug="new-slug")
    second = target.update(edited, first, NOTEBOOK, force=False)
    assert "New text." in page_of(tmp_path).read_text()
    page_of(tmp_path).write_text(page_of(tmp_path).read_text() + "by hand\n")
    refused = target.update(ARTICLE, second, NOTEBOOK, force=False)
    assert (refused.scope, page_of(tmp_path).read_text()[-8:]) == ("changed-by-hand", "by hand\n")
    assert target.update(ARTICLE, second, NOTEBOOK, force=True).state == "public"
    assert "by hand" not in page_of(tmp_path).read_text()


def test_a_withdrawn_page_is_gone_seen_as_missing_and_comes_back_in_its_place(tmp_path):
    first = publish(tmp_path, ARTICLE)
    target = publisher(tmp_path)
    assert target.look([first]) == (first,)
    gone = target.withdraw(first)
    assert (gone.state, page_of(tmp_path).exists()) == ("missing", False)
    assert target.withdraw(first) == gone == target.look([first])[0]
    assert target.publish(ARTICLE, gone, NOTEBOOK) == first


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_published(tmp_path):
    assert publisher(tmp_path).check().is_enough
    (tmp_path / "out").write_text("a file where a folder should be")
    assert not publisher(tmp_path).check().is_enough


def test_a_site_that_has_a_config_is_left_alone(tmp_path):
    config = tmp_path / "out/blog/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("title = 'mine'\n")
    publish(tmp_path, ARTICLE)
    assert not (tmp_path / "out/blog/hugo.toml").exists()
    assert not (tmp_path / "out/blog/layouts").exists()


def test_a_missing_image_file_is_told_and_leaves_no_page(tmp_path):
    image = ArticleImage(str(tmp_path / "gone.png"), "0" * 64, "a.png", "image/png", "featured", "alt", "")
    failure = publish(tmp_path, replace(ARTICLE, images=(image,)))
    assert isinstance(failure, PublishFailure)
    assert failure.scope == "try-again"
    assert "gone.png" in failure.message
    assert not page_of(tmp_path).exists()


@pytest.mark.parametrize("slug", ["../up", "a/b", "", ".", "a b", "x" * 121])
def test_a_slug_that_is_no_file_name_is_refused(tmp_path, slug):
    failure = publish(tmp_path, replace(ARTICLE, slug=slug))
    assert isinstance(failure, PublishFailure)
    assert failure.scope == "article"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", ["/etc", "../out", "a/../../b", "~/x", ""])
def test_a_folder_outside_of_the_config_root_is_refused(path):
    with pytest.raises(ValidationError):
        StaticSettings(path=path)


@pytest.mark.parametrize("entry", PUBLISHERS, ids=lambda entry: entry.declaration.name)
def test_every_publisher_declares_a_type_of_its_own_and_closed_settings(entry):
    names = [other.declaration.name for other in PUBLISHERS]
    assert names.count(entry.declaration.name) == 1
    assert entry.declaration.settings.model_config["extra"] == "forbid"


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: generator.name)
def test_every_generator_gives_each_slug_a_folder_of_its_own_and_marks_the_key(generator):
    assert generator.folder("a") != generator.folder("b")
    assert 'igny8: "key-1"' in generator.page(ARTICLE)
    assert any(name in generator.config_names for name in generator.starter("https://x.example", "X", "en"))
