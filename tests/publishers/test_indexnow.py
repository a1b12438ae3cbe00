"""IndexNow: pages are announced after they went out, and what becomes of that fails nothing."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from builder import World, edited

from reconciler.operations.publish_article import publish_article
from reconciler.publishers.indexnow import announce, by_host
from reconciler.publishers.port import PublishFailure

KEY = "northbeam-harbour-notes"
PUBLISH = ("publish", "--due", "--at", "+7d")


@dataclass
class SearchEngine:
    url: str = ""
    status: int = 200
    heard: list[dict[str, Any]] = field(default_factory=list)
    on_hearing: Callable[[], None] = lambda: None


@pytest.fixture
def engine() -> Iterator[SearchEngine]:
    opened = SearchEngine()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            opened.heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            opened.on_hearing()
            self.send_response(opened.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    opened.url = f"http://127.0.0.1:{server.server_port}/indexnow"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield opened
    server.shutdown()
    server.server_close()


def scheduled(world: World, engine: SearchEngine, *, samples: bool = False) -> None:
    """Schedule a site's two articles; unless `samples`, as if a real provider had written them."""
    publishing = f"publishing:\n  indexnow: {{key: {KEY}, endpoint: {engine.url}}}\n"
    world.write(edited("sites/blog.yaml", ("publishing:\n", publishing)))
    world.apply()
    world.run()
    if not samples:
        change(world, "UPDATE publication SET simulated = 0")


def change(world: World, statement: str) -> None:
    with world.database.write() as connection:
        connection.exec_driver_sql(statement)


def published(world: World, engine: SearchEngine, *, samples: bool = False) -> World:
    """Publish those articles a week later."""
    scheduled(world, engine, samples=samples)
    world = world.at(world.clock.now() + timedelta(days=7))
    assert [item.error for item in world.publish().articles] == ["", ""]
    return world


def events(world: World) -> list[tuple[str, str]]:
    return [
        (event, detail)
        for event, detail in world.rows("SELECT event, detail FROM sync_event ORDER BY id")
        if "announced" in event
    ]


def test_all_pages_of_a_pass_are_announced_together(small_world, engine):
    world = published(small_world, engine)
    urls = [url for (url,) in world.rows("SELECT url FROM publication ORDER BY slot_at")]
    assert engine.heard == [{"host": "blog.example", "key": KEY, "urlList": urls}]
    assert events(world) == [("announced", "2 pages")]


def test_a_refusal_is_recorded_and_the_articles_are_out(small_world, engine):
    engine.status = 403
    world = published(small_world, engine)
    ((event, detail),) = events(world)
    assert event == "not_announced" and "answers 403: the key file is not at the site" in detail
    assert world.counts("publication") == {"published": 2}


def test_samples_are_announced_to_nobody(small_world, engine):
    published(small_world, engine, samples=True)
    assert engine.heard == []


def test_what_is_announced_once_is_not_announced_again(small_world, engine):
    world = published(small_world, engine)
    world.publish()
    assert len(engine.heard) == 1
    change(world, "UPDATE content SET approved_hash = NULL, title = 'Edited', html = '<p>New.</p>' WHERE id = 1")
    publish_article(world.installation, world.database, 1, force=False)
    (url,) = world.rows("SELECT url FROM publication WHERE content_id = 1")[0]
    assert [told["urlList"] for told in engine.heard[1:]] == [[url]]


def test_a_process_that_dies_before_or_while_it_announces_leaves_it_to_the_next_pass(small_world, engine, processes):
    scheduled(small_world, engine)
    engine.on_hearing = lambda: os.kill(int(processes.pid_file.read_text()), signal.SIGKILL)
    ended = processes.on(small_world, *PUBLISH)
    assert ended.code == -signal.SIGKILL, ended.said
    urls = [url for (url,) in small_world.rows("SELECT url FROM publication ORDER BY slot_at")]
    assert (len(engine.heard), events(small_world), len(urls)) == (1, [], 2)
    assert processes.on(small_world, *PUBLISH, kill_at=3).code == -signal.SIGKILL
    engine.on_hearing = lambda: None
    for _ in range(2):
        ended = processes.on(small_world, *PUBLISH)
        assert ended.code == 0, ended.said
    assert [told["urlList"] for told in engine.heard] == [urls, urls], "told again, since nobody knew; then no more"
    assert events(small_world) == [("announced", "2 pages")]


def test_what_went_out_long_ago_is_no_news(small_world, engine):
    world = published(small_world, engine)
    change(world, "DELETE FROM sync_event WHERE event = 'announced'")
    later = world.at(world.clock.now() + timedelta(days=1))
    later.publish()
    assert len(engine.heard) == 1


def test_a_key_that_indexnow_does_not_take_is_a_finding(small_world):
    small_world.write(edited("sites/blog.yaml", ("publishing:\n", 'publishing:\n  indexnow: {key: "ab_c"}\n')))
    (finding,) = [item for item in small_world.compile().findings if "indexnow" in item.field]
    assert finding.severity == "error"


def test_pages_are_announced_by_host_and_pages_without_a_host_are_not():
    urls = [
        "https://a.example/1",
        "",
        "posts/x",
        "https://[bad/x",
        "https://b.example/2",
        "https://a.example/3",
        "https://a.example/1",
    ]
    assert by_host(urls) == (("https://a.example/1", "https://a.example/3"), ("https://b.example/2",))
    many = [f"https://a.example/{number}" for number in range(10_001)]
    assert [len(group) for group in by_host(many)] == [10_000, 1]


@pytest.mark.parametrize(
    ("status", "told"), [(200, None), (202, None), (422, "not of the site"), (429, "too many"), (500, "no reason")]
)
def test_each_answer_is_told_in_words(engine, status, told):
    engine.status = status
    failure = announce(engine.url, KEY, ["https://a.example/1"], key_location="https://a.example/k.txt")
    assert engine.heard[0]["keyLocation"] == "https://a.example/k.txt"
    assert (failure is None) if told is None else (isinstance(failure, PublishFailure) and told in failure.message)


def test_an_engine_that_is_not_there_is_no_reason_to_fail():
    assert isinstance(announce("http://127.0.0.1:9/", KEY, ["https://a.example/1"]), PublishFailure)
