"""How scatter beyond chance is measured, and that it tempers evidence without ever inventing any."""

from dataclasses import replace

import numpy as np
import pytest
from modelrollout.judge import dispersion, evidence, guardrails, rules
from modelrollout.judge.arrays import Floats
from modelrollout.judge.dispersion import SCALES, Kind, Prior, Scatter
from scipy import stats

LOOKS = 720


def watched(*looks: Floats) -> Scatter:
    scatter = dispersion.start(looks[0].shape[1])
    for look in zip(*looks, strict=True):
        scatter = dispersion.watch(scatter, *look)
    return scatter


def of_arms(candidate: Floats, of: Floats, baseline: Floats, of_baseline: Floats) -> Floats:
    """phi of arms whose events and requests per look are [looks, runs]."""
    return dispersion.factor(watched(*dispersion.between_arms(candidate, of, baseline, of_baseline)), Kind.ARMS)


def by_hand(parts: Floats, wholes: Floats) -> float:
    """phi of one run of the kind means, batch by batch as the definition has it."""
    f = parts.sum() / wholes.sum()
    found = []
    for scale in SCALES.astype(int):
        batches = len(parts) // scale
        x, y = (array[: batches * scale].reshape(batches, scale).sum(axis=1) for array in (parts, wholes))
        trust = batches if batches >= 10 else 0
        observed = ((x - f * y) ** 2).sum() / y.sum()
        found.append((20 + trust * observed) / (20 + trust) if trust else 1.0)
    return max(1.0, *found)


def test_it_is_the_batch_means_estimate_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    wholes = rng.poisson(40, LOOKS).astype(float)
    parts = rng.normal(0.3 * wholes, 2 * np.sqrt(wholes))

    phi = dispersion.factor(watched(parts[:, None], wholes[:, None]), Kind.MEANS).item()

    assert phi == pytest.approx(by_hand(parts, wholes))
    assert phi > 2


def test_a_look_is_compared_as_its_requests_were_dealt_out() -> None:
    """3 of 10 and 20 of 90: of 23 events a tenth was expected, give or take the hypergeometric variance."""
    part, whole, share = dispersion.between_arms(*(np.array([value]) for value in (3.0, 10.0, 20.0, 90.0)))

    assert share.item() == 0.1
    assert part.item() == pytest.approx(3 - 23 * 0.1)
    assert whole.item() == pytest.approx(stats.hypergeom(100, 23, 10).var() * 99 / 100)


@pytest.mark.parametrize("counts", [(0, 0, 5, 90), (1, 10, 0, 0), (0, 10, 0, 90), (10, 10, 90, 90), (0, 0, 0, 0)])
def test_what_cannot_be_compared_is_no_look(counts: tuple[int, ...]) -> None:
    _, whole, _ = dispersion.between_arms(*(np.array([float(count)]) for count in counts))

    assert whole.item() == 0


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_independent_requests_are_tempered_little(rate: float) -> None:
    rng = np.random.default_rng(2)
    of, of_baseline = (rng.poisson(mean, (LOOKS, 400)).astype(float) for mean in (75, 1425))
    events, others = (rng.binomial(total.astype(int), rate).astype(float) for total in (of, of_baseline))

    phi = of_arms(events, of, others, of_baseline)

    assert np.median(phi) < 1.15
    assert np.quantile(phi, 0.95) < 1.6


def test_a_real_difference_between_the_arms_is_no_scatter() -> None:
    rng = np.random.default_rng(3)
    of, of_baseline = np.full((LOOKS, 100), 300.0), np.full((LOOKS, 100), 2700.0)
    events, others = rng.binomial(300, 0.04, of.shape), rng.binomial(2700, 0.005, of.shape)  # eight times as many

    phi = of_arms(events.astype(float), of, others.astype(float), of_baseline)

    assert np.median(phi) < 1.15


def test_how_predictions_are_dealt_out_to_the_arms_is_no_scatter() -> None:
    """Eight predictions come in one request, and labels of the stage before in the first looks."""
    rng = np.random.default_rng(8)
    of = 8 * rng.binomial(100, np.where(np.arange(LOOKS) < 3, 0.05, 0.5)[:, None], (LOOKS, 100)).astype(float)
    wrong, wrong_of_baseline = (rng.binomial(total.astype(int), 0.35).astype(float) for total in (of, 800 - of))

    phi = of_arms(wrong, of, wrong_of_baseline, 800 - of)

    assert np.median(phi) < 1.15
    assert np.quantile(phi, 0.95) < 1.6


def test_predictions_of_a_request_that_fail_together_are_scatter() -> None:
    rng = np.random.default_rng(9)
    requests = rng.binomial(100, 0.5, (LOOKS, 1))
    wrong, wrong_of_baseline = (8.0 * rng.binomial(count, 0.35) for count in (requests, 100 - requests))

    phi = of_arms(wrong, 8.0 * requests, wrong_of_baseline, 800 - 8.0 * requests)

    assert phi.item() == pytest.approx(8, rel=0.25)


