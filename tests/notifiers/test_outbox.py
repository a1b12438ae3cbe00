"""What happened is told at least once to every channel that wants it, and nothing is told that did not happen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from builder import FILES, World, edited
from receivers import mailbox, receiver
from standardwebhooks import Webhook as Verifier

from cli.main import run
from reconciler.clock import FixedClock, SystemClock
from reconciler.errors import UsageError
from reconciler.notifiers.again import ATTEMPTS_MAX, WAITS
from reconciler.operations.notify import deliver_due
from reconciler.store.runs import notify

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def declare(world: World, **channels: str) -> None:
    """Declare these channels, beside all else that the platform says."""
    lines = "".join(f"    {name}: {text}\n" for name, text in channels.items())
    world.write({"platform.yaml": FILES["platform.yaml"] + f"notifications:\n  channels:\n{lines}"})


def deliver(world: World, **options):
    return [
        (told.channel, told.event, told.error) for told in deliver_due(world.installation, world.database, **options)
    ]


def tell(world: World, event: str, text: str = "something happened") -> None:
    with world.database.write() as connection:
        notify(connection, event, text, world.clock.now(), account="acme", site="blog")


def states(world: World) -> dict[str, int]:
    return world.counts("outbox")


def test_an_apply_is_told_to_each_channel_that_wants_it(world, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", KEY)
    world.clock = FixedClock(SystemClock().now())
    with receiver() as there, mailbox() as box:
        declare(
            world,
            hook=f"{{type: webhook, url: {there.url}/hook, secret: {{env: HOOK_SECRET}}}}",
            chat=f"{{type: slack, url: {there.url}/chat, events: [applied]}}",
            post=f"{{type: email, server: smtp://127.0.0.1:{box.port}, sender: igny8@x.example, to: [ops@x.example]}}",
            other=f"{{type: webhook, url: {there.url}/other, events: [credits_low]}}",
        )
        world.apply(reason="spring")
        assert there.got == [], "nothing leaves the transaction but by the outbox"
        assert sorted(deliver(world)) == [("chat", "applied", ""), ("hook", "applied", ""), ("post", "applied", "")]
        assert deliver(world) == []
        tell(world, "credits_low")
        assert sorted(deliver(world)) == [
            ("hook", "credits_low", ""),
            ("other", "credits_low", ""),
            ("post", "credits_low", ""),
        ]
    hooks = [got for got in there.got if got.path == "/hook"]
    told = Verifier(KEY).verify(hooks[0].body, dict(hooks[0].headers))
    assert told["data"]["text"] == "Generation 1, by tester: 11 created, 0 updated, 0 deleted (spring)"
    assert len({got.headers["webhook-id"] for got in there.got}) == len(there.got), "each message has its own id"
    assert "Generation 1" in box.mails[0]["subject"]
    assert states(world) == {"delivered": 6}


def test_what_is_rolled_back_is_not_told(world):
    with receiver() as there:
        declare(world, hook=f"{{type: webhook, url: {there.url}}}")
        world.apply()
        deliver(world)
        with pytest.raises(ZeroDivisionError), world.database.write() as connection:
            notify(connection, "credits_low", "never", world.clock.now())
            raise ZeroDivisionError
        assert deliver(world) == []
        assert len(there.got) == 1


def test_a_dead_channel_stops_no_other_and_is_given_up_at_last(world):
    with receiver() as there:
        declare(
            world, dead="{type: webhook, url: http://127.0.0.1:9}", hook=f"{{type: webhook, url: {there.url}}}"
        )  # fmt: skip
        world.apply()
        refused = ("dead", "applied", "no answer: Connection refused")
        assert deliver(world) == [refused, ("hook", "applied", "")]
        for wait in WAITS:
            early = world.at(world.clock.now() + wait - timedelta(seconds=1))
            assert deliver(early) == []
            world = world.at(world.clock.now() + wait)
            assert deliver(world) == [refused]
        assert states(world) == {"dead": 1, "delivered": 1}
        assert world.rows("SELECT attempts, error FROM outbox WHERE state = 'dead'") == [(ATTEMPTS_MAX, refused[2])]
        declare(world, dead=f"{{type: webhook, url: {there.url}}}")
        world.apply()
        before = len(there.got)
        assert deliver(world, retry_dead=True, channels=["dead"]) == [("dead", "applied", "")] * 2
        assert len(there.got) == before + 2
        assert states(world) == {"delivered": 3}


def test_a_channel_that_fails_is_left_alone_until_the_next_pass(small_world):
    world = small_world
    with receiver() as there:
        there.answer = lambda got, number: (503, {"Retry-After": "300"})
        declare(world, hook=f"{{type: webhook, url: {there.url}, events: [credits_low]}}")
        world.apply()
        for _ in range(3):
            tell(world, "credits_low")
        assert len(deliver(world)) == 1
        assert len(there.got) == 1
        there.answer = lambda got, number: (200, {})
        assert len(deliver(world)) == 2
        later = world.at(world.clock.now() + timedelta(seconds=299))
        assert deliver(later) == [], "the receiver asked for 300 seconds"
        assert len(deliver(world.at(world.clock.now() + timedelta(seconds=300)))) == 1


def test_a_channel_that_is_declared_no_more_gets_nothing(small_world):
    world = small_world
    declare(world, hook="{type: webhook, url: http://127.0.0.1:9}")
    world.apply()
    world.write(edited("platform.yaml"))
    world.apply()
    assert deliver(world) == [("hook", "applied", "platform.yaml declares no such channel any more")]
    assert states(world) == {"dead": 1}


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        (
            "{type: webhook, url: http://127.0.0.1:9, secret: {env: NO_SUCH}}",
            "the environment variable NO_SUCH is not set",
        ),
        ("{type: webhook, url: http://127.0.0.1:9, secret: {env: WEAK}}", "is no key of Standard Webhooks"),
        ("{type: slack, secret_url: {env: WEAK}}", "the secret address is no https URL"),
        ("{type: slack, secret_url: {env: ADDRESS}}", "no answer: "),
    ],
)
def test_secrets_are_resolved_when_they_are_used_and_in_no_words(small_world, monkeypatch, channel, reason):
    monkeypatch.setenv("WEAK", "canary-weak")
    monkeypatch.setenv("ADDRESS", "http://127.0.0.1:9/canary-path")
    declare(small_world, hook=channel)
    small_world.apply()
    [(_, _, error)] = deliver(small_world)
    assert reason in error and "canary" not in error
    assert states(small_world) == {"pending": 1}, "what is missing today may be there tomorrow"


def test_a_mail_provider_of_the_catalogue_sends(small_world, monkeypatch):
    monkeypatch.setenv("MAIL_KEY", "right")
    with mailbox() as box:
        provider = f"  post: {{type: email, adapter: smtp, endpoint: 'smtp://us@127.0.0.1:{box.port}', credentials: {{api_key: {{env: MAIL_KEY}}}}}}\n"
        small_world.write({"providers.yaml": FILES["providers.yaml"] + provider})
        declare(small_world, people="{type: email, sender: a@x.example, to: [b@x.example]}")
        small_world.apply()
        assert deliver(small_world) == [("people", "applied", "")]
        assert box.logins == [("us", "right")]
        assert len(box.mails) == 1


def test_a_name_that_is_no_channel_is_refused_with_those_that_are(small_world):
    declare(small_world, hook="{type: webhook, url: http://127.0.0.1:9}")
    small_world.apply()
    with pytest.raises(UsageError, match="there is no channel 'hok'"):
        deliver(small_world, channels=["hok"])


@pytest.mark.parametrize(("kill_at", "sent"), [(1, 0), (2, 1)], ids=["before it is sent", "before the mark"])
def test_killed_around_a_delivery_it_is_told_again_under_the_same_id(world, processes, kill_at, sent):
    with receiver() as there:
        declare(world, hook=f"{{type: webhook, url: {there.url}}}")
        world.apply()
        killed = processes.on(world, "notify", "flush", kill_at=kill_at, begins_with="UPDATE outbox")
        assert killed.code == -signal.SIGKILL
        assert len(there.got) == sent
        done = processes.on(world, "notify", "flush")
        assert (done.code, done.stdout) == (0, "Delivered 1, failed 0.\n"), done.stderr
        assert len(there.got) == sent + 1
        assert len({got.headers["webhook-id"] for got in there.got}) == 1
        assert processes.on(world, "notify", "flush").stdout == "Nothing is waiting.\n"


def test_an_apply_that_was_killed_tells_exactly_what_it_did(world, processes):
    """SIGKILL at the last steps of an apply, around its commit: either it is done and told, or neither."""
    world.clock = FixedClock(SystemClock().now() + timedelta(hours=1))
    with receiver() as there:
        declare(world, hook=f"{{type: webhook, url: {there.url}}}")
        world.apply()
        deliver(world)
        world.write(edited("sites/blog.yaml", ('"02:00"', '"03:00"')))
        whole = processes.on(world, "apply", "--yes")
        assert whole.code == 0, whole.stderr
        deliver(world)
        seen = set()
        for back in range(6):
            time = f"0{4 + back % 5}:00"
            text = (world.root / "sites/blog.yaml").read_text()
            (world.root / "sites/blog.yaml").write_text(
                text.replace(text[text.index('time: "') : text.index('time: "') + 13], f'time: "{time}"')
            )  # fmt: skip
            before, told = generation(world), len(there.got)
            killed = processes.on(world, "apply", "--yes", kill_at=whole.steps - back)
            assert killed.code in (0, -signal.SIGKILL), killed.stderr
            deliver(world)
            done = generation(world) - before
            assert len(there.got) - told == done
            seen.add(done)
        assert seen == {0, 1}, "some of the kills were before the commit, some after"


def generation(world: World) -> int:
    return world.rows("SELECT max(generation) FROM history")[0][0]


def test_the_command_line_tells_what_was_delivered_and_what_not(small_world, capsys):
    world = small_world
    words = ["-C", str(world.root), "--db", world.database.url, "notify"]
    with receiver() as there:
        declare(world, hook=f"{{type: webhook, url: {there.url}}}", dead="{type: slack, url: http://127.0.0.1:9}")
        assert run([*words, "list"]) == 0
        assert capsys.readouterr().out == "There are no messages.\n"
        world.apply()
        assert run([*words, "flush"]) == 7
        assert capsys.readouterr().out == (
            "Delivered 1, failed 1.\n  dead: applied: no answer: Connection refused (tried again later)\n"
        )
        assert run([*words, "list"]) == 0
        told = capsys.readouterr().out
        assert "delivered" in told and "pending" in told and "Connection refused" in told
        assert run([*words, "list", "--state", "delivered", "--limit", "1", "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer["summary"] == {"total": 1, "shown": 1, "states": {"delivered": 1, "pending": 1}}
        assert answer["messages"][0]["channel"] == "hook"
        assert run([*words, "list", "--channel", "hook", "--limit", "1", "--offset", "1"]) == 0
        capsys.readouterr()
        assert run([*words, "flush", "--json", "--at", "+1h", "--retry-dead"]) == 7
        assert json.loads(capsys.readouterr().out)["summary"] == {"delivered": 0, "failed": 1}


def test_a_channel_is_tried_out_before_anything_is_applied(small_world, capsys):
    world = small_world
    words = ["-C", str(world.root), "--db", world.database.url, "notify", "test"]
    with receiver() as there:
        declare(world, hook=f"{{type: webhook, url: {there.url}}}", dead="{type: slack, url: http://127.0.0.1:9}")
        assert run([*words, "hook"]) == 0
        assert capsys.readouterr().out == "Delivered to hook.\n"
        assert json.loads(there.got[0].body)["type"] == "test"
        assert run([*words, "dead"]) == 8
        assert "dead: no answer: Connection refused" in capsys.readouterr().err
        assert run([*words, "hook", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["summary"] == {"delivered": True}
        assert run([*words, "hok"]) == 64
        assert "did you mean `hook`" in capsys.readouterr().err


def test_the_reconciler_delivers_in_every_pass_and_a_dead_channel_fails_none(world):
    command = [sys.executable, "-c", "from cli.main import main; main()", "-C", str(world.root), "--db", world.database.url,
               "reconcile", "--once", "--offline", "--no-delays", "--log-format", "json"]  # fmt: skip
    with receiver() as there:
        declare(world, hook=f"{{type: webhook, url: {there.url}}}", dead="{type: slack, url: http://127.0.0.1:9}")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert [item["event"] for item in told] == ["applied", "notified", "notify_failed"]
        assert (told[2]["channel"], told[2]["dead"]) == ("dead", False)
        assert [json.loads(got.body)["type"] for got in there.got] == ["applied"]
