"""`igny8 images`: the credits are told before anything is drawn, and the old image can come back."""

from __future__ import annotations

import json

import pytest
from builder import FILES, after_a_run, edited

from cli.main import run


@pytest.fixture
def world(tmp_path, sqlite_files, monkeypatch):
    monkeypatch.setenv("IGNY8_ACTOR", "ann")
    return sqlite_files.world(after_a_run, tmp_path)


@pytest.fixture
def images(world, capsys):
    def call(*words: str, code: int = 0) -> tuple[str, str]:
        assert run(["-C", str(world.root), "--db", world.database.url, "images", *words]) == code
        captured = capsys.readouterr()
        return captured.out, captured.err

    return call


OFFLINE = ["--offline", "--at", "2026-11-18T11:00"]


def test_the_credits_are_told_before_anybody_is_asked_and_without_a_terminal_nothing_is_drawn(world, images):
    out, err = images("regenerate", "1", "--live", "--prompt", "at dusk", *OFFLINE, code=64)
    assert "credits  8 with painter; acme has 985 available" in out
    assert out.splitlines()[1].endswith(". at dusk")
    assert "there is no terminal to ask on" in err
    assert world.counts("image") == {"generated": 6}


def test_a_new_image_takes_its_place_and_the_old_one_comes_back(world, images):
    out, _ = images("regenerate", "1", "--yes", *OFFLINE)
    assert "Image 7 took the place of 1, for 1 credit." in out
    listed = json.loads(images("list", "1", "--json")[0])["images"]
    assert [(row["id"], row["is_current"]) for row in listed][:2] == [(1, False), (7, True)]
    # The offline provider draws the same picture of the same prompt again: it is one file.
    assert listed[0]["file"] == listed[1]["file"]
    assert "Image 1 stands as featured image of 1." in images("use", "1")[0]
    assert images("list", "1")[0].splitlines()[1].split()[:3] == ["1", "featured", "yes"]


def test_drawn_from_an_image_of_the_history_it_takes_the_place_of_the_one_that_stands(world, images):
    images("regenerate", "1", "--yes", *OFFLINE)
    out, _ = images("regenerate", "1", "--yes", "--prompt", "at dusk", *OFFLINE)
    assert "Image 8 took the place of 7, for 1 credit. `igny8 images use 7` brings the old one back." in out
    reasons = [reason for (reason,) in world.rows("SELECT reason FROM content_decision WHERE kind = 'redrawn'")]
    assert reasons == ["image 7 in place of 1", "image 8 in place of 7"]


def test_json_tells_what_was_drawn_and_what_it_took(images):
    answer = json.loads(images("regenerate", "1", "--yes", "--json", "--prompt", "at dusk", *OFFLINE)[0])
    assert answer["summary"] == {"image": 7, "former": 1, "credits": 1}
    assert answer["prompt"].endswith(". at dusk")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["regenerate", "99", "--yes"], 64, "there is no image 99"),
        (["list", "99"], 64, "there is no content 99"),
        (["use", "1"], 5, "is the one that stands"),
        (["regenerate", "1", "--yes", "--at", "+1d"], 64, "add --offline"),
        (["regenerate", "1", "--testing", "--live"], 64, "--testing and --live are two models"),
    ],
)
def test_what_cannot_be_is_told(images, words, code, told):
    assert told in images(*words, code=code)[1]


def test_a_key_that_is_missing_is_told_with_what_to_do_and_leaves_no_run(world, images, monkeypatch):
    monkeypatch.delenv("PAID_KEY", raising=False)
    paid = "  paid: {type: ai, adapter: openai, credentials: {api_key: {env: PAID_KEY}}}\n"
    world.write({"providers.yaml": FILES["providers.yaml"] + paid})
    world.write(edited("models.yaml", ("type: image\n    provider: samples\n    cost_per_image: \"0.053\"",
                                       "type: image\n    provider: paid\n    cost_per_image: \"0.053\"")))  # fmt: skip
    world.apply()
    before = world.counts("run")
    told = images("regenerate", "1", "--live", "--yes", code=8)[1]
    assert "PAID_KEY is not set" in told and "export PAID_KEY=..." in told
    assert world.counts("run") == before