def test_a_new_stage_is_measured_around_its_own_difference() -> None:
    rng = np.random.default_rng(4)
    scatter = dispersion.start(50)
    for rate in (0.01, 0.05):
        scatter = dispersion.begin_stage(scatter, Kind.ARMS)
        for _ in range(LOOKS // 2):
            events, others = (rng.binomial(1500, share, 50).astype(float) for share in (rate, 0.01))
            totals = np.full(50, 1500.0)
            scatter = dispersion.watch(scatter, *dispersion.between_arms(events, totals, others, totals))

    assert np.median(dispersion.factor(scatter, Kind.ARMS)) < 1.3


def test_sessions_are_seen_in_single_looks_and_slow_noise_in_long_batches() -> None:
    rng = np.random.default_rng(5)
    total, others = np.full((LOOKS, 1), 4000.0), rng.binomial(4000, 0.1, (LOOKS, 1)).astype(float)
    sessions = 20.0 * rng.binomial(200, 0.1, (LOOKS, 1))
    noise = np.zeros((LOOKS, 1))
    for look in range(1, LOOKS):
        noise[look] = 0.95 * noise[look - 1] + 0.1 * rng.normal()
    slow = rng.binomial(4000, np.clip(0.1 * np.exp(noise), 0, 1)).astype(float)

    of_sessions, of_noise = (of_arms(events, total, others, total).item() for events in (sessions, slow))

    assert of_sessions == pytest.approx((20 + 1) / 2, rel=0.25)  # only one of the arms has them
    assert of_noise > 3


def test_history_is_translated_to_the_share_that_is_compared() -> None:
    """Slow noise of one arm grows with f (1 - f); what clusters within a look does not."""
    prior = Prior((2.0, 2.0, 6.0, 6.0, 6.0), (100.0,) * 5, share=0.5)

    at = {w: dispersion.factor(dispersion.start(1), Kind.ARMS, prior, w).item() for w in (0.5, 0.05)}

    assert at[0.5] == pytest.approx(6)
    assert at[0.05] == pytest.approx(2 + 4 * 0.05 * 0.95 / 0.25)


def test_a_history_of_equal_replicas_is_what_their_counts_show() -> None:
    rng = np.random.default_rng(6)
    one, others = (10.0 * rng.binomial(200, 0.05, 2880) for _ in range(2))
    total = np.full(2880, 2000.0)

    prior = dispersion.prior_between(one, 0.5 * total, others, 1.5 * total)

    assert prior.share == pytest.approx(0.25)
    prior = dispersion.prior_between(one, total, others, total)
    assert prior.ratios[:3] == pytest.approx((10, 10, 10), rel=0.25)
    assert prior.trust[0] == 2880


@pytest.mark.parametrize("length", [0, 5])
def test_a_history_too_short_believes_in_independence(length: int) -> None:
    assert dispersion.prior_over_time([1.0] * length, [10.0] * length) == dispersion.NO_HISTORY


def test_a_look_without_events_changes_nothing() -> None:
    scatter = watched(np.array([[3.0]]), np.array([[9.0]]))

    after = dispersion.watch(scatter, np.array([0.0]), np.array([0.0]))

    for before, now in zip(vars(scatter).values(), vars(after).values(), strict=True):
        np.testing.assert_array_equal(before, now)


def test_scatter_never_makes_evidence_stronger() -> None:
    """Whatever was seen before: a tempered gain is smaller, and so is a tempered loss."""
    rule = rules.error_ratio("errors", floor=0)
    block = evidence.counts(300, 12, 900, 9)
    plain = guardrails.advance(rule, guardrails.start(rule), block, 1, 1, fixed_dispersion=1)
    tempered = guardrails.advance(rule, guardrails.start(rule), block, 1, 1, fixed_dispersion=3)

    free, held = (guardrails.read(rule, state) for state in (plain, tempered))

    assert 0 < held.log_e_fail.item() < free.log_e_fail.item()
    assert free.log_e_pass.item() < held.log_e_pass.item() < 0


def test_a_history_of_noise_tempers_from_the_first_look() -> None:
    rule = rules.error_ratio("errors", floor=0)
    noisy = replace(rule, prior=Prior((1.0, 4.0, 4.0, 4.0, 4.0), (50.0,) * 5))
    block = evidence.counts(500, 12, 500, 3, candidate_share=0.5)

    plain, tempered = (
        guardrails.read(one, guardrails.advance(one, guardrails.start(one), block, 1, 1)).log_e_fail.item()
        for one in (rule, noisy)
    )

    assert 0 < tempered < plain / 2
