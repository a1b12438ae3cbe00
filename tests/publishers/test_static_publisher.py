"""The static publisher on real folders: what it finds, writes, leaves alone, and takes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from static_site import ARTICLE, NOTEBOOK, Site, with_images

from reconciler.pipeline.publishing import finding_of
from reconciler.publishers import PUBLISHERS
from reconciler.publishers.generators import GENERATORS
from reconciler.publishers.generators.port import Place
from reconciler.publishers.port import ArticleImage, PublishFailure, Remote
from reconciler.publishers.static_settings import StaticSettings


def place_of(end: Remote | PublishFailure) -> tuple[str, str, str]:
    assert isinstance(end, Remote), end
    return end.remote_id, end.url, end.state


def test_publishing_again_writes_nothing(tmp_path):
    Site(tmp_path).publish(with_images(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert isinstance(Site(tmp_path).publish(with_images(tmp_path)), Remote)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_a_page_without_our_key_stops_the_article_for_good(tmp_path):
    Site(tmp_path).page().parent.mkdir(parents=True)
    Site(tmp_path).page().write_text('---\ntitle: "x"\n---\nigny8: "key-1"\n')
    failure = Site(tmp_path).publish(ARTICLE)
    assert isinstance(failure, PublishFailure)
    assert failure.scope == "article"
    assert "belongs to another article" in failure.message


def test_an_article_whose_slug_changed_keeps_its_place(tmp_path):
    Site(tmp_path).publish(ARTICLE)
    end = Site(tmp_path).publish(replace(ARTICLE, slug="other-slug"))
    assert place_of(end) == ("content/posts/say-hi/index.md", "https://blog.example/posts/say-hi/", "public")
    assert not Site(tmp_path).page("other-slug").exists()


def test_an_update_stays_in_its_place_and_a_change_by_hand_is_never_overwritten_unless_forced(tmp_path):
    first = Site(tmp_path).publish(ARTICLE)
    target, edited = Site(tmp_path).publisher, replace(ARTICLE, markdown="New text.\n", slug="new-slug")
    second = target.update(edited, first, NOTEBOOK, force=False)
    assert "New text." in Site(tmp_path).page().read_text()
    Site(tmp_path).page().write_text(Site(tmp_path).page().read_text() + "by hand\n")
    refused = target.update(ARTICLE, second, NOTEBOOK, force=False)
    assert (refused.scope, Site(tmp_path).page().read_text()[-8:]) == ("changed-by-hand", "by hand\n")
    assert target.update(ARTICLE, second, NOTEBOOK, force=True).state == "public"
    assert "by hand" not in Site(tmp_path).page().read_text()


def test_a_withdrawn_page_is_gone_seen_as_missing_and_comes_back_in_its_place(tmp_path):
    first = Site(tmp_path).publish(ARTICLE)
    target = Site(tmp_path).publisher
    assert target.look([first]) == (first,)
    gone = target.withdraw(first)
    assert (gone.state, Site(tmp_path).page().exists()) == ("missing", False)
    assert target.withdraw(first) == gone == target.look([first])[0]
    assert target.publish(ARTICLE, gone, NOTEBOOK) == first


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_published(tmp_path):
    assert Site(tmp_path).publisher.check().is_enough
    (tmp_path / "out").write_text("a file where a folder should be")
    assert not Site(tmp_path).publisher.check().is_enough


def test_an_update_that_died_between_an_image_and_the_page_is_no_change_by_hand(tmp_path):
    site = Site(tmp_path)
    first = site.publish(with_images(tmp_path))
    new = with_images(tmp_path, replace(ARTICLE, markdown="New text.\n"), colour="red")
    red = Path(new.images[0].path).read_bytes()
    (site.page().parent / "say-hi-1.png").write_bytes(red)
    assert site.update(new, first).state == "public"
    assert (site.page().parent / "say-hi-2.png").read_bytes() == red, "a square of one colour is one file"


def test_an_image_that_a_person_exchanged_is_a_change_by_hand(tmp_path):
    site = Site(tmp_path)
    first = site.publish(with_images(tmp_path))
    (site.page().parent / "say-hi-1.png").write_bytes(b"a better picture")
    assert site.publisher.look([first])[0].fingerprint != first.fingerprint
    assert site.update(with_images(tmp_path, colour="red"), first).scope == "changed-by-hand"
    assert (site.page().parent / "say-hi-1.png").read_bytes() == b"a better picture"


def test_an_update_drops_the_images_that_the_article_no_longer_has_and_nothing_else(tmp_path):
    site = Site(tmp_path)
    article = with_images(tmp_path)
    first = site.publish(article)
    (site.page().parent / "notes.txt").write_text("mine")
    site.update(replace(article, images=article.images[:1]), first)
    assert sorted(path.name for path in site.page().parent.iterdir()) == ["index.md", "notes.txt", "say-hi-1.png"]


def test_what_is_public_stays_as_a_person_left_it_when_publishing_is_repeated(tmp_path):
    """We died after the page was written and before that was recorded; a person was there before we came back."""
    site = Site(tmp_path)
    site.publish()
    site.page().write_text(site.page().read_text() + "by hand\n")
    again = site.publish()
    assert place_of(again)[2] == "public"
    assert site.page().read_text().endswith("by hand\n")
    (seen,) = site.publisher.look([again])
    assert finding_of("published", again, seen) == "changed-by-hand"


def test_an_older_text_that_is_public_already_is_not_taken_for_the_one_of_now(tmp_path):
    """It went out, nobody recorded that, and it was edited and approved anew before the next try."""
    site = Site(tmp_path)
    site.publish()
    (seen,) = site.publisher.look([same := site.publish()])
    assert finding_of("published", same, seen) == ""
    later = site.publish(replace(ARTICLE, markdown="The text of now.\n"))
    assert "The text of now." not in site.page().read_text()
    (seen,) = site.publisher.look([later])
    assert finding_of("published", later, seen) == "changed-by-hand"


@pytest.mark.parametrize(
    ("generator", "rival"),
    [
        ("hugo", "content/posts/say-hi.md"), ("jekyll", "_posts/2020-01-31-say-hi.markdown"),
        ("eleventy", "posts/say-hi/index.njk"), ("astro", "src/content/posts/say-hi.mdx"),
    ],
)  # fmt: skip
def test_a_page_of_somebody_else_at_the_same_address_stops_the_article(tmp_path, generator, rival):
    site = Site(tmp_path, {"generator": generator})
    (site.folder / rival).parent.mkdir(parents=True)
    (site.folder / rival).write_text("mine\n")
    end = site.publish()
    assert isinstance(end, PublishFailure)
    assert (end.scope, rival in end.message) == ("article", True)


def test_an_article_goes_to_the_declared_folder_and_address(tmp_path):
    site = Site(tmp_path, {"generator": "jekyll", "articles": "blog/_posts", "permalink": "/blog/{slug}/"})
    assert place_of(site.publish(with_images(tmp_path))) == (
        "blog/_posts/2026-11-18-say-hi.md", "https://blog.example/blog/say-hi/", "public",
    )  # fmt: skip
    assert (site.folder / "blog/say-hi/say-hi-1.png").is_file()
    assert 'permalink: "/blog/say-hi/"' in (site.folder / "blog/_posts/2026-11-18-say-hi.md").read_text()


def test_check_tells_of_a_folder_that_is_no_site_of_the_generator(tmp_path):
    site = Site(tmp_path, {"generator": "astro"})
    site.folder.mkdir(parents=True)
    (site.folder / "hugo.toml").write_text("")
    assert "no config of astro" in site.publisher.check().warnings[0]


def test_a_site_that_has_a_config_is_left_alone(tmp_path):
    config = tmp_path / "out/blog/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("title = 'mine'\n")
    Site(tmp_path).publish(ARTICLE)
    assert not (tmp_path / "out/blog/hugo.toml").exists()
    assert not (tmp_path / "out/blog/layouts").exists()


def test_a_missing_image_file_is_told_and_leaves_no_page(tmp_path):
    image = ArticleImage(str(tmp_path / "gone.png"), "0" * 64, "a.png", "image/png", "featured", "alt", "")
    failure = Site(tmp_path).publish(replace(ARTICLE, images=(image,)))
    assert isinstance(failure, PublishFailure)
    assert failure.scope == "try-again"
    assert "gone.png" in failure.message
    assert not Site(tmp_path).page().exists()


@pytest.mark.parametrize("slug", ["../up", "a/b", "", ".", "a b", "x" * 121, "山" * 81])
def test_a_slug_that_is_no_file_name_is_refused(tmp_path, slug):
    failure = Site(tmp_path).publish(replace(ARTICLE, slug=slug))
    assert isinstance(failure, PublishFailure)
    assert failure.scope == "article"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", ["/etc", "../out", "a/../../b", "~/x", ""])
def test_a_folder_outside_of_the_config_root_is_refused(path):
    with pytest.raises(ValidationError):
        StaticSettings(path=path)


@pytest.mark.parametrize(
    "permalink", ["posts/{slug}/", "/posts/{slug}", "/{slug}.html", "/../{slug}/", "/{slug}/{slug}/x/"]
)
def test_an_address_that_leaves_no_folder_for_images_is_refused(permalink):
    with pytest.raises(ValidationError):
        StaticSettings(path="out", permalink=permalink)


@pytest.mark.parametrize("entry", PUBLISHERS, ids=lambda entry: entry.declaration.name)
def test_every_publisher_declares_a_type_of_its_own_and_closed_settings(entry):
    names = [other.declaration.name for other in PUBLISHERS]
    assert names.count(entry.declaration.name) == 1
    assert entry.declaration.settings.model_config["extra"] == "forbid"


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: generator.name)
def test_every_generator_gives_each_slug_a_page_of_its_own_and_marks_the_key(generator):
    first, second = (generator.page_path(slug, ARTICLE.publish_at) for slug in ("say-hi", "b"))
    assert first != second
    assert generator.slug_of(first) == "say-hi"
    place = Place(f"{generator.articles}/{first}", "posts/say-hi", "/posts/say-hi/")
    assert 'igny8: "key-1"' in generator.page(ARTICLE, place)
    assert any(name in generator.config_names for name in generator.starter("https://x.example", "X", "en"))
