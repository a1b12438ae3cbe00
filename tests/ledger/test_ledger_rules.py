"""Prices, estimates and postings: the figures of the domain, and laws over all others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.models import Model
from reconciler.ledger.estimate import Admitted, Limits, Refused, admit_images, admit_text, stage_budget
from reconciler.ledger.pricing import UnknownPriceError, cost_of, credits_of, rates_of, revenue_of
from reconciler.ledger.transfers import (
    Part,
    Usable,
    first_of,
    grant_postings,
    month_name,
    move_postings,
    settle_postings,
    take_in_turn,
)
from reconciler.money import divide_half_up, divide_up, format_percent, format_usd, parse_usd, percent_tenths, usd_text
from reconciler.usage import Usage

GPT = Model(
    type="text", provider="p", cost_per_1k_input="0.00125", cost_per_1k_cached_input="0.000125",
    cost_per_1k_output="0.01", tokens_per_credit=1000,
)  # fmt: skip
MINI = Model(
    type="text", provider="p", cost_per_1k_input="0.00015", cost_per_1k_output="0.0006", tokens_per_credit=10_000
)  # fmt: skip
DALLE = Model(type="image", provider="p", cost_per_image="0.040", credits_per_image=5)
SIZED = Model(
    type="image", provider="p", cost_per_image={"1024x1024/standard": "0.053"}, cost_per_1k_input="0.005",
    cost_per_1k_output="0.03", credits_per_image=8,
)  # fmt: skip


def test_5000_tokens_are_5_credits_of_the_live_model_and_1_of_the_testing_model():
    usage = Usage(input_tokens=2000, output_tokens=3000)
    assert credits_of(usage, rates_of("gpt", GPT)) == 5
    assert credits_of(usage, rates_of("mini", MINI)) == 1


def test_a_started_credit_is_a_whole_credit():
    assert credits_of(Usage(input_tokens=1001), rates_of("gpt", GPT)) == 2


def test_the_domains_image_example_has_a_margin_of_6_cents_60_percent_and_a_markup_of_150_percent():
    usage, rates = Usage(images=1), rates_of("dall-e-3", DALLE)
    cost = cost_of(usage, rates).total_nano
    revenue = revenue_of(credits_of(usage, rates), parse_usd("0.02"))
    assert (cost, revenue) == (parse_usd("0.04"), parse_usd("0.1"))
    assert format_usd(revenue - cost, 2) == "$0.06"
    assert format_percent(percent_tenths(revenue - cost, revenue)) == "60.0 %"
    assert format_percent(percent_tenths(revenue - cost, cost)) == "150.0 %"


def test_one_token_of_the_cheapest_model_is_exact():
    assert cost_of(Usage(input_tokens=1), rates_of("mini", MINI)).total_nano == 150


def test_cached_tokens_cost_their_own_rate():
    cost = cost_of(Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=100), rates_of("gpt", GPT))
    assert cost.input_nano == 600 * 1250 + 400 * 125
    assert cost.output_nano == 100 * 10_000


def test_what_the_provider_reports_decides_and_is_marked():
    cost = cost_of(Usage(images=1), rates_of("dall-e-3", DALLE), reported=parse_usd("0.0312"))
    assert (cost.total_nano, cost.basis) == (31_200_000, "reported")


def test_an_image_model_priced_by_tokens_costs_by_tokens_when_the_provider_counts_them():
    rates = rates_of("sized", SIZED, size="1024x1024", quality="standard")
    assert cost_of(Usage(images=1), rates).total_nano == parse_usd("0.053")
    assert cost_of(Usage(input_tokens=100, output_tokens=1000, images=1), rates).total_nano == parse_usd("0.0305")
    assert credits_of(Usage(input_tokens=100, output_tokens=1000, images=1), rates) == 8
    assert cost_of(Usage(input_tokens=100, images=1), rates).total_nano == parse_usd("0.053"), (
        "the image was not counted"
    )


def test_an_unknown_price_is_an_error_and_never_zero():
    with pytest.raises(UnknownPriceError):
        rates_of("sized", SIZED, size="512x512", quality="standard")


def test_a_call_that_fits_no_limit_says_what_it_needs_and_what_is_there():
    rates = rates_of("google:4@2", DALLE.model_copy(update={"credits_per_image": 15}))
    refused = admit_images(rates, 1, Limits(stage=None, site_month=None, account_month=None, available=14))
    assert refused == Refused(15, 14)
    assert refused.reason == "Insufficient credits. Required: 15, Available: 14"


def test_a_text_call_is_clamped_to_what_is_left_and_stops_below_1000_output_tokens():
    rates = rates_of("gpt", GPT)
    limits = Limits(stage=3, site_month=None, account_month=None, available=100)
    assert admit_text(rates, 500, 8192, limits) == Admitted(3, 2500, clamped=True)
    assert isinstance(admit_text(rates, 2100, 8192, limits), Refused)


def test_a_stage_gets_its_share_rounded_down():
    assert stage_budget(999, 40) == 399


@given(st.integers(1, 10**6), st.integers(0, 10**5), st.integers(1, 10**5), st.integers(0, 10**4))
def test_an_admitted_call_never_holds_more_than_the_smallest_limit(tokens_per_credit, input_tokens, max_tokens, left):
    rates = rates_of("m", GPT.model_copy(update={"tokens_per_credit": tokens_per_credit}))
    limits = Limits(stage=left, site_month=left + 5, account_month=None, available=left + 7)
    admitted = admit_text(rates, input_tokens, max_tokens, limits)
    if isinstance(admitted, Admitted):
        assert admitted.credits <= left
        worst = Usage(input_tokens=input_tokens, output_tokens=admitted.max_tokens)
        assert credits_of(worst, rates) <= admitted.credits
        assert admitted.max_tokens <= max_tokens


PARTS = st.lists(st.integers(1, 10**9), max_size=6).map(
    lambda sizes: tuple(Part(number, credits) for number, credits in enumerate(sizes, 1))
)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
LOTS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 3), st.sampled_from([None, -1, 0, 1, 24])), max_size=6
).map(
    lambda lots: [
        Usable(number, available, turn, None if hours is None else NOON + timedelta(hours=hours))
        for number, (available, turn, hours) in enumerate(lots, 1)
    ]
)


@given(PARTS, st.integers(0, 10**6), st.data())
def test_the_legs_of_every_transfer_sum_to_zero_also_lot_by_lot(parts, absorbed, data):
    taken = data.draw(st.integers(0, sum(part.credits for part in parts)))
    for legs in (
        *(grant_postings(part) for part in parts), move_postings(parts, "available", "held"),
        settle_postings(parts, taken, absorbed),
    ):  # fmt: skip
        for lot in {leg.lot for leg in legs}:
            assert sum(leg.credits for leg in legs if leg.lot == lot) == 0
    spent = sum(leg.credits for leg in settle_postings(parts, taken) if leg.book == "spent")
    assert spent == taken


def test_nothing_is_taken_beyond_a_hold():
    with pytest.raises(ValueError, match="cannot take 6"):
        settle_postings((Part(1, 5),), 6)
    with pytest.raises(ValueError, match="1 credits are missing"):
        first_of((Part(1, 5),), 6)


def test_credits_are_taken_by_turn_then_by_what_expires_sooner_then_by_age():
    lots = [
        Usable(1, 5, 80, None),
        Usable(2, 5, 50, None),
        Usable(3, 5, 50, NOON + timedelta(days=9)),
        Usable(4, 5, 50, NOON + timedelta(days=2)),
        Usable(5, 5, 20, NOON + timedelta(days=30)),
        Usable(6, 5, 20, NOON),
    ]
    taken = take_in_turn(lots, 23, NOON)
    assert taken == (Part(5, 5), Part(4, 5), Part(3, 5), Part(2, 5), Part(1, 3)), "the sixth has just expired"


@given(LOTS, st.integers(0, 200))
def test_what_is_taken_is_what_was_asked_for_whatever_the_order_of_the_lots(lots, credits):
    taken = take_in_turn(lots, credits, NOON)
    assert taken == take_in_turn(reversed(lots), credits, NOON)
    usable = {lot.id: lot.available for lot in lots if lot.expires_at is None or lot.expires_at > NOON}
    if taken is None:
        assert sum(usable.values()) < credits
    else:
        assert sum(part.credits for part in taken) == credits
        assert all(0 < part.credits <= usable[part.lot] for part in taken)


@pytest.mark.parametrize(
    ("instant", "month"),
    [
        ("2026-11-30T23:59:59.999999+00:00", "2026-11"),
        ("2026-12-01T00:00:00+00:00", "2026-12"),
        ("2026-12-01T00:30:00+01:00", "2026-11"),
        ("2026-03-29T03:00:00+02:00", "2026-03"),
        ("2026-10-25T02:30:00+01:00", "2026-10"),
    ],
)
def test_months_are_those_of_utc_wherever_the_clock_stands(instant, month):
    assert month_name(datetime.fromisoformat(instant)) == month


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_half_rounds_away_from_zero(numerator, denominator):
    rounded = divide_half_up(numerator, denominator)
    assert abs(rounded * denominator - numerator) * 2 <= denominator
    assert divide_half_up(-numerator, denominator) == -rounded


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_up_is_the_least_that_covers(numerator, denominator):
    assert (divide_up(numerator, denominator) - 1) * denominator < max(numerator, 1)
    assert divide_up(numerator, denominator) * denominator >= numerator


@given(st.integers(0, 10**18 - 1))
def test_amounts_survive_text(nano):
    assert parse_usd(usd_text(nano)) == nano


@pytest.mark.parametrize("text", ["", "abc", "1e400", "NaN", "Infinity", "0.0000000001"])
def test_what_is_no_exact_amount_is_refused(text):
    with pytest.raises(ValueError, match="decimal"):
        parse_usd(text)


def test_a_negative_margin_is_shown():
    assert format_percent(percent_tenths(-5, 100)) == "-5.0 %"
    assert format_usd(-1_500_000_000, 2) == "-$1.50"
    assert percent_tenths(5, 0) == 0
