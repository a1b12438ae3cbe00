"""Further places: what may be declared, and what is refused with its place in the file."""

from __future__ import annotations

import pytest
from builder import World, edited, write_root

PUBLISHER = "publisher: {type: static, path: published/blog}\n"
GOOD = (
    "  - {name: partner, url: https://partner.example, publisher: {type: static, path: published/partner}, delay: 2d}\n"
)


def findings(tmp_path, sqlite, places, publisher=PUBLISHER, **more):
    files = edited("sites/blog.yaml", (PUBLISHER, f"{publisher}syndication:\n{places}")) | more
    found = World(write_root(tmp_path / "root", files), sqlite).compile().findings
    lines = (files["sites/blog.yaml"] or "").splitlines()
    return [
        (item.code, item.field, lines[item.mark.line - 1][item.mark.column - 1 :])
        for item in found
        if item.severity == "error"
    ]


def place(publisher: str, name: str = "other", url: str = "https://other.example") -> str:
    return f"  - {{name: {name}, url: {url}, publisher: {{{publisher}}}}}\n"


def test_places_of_every_type_that_carries_a_canonical_address_are_accepted(tmp_path, sqlite):
    places = GOOD
    places += place("type: ghost, admin_api_key: {env: A}", "ghost", "https://g.example")
    places += place("type: wordpress, username: ann, application_password: {env: B}", "wp", "https://w.example")
    places += place("type: webhook, endpoint: https://h.example/in, secret: {env: C}", "hook", "https://h.example")
    assert findings(tmp_path, sqlite, places) == []


def test_a_site_that_says_nothing_of_them_is_what_it_was(tmp_path, sqlite):
    """A site that was applied before they existed has the same digest: no plan shows it as changed."""
    (spec,) = (item.data for item in World(write_root(tmp_path), sqlite).compile().resources if item.kind == "site")
    assert "syndication" not in spec


@pytest.mark.parametrize(
    ("places", "code", "field", "written"),
    [
        pytest.param(
            place("type: shopify, shop: x.myshopify.com, blog: news, access_token: {env: S}"),
            "IG421", "syndication[0].publisher.type", "shopify,", id="Shopify has no canonical address",
        ),
        pytest.param(
            place("type: static, path: published/blog/"), "IG422", "syndication[0].publisher.path", "published/blog/}",
            id="the site's own folder",
        ),
        pytest.param(GOOD + GOOD.replace("/partner}", "/twice}"), "IG109", "syndication[1].name", "partner,", id="a name twice"),
        pytest.param(
            place("type: ghost, admin_api_key: {env: A}", "a", "https://G.example/")
            + place("type: ghost, admin_api_key: {env: B}", "b", "https://g.example"),
            "IG422", "syndication[1].publisher.type", "ghost,", id="one Ghost twice",
        ),
        pytest.param(place("type: stattic, path: x"), "IG205", "syndication[0].publisher.type", "stattic,", id="no such type"),
        pytest.param(place("type: static, pat: x"), "IG201", "syndication[0].publisher.pat", "pat:", id="no such setting"),
        pytest.param(GOOD.replace("2d", "soon"), "IG210", "syndication[0].delay", "soon}", id="no duration"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_with_its_place(tmp_path, sqlite, places, code, field, written):
    found = findings(tmp_path, sqlite, places)
    assert [rest for *what, rest in found if what == [code, field] and rest.startswith(written)], found


def test_copies_need_a_publisher_of_the_site_itself(tmp_path, sqlite):
    assert ("IG421", "syndication") in [item[:2] for item in findings(tmp_path, sqlite, GOOD, publisher="")]


def test_the_folder_of_another_site_is_no_place_for_copies(tmp_path, sqlite):
    other = edited("sites/blog.yaml", ("name: blog", "name: other"), ("published/blog", "published/partner"))
    found = findings(tmp_path, sqlite, GOOD, **{"sites/other.yaml": other["sites/blog.yaml"]})
    assert [item[:2] for item in found] == [("IG413", "publisher.path")]
