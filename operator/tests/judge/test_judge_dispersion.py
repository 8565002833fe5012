"""How scatter beyond chance is measured, and that it tempers evidence without ever inventing any."""

from dataclasses import replace

import numpy as np
import pytest
from modelrollout.judge import dispersion, evidence, guardrails, rules
from modelrollout.judge.arrays import Floats
from modelrollout.judge.dispersion import SCALES, Kind, Prior, Scatter

LOOKS = 720


def watched(parts: Floats, wholes: Floats, requests: Floats) -> Scatter:
    scatter = dispersion.start(parts.shape[1])
    for part, whole, of in zip(parts, wholes, requests, strict=True):
        scatter = dispersion.watch(scatter, part, whole, of)
    return scatter


def by_hand(parts: Floats, wholes: Floats, requests: Floats) -> float:
    """The same for one run, batch by batch as the definition has it."""
    f = parts.sum() / wholes.sum()
    found = []
    for scale in SCALES.astype(int):
        batches = len(parts) // scale
        x, y = (array[: batches * scale].reshape(batches, scale).sum(axis=1) for array in (parts, wholes))
        expected = (f * (1 - f) * y * (1 - wholes.sum() / requests.sum())).sum()
        trust = min(batches, expected) if batches >= 10 else 0
        observed = ((x - f * y) ** 2).sum() / expected
        found.append((20 + trust * observed) / (20 + trust) if trust else 1.0)
    return max(1.0, *found)


def test_it_is_the_batch_means_estimate_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    wholes = rng.poisson(40, LOOKS).astype(float)
    parts = rng.binomial(wholes.astype(int), rng.beta(2, 20, LOOKS)).astype(float)
    requests = np.full(LOOKS, 1000.0)

    scatter = watched(parts[:, None], wholes[:, None], requests[:, None])

    phi = dispersion.factor(scatter, Kind.ARMS).item()
    assert phi == pytest.approx(by_hand(parts, wholes, requests))
    assert phi > 2


def test_independent_requests_are_tempered_little() -> None:
    rng = np.random.default_rng(2)
    wholes = rng.poisson(15, (LOOKS, 400)).astype(float)
    parts = rng.binomial(wholes.astype(int), 0.05).astype(float)

    phi = dispersion.factor(watched(parts, wholes, 300 + 0 * wholes), Kind.ARMS)

    assert np.median(phi) < 1.15
    assert np.quantile(phi, 0.95) < 1.6


def test_a_real_difference_between_the_arms_is_no_scatter() -> None:
    rng = np.random.default_rng(3)
    wholes = rng.poisson(30, (LOOKS, 100)).astype(float)
    parts = rng.binomial(wholes.astype(int), 0.4).astype(float)  # eight times the candidate's share

    phi = dispersion.factor(watched(parts, wholes, 3000 + 0 * wholes), Kind.ARMS)

    assert np.median(phi) < 1.15


def test_a_new_stage_is_measured_around_its_own_share() -> None:
    rng = np.random.default_rng(4)
    scatter = dispersion.start(50)
    for share in (0.05, 0.5):
        scatter = dispersion.begin_stage(scatter, Kind.ARMS)
        for _ in range(LOOKS // 2):
            whole = rng.poisson(30, 50).astype(float)
            part = rng.binomial(whole.astype(int), share).astype(float)
            scatter = dispersion.watch(scatter, part, whole, 3000 + 0 * whole)

    assert np.median(dispersion.factor(scatter, Kind.ARMS)) < 1.15


def test_sessions_are_seen_in_single_looks_and_slow_noise_in_long_batches() -> None:
    rng = np.random.default_rng(5)
    whole = np.full((LOOKS, 1), 400.0)
    sessions = 20 * rng.binomial(20, 0.1, (LOOKS, 1)).astype(float)
    noise = np.zeros((LOOKS, 1))
    for look in range(1, LOOKS):
        noise[look] = 0.95 * noise[look - 1] + 0.1 * rng.normal()
    slow = rng.binomial(400, np.clip(0.1 * np.exp(noise), 0, 1)).astype(float)

    of_sessions, of_noise = (
        dispersion.factor(watched(parts, whole, 1e9 + 0 * whole), Kind.ARMS).item() for parts in (sessions, slow)
    )

    assert of_sessions == pytest.approx(20, rel=0.25)
    assert of_noise > 3


def test_history_is_translated_to_the_share_that_is_compared() -> None:
    """Slow noise of one arm grows with f (1 - f); what clusters within a look does not."""
    prior = Prior((2.0, 2.0, 6.0, 6.0, 6.0), (100.0,) * 5, share=0.5)

    at = {w: dispersion.factor(dispersion.start(1), Kind.ARMS, prior, w).item() for w in (0.5, 0.05)}

    assert at[0.5] == pytest.approx(6)
    assert at[0.05] == pytest.approx(2 + 4 * 0.05 * 0.95 / 0.25)


def test_a_history_of_equal_replicas_is_what_their_counts_show() -> None:
    rng = np.random.default_rng(6)
    parts = 10 * rng.binomial(10, 0.5, 2880).astype(float)

    prior = dispersion.prior_from(parts, np.full(2880, 100.0), np.full(2880, 1e9), Kind.ARMS)

    assert prior.share == pytest.approx(0.5, abs=0.02)
    assert prior.ratios[:3] == pytest.approx((10, 10, 10), rel=0.25)
    assert prior.trust[0] == 2880


@pytest.mark.parametrize("length", [0, 5])
def test_a_history_too_short_believes_in_independence(length: int) -> None:
    assert dispersion.prior_from([1.0] * length, [10.0] * length, [90.0] * length, Kind.LEVEL) == dispersion.NO_HISTORY


def test_a_look_without_events_changes_nothing() -> None:
    scatter = watched(np.array([[3.0]]), np.array([[9.0]]), np.array([[900.0]]))

    after = dispersion.watch(scatter, np.array([0.0]), np.array([0.0]), np.array([500.0]))

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
