"""Keyword lists in the shapes that people have them in: what is taken, what stays unknown, what is refused and where."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.pipeline.keyword_files import KeywordFile, read_keyword_file

SEARCH_CONSOLE = (
    'Top queries,Clicks,Impressions,CTR,Position\nhiking boots,120,"4,000",3%,8.1\nsite:blog.example boots,1,2,50%,1\n'
)
AHREFS = (
    "#\tKeyword\tCountry\tDifficulty\tVolume\tCPC\tParent Keyword\tGlobal volume\n"
    '1\t"boots, waterproof"\tus\t34\t1900\t1.2\tboots\t4000\n2\ttrail shoes\tus\t\t\t\t\t\n'
)
SEMRUSH = (
    "Keyword;Keyword Intents;Volume;Trend;Keyword Difficulty;CPC (USD)\n"
    'winter boots;"Informational, Commercial";12.100;;41,5;0.9\nboots shop;T;0;;n/a;\n'
)
PLANNER = (
    "Keyword Stats 2026-11-18\n1 November 2025 - 31 October 2026\nKeyword\tCurrency\tAvg. monthly searches\n"
    "tent\tUSD\t5400\nlight tent\tUSD\t1K – 10K\nsmall tent\tUSD\t1.5K\n"
)


def read(data: str | bytes, encoding: str = "utf-8") -> KeywordFile:
    found = read_keyword_file(data.encode(encoding) if isinstance(data, str) else data)
    assert isinstance(found, KeywordFile), found
    return found


def facts(file: KeywordFile) -> list[tuple]:
    return [(item.line, item.term, item.volume, item.difficulty, item.intent) for item in file.keywords]


def test_search_console_tells_no_volume_and_impressions_are_not_taken_for_one():
    file = read(SEARCH_CONSOLE)
    assert (file.shape, file.delimiter) == ("Google Search Console", "comma")
    assert facts(file) == [(2, "hiking boots", None, None, None)]
    assert [(note.line, note.reason) for note in file.refused] == [(3, "is a search with an operator, not a phrase")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
def test_ahrefs_in_any_unicode_keeps_volume_and_difficulty_and_an_empty_cell_is_unknown(encoding):
    file = read(AHREFS, encoding)
    assert (file.shape, file.delimiter) == ("Ahrefs", "tab")
    assert facts(file) == [(2, "boots, waterproof", 1900, 34, None), (3, "trail shoes", None, None, None)]


def test_semrush_with_semicolons_local_numbers_and_intents():
    file = read(SEMRUSH)
    assert (file.shape, file.delimiter) == ("Semrush", "semicolon")
    assert facts(file) == [
        (2, "winter boots", 12100, 42, "informational"), (3, "boots shop", 0, None, "transactional"),
    ]  # fmt: skip
    assert file.remarks == ()


def test_keyword_planner_begins_below_its_title_and_a_range_is_no_number():
    file = read(PLANNER, "utf-16")
    assert file.shape == "Google Keyword Planner"
    assert facts(file) == [
        (4, "tent", 5400, None, None), (5, "light tent", None, None, None), (6, "small tent", 1500, None, None),
    ]  # fmt: skip
    assert [(note.line, note.reason) for note in file.remarks] == [
        (5, "the volume “1K – 10K” is not understood and stays unknown")
    ]


def test_a_plain_list_needs_no_heading_and_an_excel_file_names_its_delimiter():
    assert facts(read("hiking boots\n\n  light   tent \n")) == [
        (1, "hiking boots", None, None, None), (3, "light tent", None, None, None),
    ]  # fmt: skip
    assert facts(read("sep=;\r\nkeyword;sv\r\ntent;7\r\n")) == [(3, "tent", 7, None, None)]


def test_german_headings_and_umlauts_in_an_old_encoding():
    file = read("Häufigste Suchanfragen;Klicks;Impressionen\nwandern für anfänger;1;2\n", "cp1252")
    assert (file.shape, file.encoding) == ("Google Search Console", "cp1252")
    assert file.keywords[0].term == "wandern für anfänger"


def test_lines_that_hold_no_keyword_are_refused_with_their_numbers():
    file = read('keyword,volume\n"two\nlines",1\nBoots  Hiking,2\nhiking boots,3\n***,4\n,5\n' + "x" * 201 + ",6\n")
    assert facts(file) == [(2, "two lines", 1, None, None), (4, "Boots Hiking", 2, None, None)]
    assert [(note.line, note.reason) for note in file.refused] == [
        (5, "repeats line 4"), (6, "has neither letters nor digits"), (7, "has no keyword, or its quotes never end"),
        (8, "is longer than 200 characters"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no lines"), (b"\n \n", "no lines"), (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "no text"),
        (b"url,clicks\nhttps://a.example,4\n", "no column holds keywords: the first line has url, clicks"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_keyword_list_is_said(data, reason):
    found = read_keyword_file(data)
    assert isinstance(found, str) and reason in found


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data):
    read_keyword_file(data)


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30), max_size=8
    ),
    st.sampled_from([",", ";", "\t"]),
)
def test_every_line_of_a_table_is_taken_or_refused_whatever_its_words(terms, delimiter):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([("keyword", "volume", "cpc"), *((term, 7, "x") for term in terms)])
    file = read(text.getvalue())
    assert len(file.keywords) + len(file.refused) == len(terms)
    assert {item.volume for item in file.keywords} <= {7}
