import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from handrail.breaker import Bins, Detector, DetectorState, advance, by_hour, delays, is_stale, level, path
from handrail.errors import BadInput

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONTH = timedelta(days=30)
DETECTOR = Detector(0.03, 0.05, 0.05, MONTH)
EAGER = Detector(0.03, 0.05, 0.5, timedelta(hours=10))
"""Alarms at an evidence of 20: a few rejections."""

hours = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40)
"""Per hour: good reviews and rejections; hours without either come often."""


def bins(counts: list[tuple[int, int]], first: int = 500_000) -> Bins:
    held = [(first + at, good + bad, bad) for at, (good, bad) in enumerate(counts) if good + bad]
    columns = np.array(held, dtype=np.int64).reshape(-1, 3).T
    return Bins(columns[0], columns[1], columns[2])


def naive(detector: Detector, counts: list[tuple[int, int]]) -> tuple[list[float], list[float]]:
    """M of every alternative by the recursion as it is written, look by look; and the mean after each look."""
    evidence, means = [0.0] * len(detector.alternatives), []
    begun = False
    for good, bad in counts:
        begun = begun or good + bad > 0
        if not begun:
            continue
        for which, p1 in enumerate(map(float, detector.alternatives)):
            p0 = detector.healthy_rate
            ratio = (p1 / p0) ** bad * ((1 - p1) / (1 - p0)) ** good
            evidence[which] = ratio * (1 + evidence[which])
        means.append(sum(evidence) / len(evidence))
    return evidence, means


@given(hours)
def test_the_evidence_equals_the_recursion_by_plain_floats(counts: list[tuple[int, int]]) -> None:
    counts = [*counts, (1, 0)]
    state = advance(DETECTOR, None, bins(counts))
    expected, means = naive(DETECTOR, counts)
    assert state is not None
    assert np.exp(state.log_evidence) == pytest.approx(expected, rel=1e-9)
    assert level(DETECTOR, state, state.looked_until) == pytest.approx(means[-1] / 14_400, rel=1e-9)


@given(hours)
def test_the_alarm_is_the_first_hour_with_a_rejection_whose_evidence_suffices(counts: list[tuple[int, int]]) -> None:
    state = advance(EAGER, None, bins(counts))
    first = next((at for at, (good, bad) in enumerate(counts) if good + bad), 0)
    _, means = naive(EAGER, counts)
    wanted = [at for at, mean in enumerate(means, first) if mean >= 20 and counts[at][1]]
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=500_000 + wanted[0]) if wanted else None
    assert (state.alarm_at if state else None) == expected


@given(hours, st.lists(st.integers(0, 40), max_size=4))
def test_folding_in_pieces_gives_the_same_state_to_the_last_bit(counts: list[tuple[int, int]], cuts: list[int]) -> None:
    whole = bins(counts)
    state: DetectorState | None = None
    edges = sorted({0, *(min(cut, len(whole)) for cut in cuts), len(whole)})
    for begin, end in pairwise(edges):
        part = Bins(whole.hours[begin:end], whole.reviewed[begin:end], whole.rejected[begin:end])
        state = advance(EAGER, state, part)
    assert state == advance(EAGER, None, whole)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 30))
def test_an_hour_in_two_pieces_holds_the_evidence_of_one(rejected: list[bool], cut: int) -> None:
    at = [START + timedelta(minutes=1 + 20 * number) for number in range(len(rejected))]
    at_once = advance(DETECTOR, None, by_hour(at, rejected))
    pieces = advance(DETECTOR, None, by_hour(at[:cut], rejected[:cut]))
    pieces = advance(DETECTOR, pieces, by_hour(at[cut:], rejected[cut:]))
    assert at_once is not None
    assert pieces is not None
    assert (pieces.looked_until, pieces.reviewed, pieces.rejected, pieces.since) == (
        at_once.looked_until,
        at_once.reviewed,
        at_once.rejected,
        at_once.since,
    )
    assert pieces.log_evidence == pytest.approx(at_once.log_evidence, rel=1e-12, abs=1e-12)


def test_late_reviews_and_a_clock_that_goes_back_make_no_further_look() -> None:
    state = advance(DETECTOR, None, by_hour([START], [False]))
    late = advance(DETECTOR, state, by_hour([START - 5 * HOUR], [True]))
    assert state is not None
    assert late is not None
    refused, _ = DETECTOR.steps
    assert late.looked_until == state.looked_until
    assert late.log_evidence == pytest.approx(np.array(state.log_evidence) + refused)
    assert level(DETECTOR, state, START - MONTH) == level(DETECTOR, state, START)


def test_hours_without_a_review_are_looks_too() -> None:
    state = advance(DETECTOR, None, by_hour([START], [False]))
    assert state is not None
    before, after = (level(DETECTOR, state, START + hours) for hours in (0 * HOUR, 7 * HOUR))
    assert (after - before) * DETECTOR.threshold == pytest.approx(7)


def test_silence_is_no_alarm_however_long() -> None:
    years = advance(EAGER, None, by_hour([START, START + 90 * MONTH], [False, False]))
    assert years is not None
    assert level(EAGER, years, years.looked_until) > 1
    assert years.alarm_at is None


