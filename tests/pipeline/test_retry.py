"""What happens after a failure, and when a request may go out: the two pure decisions about providers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.providers import Limits
from reconciler.pipeline.flow import (
    BREAK_AFTER,
    OPEN_SECONDS,
    Gate,
    Go,
    Sent,
    Traffic,
    WaitUntil,
    after_answer,
    after_headers,
    after_outage,
    after_pause,
    after_probe_sent,
    may_send,
)
from reconciler.pipeline.retry import (
    BACKOFF_MAX_SECONDS,
    PATIENCE_SECONDS,
    GiveUp,
    NextModel,
    RetryAt,
    Shorten,
    StopProvider,
    decide,
    shorten,
)
from reconciler.providers.port import Failure, RateWindow

NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)
QUIET = Traffic((), (), 0)


def after(error_class, number=1, attempts_max=4, retry_after=None, **more):
    failure = Failure(error_class, "reason", retry_after)
    return decide(failure, number, attempts_max, NOW, random.Random(1), **more)


@pytest.mark.parametrize(
    ("error_class", "expected"),
    [
        ("auth", StopProvider("reason")),
        ("quota", StopProvider("reason")),
        ("refused", GiveUp("reason")),
        ("bad_answer", GiveUp("reason")),
        ("unsupported", NextModel("reason", is_for_item=False)),
        ("too_long", Shorten()),
    ],
)
def test_what_waiting_does_not_mend_is_not_waited_for(error_class, expected):
    assert after(error_class) == expected


def test_a_request_is_shortened_once_only():
    assert after("too_long", was_shortened=True) == GiveUp("reason")


@pytest.mark.parametrize("error_class", ["rate_limited", "transient"])
def test_the_last_attempt_is_the_last(error_class):
    assert isinstance(after(error_class, 3), RetryAt)
    assert after(error_class, 4) == NextModel("reason")


@given(st.sampled_from(["rate_limited", "transient"]), st.floats(0, 10_000), st.integers(1, 3), st.integers())
def test_nobody_comes_back_before_the_provider_said(error_class, asked, number, seed):
    decision = decide(Failure(error_class, "m", asked), number, 4, NOW, random.Random(seed))
    if isinstance(decision, RetryAt):
        wait = (decision.at - NOW).total_seconds()
        assert asked - 1e-6 <= wait <= PATIENCE_SECONDS + 1e-6
    else:
        assert asked > PATIENCE_SECONDS - 1 - 1e-6, "only whoever asks for too much is not waited for"


@given(st.integers(1, 60), st.integers())
def test_waits_are_spread_out_and_bounded(number, seed):
    decision = decide(Failure("transient", "m"), number, 99, NOW, random.Random(seed))
    assert 0 <= (decision.at - NOW).total_seconds() <= min(BACKOFF_MAX_SECONDS, 2.0 ** (number - 1))


def test_two_workers_do_not_come_back_together():
    waits = {decide(Failure("transient", "m"), 3, 9, NOW, random.Random(seed)).at for seed in range(20)}
    assert len(waits) == 20


def test_shortening_leaves_the_items_alone():
    inputs = {"keywords": [1, 2, 3, 4], "existing_clusters": [1, 2, 3, 4], "site": {"name": "x"}}
    short, max_tokens = shorten(inputs, 8000)
    assert short == {"keywords": [1, 2, 3, 4], "existing_clusters": [1, 2], "site": {"name": "x"}}
    assert max_tokens == 4000
    assert shorten(inputs, 600)[1] == 600, "an answer that is short already stays as long"


@given(
    st.lists(st.tuples(st.floats(0, 59), st.integers(0, 500)), max_size=30),
    st.integers(1, 20), st.integers(100, 2000), st.integers(1, 900), st.integers(0, 10),
)  # fmt: skip
def test_what_goes_out_keeps_within_every_limit(past, per_minute, tokens_per_minute, tokens, in_flight):
    sent = tuple(sorted((Sent(NOW - timedelta(seconds=ago), used) for ago, used in past), key=lambda item: item.at))
    limits = Limits(requests_per_minute=per_minute, tokens_per_minute=tokens_per_minute, concurrency=4)
    passage = may_send(Gate(), Traffic(sent, sent, in_flight), limits, tokens, NOW)
    if isinstance(passage, Go):
        assert len(sent) < per_minute
        assert in_flight < 4
        assert sum(item.tokens for item in sent) + tokens <= tokens_per_minute or not sum(i.tokens for i in sent)
    else:
        assert passage.at > NOW
        later = tuple(item for item in sent if item.at > passage.at - timedelta(minutes=1))
        if in_flight < 4:
            assert isinstance(may_send(Gate(), Traffic(later, later, 0), limits, tokens, passage.at), Go), (
                "it was told when"
            )


def test_headers_and_a_word_from_the_provider_make_everybody_wait():
    gate = after_headers(Gate(), RateWindow(1, 30.0), NOW)
    assert may_send(gate, QUIET, Limits(), 10, NOW) == Go(is_clear=True)
    one = (Sent(NOW + timedelta(seconds=1), 10),)
    waits = may_send(gate, Traffic(one, one, 0), Limits(), 10, NOW + timedelta(seconds=2))
    assert waits == WaitUntil(NOW + timedelta(seconds=30), "the limits of the provider")
    assert may_send(after_pause(Gate(), 12.0, NOW), QUIET, Limits(), 1, NOW).at == NOW + timedelta(seconds=12)
    assert may_send(after_headers(Gate(), RateWindow(None, None, 0, 5.0), NOW), QUIET, Limits(), 1, NOW).at > NOW


def test_the_breaker_opens_lets_one_probe_through_and_closes_when_it_is_answered():
    gate = Gate()
    for _ in range(BREAK_AFTER - 1):
        gate = after_outage(gate, "down", NOW)
    assert isinstance(may_send(gate, QUIET, Limits(), 1, NOW), Go)
    gate = after_outage(gate, "down", NOW)
    assert may_send(gate, QUIET, Limits(), 1, NOW) == WaitUntil(NOW + timedelta(seconds=OPEN_SECONDS), "down", True)
    later = NOW + timedelta(seconds=OPEN_SECONDS)
    assert may_send(gate, QUIET, Limits(), 1, later) == Go(is_probe=True)
    probing = after_probe_sent(gate, later + timedelta(minutes=2))
    assert may_send(probing, QUIET, Limits(), 1, later).is_broken, "the others wait for the probe"
    assert may_send(probing, QUIET, Limits(), 1, later + timedelta(minutes=3)) == Go(is_probe=True), "a lost probe"
    worse = after_outage(probing, "still down", later)
    assert worse.open_until == later + timedelta(seconds=2 * OPEN_SECONDS)
    assert may_send(after_answer(probing), QUIET, Limits(), 1, later) == Go(is_clear=True)
