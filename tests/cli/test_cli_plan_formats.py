"""A plan in every form: one golden text each, what holds for all forms, and what holds for comments of any plan."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from builder import FILES, World, edited
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cli.commands.plan import plan as command
from cli.output import Output
from cli.plan_formats import FORMATS, grouping, plan_lines
from cli.plan_formats.as_markdown import marker
from reconciler.operations.grants import PendingGrant
from reconciler.operations.plan import Planned, plan
from reconciler.operations.reschedule import CalendarMove
from reconciler.plan.block import Block
from reconciler.plan.change import Change
from reconciler.plan.diff import FieldChange
from reconciler.plan.fanout import FanOut
from reconciler.plan.forecast import Forecast
from reconciler.plan.observed import DEFAULT_OPTIONS, PlanOptions
from reconciler.plan.planner import Plan
from reconciler.plan.selection import Selection
from reconciler.store.lots import Terms

GOLDEN = Path(__file__).parent / "plan_formats"
PLAIN = Output(color="never")
NAMES = [item.name for item in FORMATS]


def shown(name: str, planned: Planned, *, summary: bool = False) -> str:
    return "\n".join(plan_lines(name, planned, output=PLAIN, summary_only=summary)) + "\n"


def site(name: str, *changes: tuple[str, str]) -> dict[str, str | None]:
    text = FILES["sites/blog.yaml"].replace("name: blog", f"name: {name}").replace("/blog", f"/{name}")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return {f"sites/{name}.yaml": text}


def rich(world: World, options: PlanOptions = DEFAULT_OPTIONS) -> Planned:
    """Return a plan that has everything: all actions, all states, a block, causes, a grant and articles that move."""
    protected = site("shop", ("account: acme", "account: acme\nprotected: true"))
    world.write(site("north") | site("south") | site("west") | protected)
    world.apply()
    world.run(["blog"])
    with world.database.write() as connection:
        for old, new, name in (
            ("18:00", "19:00", "north"), ('"temperature":0.7', '"temperature":0.9', "south"),
            ('"within_stage":3', '"within_stage":4', "south"), ('"language":"en"', '"language":"de"', "west"),
        ):  # fmt: skip
            statement = f"UPDATE resource SET spec = replace(spec, '{old}', '{new}') WHERE name = '{name}'"
            connection.exec_driver_sql(statement)
    world.write(
        {"sites/shop.yaml": None}
        | site("north", ("account: acme", "account: acme\ndescription: |\n  First line\n  second | `line`"))
        | site("south", ("account: acme", "account: acme\nai: {temperature: 0.2}"))
        | site("west", ("account: acme", "account: acme\nlanguage: de"))
        | site("blog", ('"14:00", "18:00"', '"16:30"'))
        | site("fresh", ("account: acme", "account: beta"))
        | {"accounts/beta.yaml": FILES["accounts/acme.yaml"].replace("acme", "beta")}
        | edited("models.yaml", ("tokens_per_credit: 1000", "tokens_per_credit: 500"))
        | edited("platform.yaml", ('"0.01"\n', '"0.02"\ndefaults: {ai: {max_in_article_images: 1}}\n'))
    )
    return plan(world.database, world.compile(), world.clock, options=options)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", ["whole", "summary"])
def test_each_form_is_as_it_was_reviewed(small_world, name, part):
    text = shown(name, rich(small_world), summary=part == "summary")
    path = GOLDEN / f"{part}.{name}"
    if os.environ.get("IGNY8_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text


def test_the_command_offers_every_form_and_each_has_its_file():
    choices = next(option for option in command.params if option.name == "format_").type
    assert [*choices.choices] == NAMES
    files = {path.name for path in Path(grouping.__file__).parent.glob("as_*.py")}
    assert files == {f"as_{name}.py" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_form_tells_of_every_plan_the_same_each_time(small_world, name):
    for planned in (rich(small_world), empty(), huge(3), huge(0)):
        text = shown(name, planned)
        assert planned.plan.id in text
        assert shown(name, planned) == text
        assert "shop" in text or not planned.plan.count("delete")
        summary = shown(name, planned, summary=True)
        assert planned.plan.id in summary
        assert "tokens_per_credit" not in summary, "a summary says nothing of single resources"


def test_deletions_stand_before_all_other_changes(small_world):
    planned = rich(small_world)
    for name in ("text", "markdown", "html", "json"):
        text = shown(name, planned)
        deleted = '"action": "delete"' if name == "json" else "site/shop"
        assert text.index(deleted) < text.index("max_in_article_images"), name
    text = shown("text", planned)
    assert text.splitlines()[0].endswith("BLOCKED by 1 guard")
    assert (
        text.index("- delete site/shop")
        < text.index("! protection")
        < text.index(" -> 5 sites")
        < text.index("~ update")
    )


def test_the_stream_is_the_document_line_by_line(small_world):
    planned = rich(small_world)
    document = json.loads(shown("json", planned))
    lines = [json.loads(line) for line in shown("ndjson", planned).splitlines()]
    assert (lines[0]["type"], lines[0]["version"], lines[0]["id"]) == ("plan", 1, planned.plan.id)
    assert lines[-1] == {"type": "summary", **document["summary"]}
    of = {
        kind: [dict(line, type=None) for line in lines if line["type"] == kind]
        for kind in ("change", "block", "calendar_move")
    }
    assert of["change"] == [dict(item, type=None) for item in document["changes"]]
    assert of["block"] == [dict(item, type=None) for item in document["blocks"]]
    assert of["calendar_move"] == [dict(item, type=None) for item in document["calendar_moves"]]
    short = [json.loads(line)["type"] for line in shown("ndjson", planned, summary=True).splitlines()]
    assert short[0] == "plan" and short[-1] == "summary" and "change" not in short


def test_a_partial_plan_says_so_in_every_form(small_world):
    planned = rich(small_world, PlanOptions(selection=Selection(("site/fresh",))))
    for name in NAMES:
        assert "partial" in shown(name, planned).lower()
    assert "partial: 7 changes left out by --target site/fresh; taken along: account/beta" in shown("text", planned)


# Plans as values: large ones, and ones that try to break out.


def planned_of(
    changes: list[Change], *, blocks: tuple[Block, ...] = (), warnings: tuple[str, ...] = (), selection: Selection | None = None,
    moves: tuple[CalendarMove, ...] = (), grants: tuple[PendingGrant, ...] = (), causes: tuple[FanOut, ...] = (),
) -> Planned:  # fmt: skip
    changes.sort(key=lambda change: change.sort_key)
    made = Plan(
        4, "c0ffee", "d" * 64, tuple(changes), blocks, lambda: (Forecast(), Forecast()), 7, "staging", warnings,
        selection=selection or Selection(), left_out=frozenset({("site", "x")}) if selection else frozenset(),
    )  # fmt: skip
    return Planned(made, moves, grants, {}, lambda: causes)


def empty() -> Planned:
    return planned_of([])


def update(
    name: str, value: Any, *, field: str = "stages.content.model", cause: str = "accounts/acme.yaml:9"
) -> Change:
    path = tuple(field.split("."))
    return Change("update", "site", name, "{}", "{}", (FieldChange(path, "live", value, "pending", cause),), (cause,))


def huge(number: int, *, equal: bool = True) -> Planned:
    """Return a plan with so many updates, all equal or all different, and as many creations and deletions."""
    changes = [update(f"u{index:05}", "testing" if equal else f"value {index} {'x' * 50}") for index in range(number)]
    changes += [
        Change("create", "site", f"c{index:05}", None, "{}", (), (f"sites/c{index:05}.yaml",))
        for index in range(number)
    ]
    changes += [Change("delete", "site", f"d{index:05}", "{}", None) for index in range(number)]
    changes += [Change("delete", "site", "shop", "{}", None)] if number else []
    return planned_of(changes)


def test_equal_changes_of_many_sites_are_told_once():
    text = shown("text", huge(214))
    assert "~ update 214 sites: u00000, u00001" in text
    assert text.count("stages.content.model: live -> testing   (accounts/acme.yaml:9)") == 1
    assert "and 206 more" in text


@pytest.mark.parametrize("equal", [True, False])
def test_a_plan_of_ten_thousand_changes_fits_on_some_screens(equal):
    text = shown("text", huge(10_000, equal=equal))
    assert len(text.splitlines()) < 150
    assert max(map(len, text.splitlines())) < 600
    assert "10,000 to create, 10,000 to update, 10,001 to delete" in text
    assert ("update 10,000 sites" in text) and (
        "10,000 different changes, such as live -> value 0" in text
    ) is not equal


def test_different_changes_are_told_apart_as_long_as_they_are_few():
    few = planned_of([update(f"s{index}", f"v{index}") for index in range(20)])
    text = shown("text", few)
    assert text.count("~ update site/s") == 20 and "different changes" not in text


@pytest.mark.parametrize(
    ("number", "equal", "has", "has_not"),
    [
        (3, True, "→ `testing`", "too long for a comment"),
        (80, False, "`value 79 xxx", "too long for a comment"),
        (900, False, "`u00899`", "value 899"),
        (10_000, True, "too long for a comment", "`u09999`"),
        (10_000, False, "too long for a comment", "`u09999`"),
    ],
)  # fmt: skip
def test_a_comment_steps_down_from_detail_to_names_to_counts(number, equal, has, has_not):
    text = shown("markdown", huge(number, equal=equal))
    assert len(text) <= len(text.encode()) < 60_000
    assert text.startswith("<!-- igny8:plan environment=staging -->\n\n### igny8 plan for `staging`: can be applied")
    assert has in text and has_not not in text
    assert f"| site | {number:,} | {number:,} | {number + 1:,} |" in text


def test_a_mark_is_one_comment_whatever_the_environment():
    assert marker("") == "<!-- igny8:plan -->"
    for name in ("a--b", "a-", "a---"):
        assert "--" not in marker(name).removeprefix("<!--").removesuffix("-->").strip() and marker(name).endswith(
            " -->"
        )


HOSTILE = st.lists(
    st.sampled_from([
        "`", "``", "```", "|", "</details>", "<details>", "-->", "<!--", "@everyone", "#12", "\n", "\n\n# head", "\r", "\t",
        "<script>alert(1)</script>", "](https://evil.example)", "[x", "![i](https://evil.example/p.png)", "**", "__", "~~", "\\",
        "&lt;", "&#64;", "https://evil.example", "www.evil.example", "\x1b[31m", "\u202e", "\u2028", "😀", "e\u0301\u0301\u0301", " ", "- ",
        "> ", "1. ", "$x$", ":tada:", "plain",
    ]) | st.text(max_size=8),
    max_size=12,
).map("".join)  # fmt: skip
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OWN_HTML = re.compile(
    r"<!-- igny8:plan environment=staging -->|<details><summary>[a-z0-9 ,:]*</summary>|</details>"
)  # fmt: skip


def flat(tokens: list[Token]) -> list[Token]:
    return [one for token in tokens for one in (token, *flat(token.children or []))]


@st.composite
def hostile_plans(draw: st.DrawFn) -> Planned:
    """Draw plans in which everything that people write tries to be something else; some of them are large."""
    # Many changes, or long words: both at once would take half of a test run.
    number, long = draw(st.sampled_from([(1, 1), (1, 40), (3, 1), (3, 40), (40, 1), (40, 40), (300, 1)]))
    words = draw(st.lists(HOSTILE, min_size=1, max_size=6))

    def word(index: int) -> str:
        return words[index % len(words)] * long

    changes: list[Change] = []
    for index in range(number):
        fields = (
            FieldChange((word(index), "x"), word(index + 1), [word(index + 2)], "conflict", word(index + 3)),
            FieldChange(("y", index), None, {word(index): word(index + 4)}, "drift", "f:1"),
        )
        changes.append(Change("update", "site", f"s{index}{word(index)}", "{}", "{}", fields, (word(index + 3),)))
        changes.append(Change("delete", "author", f"a{index}{word(index)}", "{}", None))
        changes.append(Change("create", "prompt", f"p{index}", None, "{}", (), (word(index),)))
    return planned_of(
        changes,
        blocks=tuple(Block("policy", word(index) + str(index)) for index in range(number)),
        warnings=tuple(word(index) for index in range(number)),
        moves=tuple(CalendarMove(word(index), index, word(index), World.__dataclass_fields__["clock"].default_factory().now(), None)
                    for index in range(number)),
        grants=tuple(PendingGrant(word(index), str(index), 5, word(index), Terms("config")) for index in range(number)),
        causes=tuple(FanOut(word(index), (word(index),), {"site": 2}, 2) for index in range(number)),
        selection=Selection(tuple(words)),
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(hostile_plans(), st.booleans())
def test_a_comment_is_short_and_nothing_in_it_becomes_markup(planned, summary):
    text = shown("markdown", planned, summary=summary)
    assert len(text.encode()) < 60_000
    tokens = flat(MARKDOWN.parse(text))
    for token in tokens:
        if token.type in ("html_block", "html_inline"):
            assert OWN_HTML.fullmatch(token.content.strip()), token.content
        assert token.type not in (
            "link_open",
            "image",
            "fence",
            "code_block",
            "s_open",
            "em_open",
            "blockquote_open",
            "hr",
        ), token
        if token.type == "text":
            assert not set(token.content) & set("@<>`#\\[]"), token.content
    opened = [token.content for token in tokens if token.type == "html_block"]
    assert sum("<details>" in item for item in opened) == sum("</details>" in item for item in opened)
    assert sum(token.type == "heading_open" for token in tokens) == 1
    assert "-->" not in text.split("\n", 1)[1] or all("-->" not in item for item in opened[1:])


class Page(HTMLParser):
    """Reads a page, and keeps its tags, their addresses, and whether they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@settings(max_examples=30, deadline=None)