def test_looking_begins_afresh_after_a_horizon_of_silence() -> None:
    state = advance(DETECTOR, None, by_hour([START], [True]))
    assert state is not None
    assert not is_stale(DETECTOR, state, START + MONTH)
    assert is_stale(DETECTOR, state, START + MONTH + timedelta(seconds=1))


def test_an_alarm_stays_whatever_follows() -> None:
    state = advance(EAGER, None, by_hour([START] * 5, [True] * 5))
    assert state is not None
    later = advance(EAGER, state, by_hour([START + 9 * HOUR] * 500, [False] * 500))
    assert later is not None
    assert later.alarm_at == state.alarm_at == START
    assert level(EAGER, later, later.looked_until) < 1


def test_nothing_reviewed_is_no_state() -> None:
    assert advance(DETECTOR, None, by_hour([], [])) is None
    assert path(DETECTOR, by_hour([], [])) == []
    assert level(DETECTOR, None, START) == 0
    state = advance(DETECTOR, None, by_hour([START], [True]))
    assert advance(DETECTOR, state, by_hour([], [])) == state


def test_the_path_ends_where_the_state_stands() -> None:
    at = [START + number * HOUR for number in (0, 0, 1, 5, 5, 9)]
    folded = by_hour(at, [True, False, False, True, True, False])
    state, steps = advance(DETECTOR, None, folded), path(DETECTOR, folded)
    assert state is not None
    assert [step.reviewed for step in steps] == [2, 1, 2, 1]
    assert sum(step.rejected for step in steps) == state.rejected == 3
    assert steps[-1].level == level(DETECTOR, state, state.looked_until)


@given(st.floats(0.001, 0.9), st.floats(0.001, 1.0), st.floats(0.001, 0.999))
def test_every_alternative_lies_above_the_healthy_rate_and_below_one(p0: float, limit: float, budget: float) -> None:
    if limit <= p0:
        with pytest.raises(BadInput, match="limit above"):
            Detector(p0, limit, budget, MONTH)
        return
    assume(limit - p0 > 1e-9)  # nearer than that a number between them is one of them
    detector = Detector(p0, limit, budget, MONTH)
    assert ((p0 < detector.alternatives) & (detector.alternatives < 1)).all()
    # At the healthy rate the evidence is expected to grow by nothing but its restarts: that is the bound.
    refused, good = (np.exp(step) for step in detector.steps)
    assert p0 * refused + (1 - p0) * good == pytest.approx(np.ones(len(refused)))
    assert detector.looks / detector.threshold == pytest.approx(budget)


@pytest.mark.parametrize(("budget", "horizon"), [(0, MONTH), (1, MONTH), (math.nan, MONTH), (0.05, HOUR / 2)])
def test_a_promise_that_cannot_be_kept_is_refused(budget: float, horizon: timedelta) -> None:
    with pytest.raises(BadInput, match="budget between 0 and 1"):
        Detector(0.03, 0.05, budget, horizon)


def test_false_alarms_stay_below_the_budget_and_eight_per_cent_is_found() -> None:
    # Brute force, one review after the other; `benchmarks/breaker.py` does it at length.
    rng, alarms, found = np.random.default_rng(3), 0, []
    for _ in range(60):
        for rate in (0.03, 0.08):
            reviewed = rng.poisson(20, 120)
            at = np.repeat(np.arange(120), reviewed)
            flags = rng.random(len(at)) < rate
            folded = np.unique(at)
            counts = [(int((at == hour).sum()), int(flags[at == hour].sum())) for hour in folded]
            state = advance(DETECTOR, None, bins([(n - k, k) for n, k in counts]))
            assert state is not None
            alarms += rate == 0.03 and state.alarm_at is not None
            if rate == 0.08:
                found.append(math.inf if state.alarm_at is None else (state.alarm_at - state.since) / HOUR)
    assert alarms / 60 <= 0.05
    assert 8 <= np.median(found) <= 20


@settings(deadline=None, max_examples=15)
@given(st.sampled_from([0.2, 0.7, 1.0, 6.0]), st.integers(0, 9))
def test_simulated_delays_are_those_of_the_detector(volume: float, seed: int) -> None:
    """The same chance, folded through `advance`, alarms in the same hour."""
    (delay,) = delays(EAGER, 0.3, volume, rng=np.random.default_rng(seed), runs=1, at_most=timedelta(days=20))
    rng, counts, hour = np.random.default_rng(seed), [], 0
    while hour < 480:
        looks, reviewed = (int(rng.geometric(volume, 1)[0]), 1) if volume < 1 else (1, int(rng.poisson(volume, 1)[0]))
        hour += looks
        rejected = int(rng.binomial([reviewed], 0.3)[0])
        counts.append((hour, reviewed, rejected))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    begun = DetectorState(epoch, epoch, (-math.inf,) * len(EAGER.alternatives), 0, 0)
    columns = np.array([row for row in counts if row[1]], dtype=np.int64).T
    state = advance(EAGER, begun, Bins(*columns))
    assert state is not None
    assert delay == (math.inf if state.alarm_at is None else (state.alarm_at - epoch) / HOUR)


def test_no_volume_finds_nothing_and_a_wrong_one_is_refused() -> None:
    assert np.isinf(delays(DETECTOR, 0.5, 0, rng=np.random.default_rng(1), runs=3)).all()
    with pytest.raises(BadInput, match="volume of 0 or more"):
        delays(DETECTOR, 0.5, -1, rng=np.random.default_rng(1))