@given(hostile_plans(), st.booleans())
def test_a_page_is_whole_and_nothing_in_it_becomes_markup(planned, summary):
    text = shown("html", planned, summary=summary)
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.seen <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "strong", "table", "tr", "th", "td",
        "code", "ul", "li",
    }  # fmt: skip
    assert page.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class"}, "nothing is loaded or run"


@settings(max_examples=30, deadline=None)
@given(hostile_plans())
def test_a_text_steers_no_terminal(planned):
    text = shown("text", planned)
    assert all(line.isprintable() for line in text.splitlines()[:1])
    assert "\x1b" not in text and "\u202e" not in text and "\r" not in text


@settings(max_examples=30, deadline=None)
@given(hostile_plans())
def test_machine_forms_hold_any_value(planned):
    document = json.loads(shown("json", planned))
    assert [item["name"] for item in document["changes"]] == [change.name for change in planned.plan.changes]
    lines = shown("ndjson", planned).removesuffix("\n").split("\n")
    assert sum(json.loads(line)["type"] == "change" for line in lines) == len(planned.plan.changes)


def test_the_comment_does_not_depend_on_balances(small_world):
    planned = rich(small_world)
    poorer = replace(planned, available={"acme": 1, "beta": 2})
    assert shown("markdown", poorer) == shown("markdown", planned)
    assert shown("text", poorer) != shown("text", planned)
