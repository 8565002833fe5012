"""Worlds are what they say they are: rates, scatter, resets, missed looks, shares and onsets."""

from dataclasses import replace

import numpy as np
import pytest
from modelrollout.simulate import worlds
from modelrollout.simulate.qualities import Errors, Latency, Rewards
from modelrollout.simulate.shares import Ramp, Thompson
from modelrollout.simulate.worlds import Trouble
from simulated import seen, totals, world

QUIET_AND_LOUD = {
    "independent requests": (world(), 1.0, 0.15),
    "sessions of 20": (world(Errors(0.01, sessions=20), sessions=20), 1.9, 0.25),
}


def test_a_world_is_the_same_every_time_and_another_under_another_name() -> None:
    once, again, other = (totals(seen(w, 20)) for w in (world(), world(), replace(world(), name="another")))

    assert (once.candidate.events == again.candidate.events).all()
    assert (once.candidate.events != other.candidate.events).any()


def test_requests_and_errors_come_at_their_rates_and_the_harm_begins_when_it_should() -> None:
    looks = seen(world(harm={"quality": 3.0}, onset_hours=0.5))

    before, after = totals(looks[:60]), totals(looks[60:])

    assert before.candidate.total.mean() == pytest.approx(0.05 * 10 * 1800, rel=0.02)
    assert before.baseline.total.mean() == pytest.approx(0.95 * 10 * 1800, rel=0.02)
    assert before.candidate.events.sum() / before.candidate.total.sum() == pytest.approx(0.01, rel=0.05)
    assert after.candidate.events.sum() / after.candidate.total.sum() == pytest.approx(0.03, rel=0.05)
    assert after.baseline.events.sum() / after.baseline.total.sum() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize(("of", "factor", "within"), QUIET_AND_LOUD.values(), ids=QUIET_AND_LOUD)
def test_errors_scatter_by_the_design_effect_of_their_sessions(of: worlds.World, factor: float, within: float) -> None:
    events = np.array([look.measured["quality"].baseline.events[:, 0] for look in seen(of)])

    assert events.var() / events.mean() == pytest.approx(factor, rel=within)


def test_slow_noise_of_one_arm_has_its_deviation_and_its_memory_and_leaves_the_mean() -> None:
    of = world(Errors(0.2), per_second=1000.0, hours=4.0, trouble=Trouble(arm_noise=0.5))
    pairs = [look.measured["quality"] for look in seen(of)]
    rates = np.array([pair.baseline.events[:, 0] / pair.baseline.total for pair in pairs])
    logs = np.log(rates)

    assert rates.mean() == pytest.approx(0.2, rel=0.05)
    assert logs.std() == pytest.approx(0.5, rel=0.1)
    assert np.corrcoef(logs[:-20].ravel(), logs[20:].ravel())[0, 1] == pytest.approx(np.exp(-1), abs=0.08)


def test_bursts_hit_both_arms_at_once() -> None:
    pairs = [
        look.measured["quality"] for look in seen(world(per_second=1000.0, hours=8.0, trouble=Trouble(bursts=True)))
    ]
    candidate, baseline = (
        np.array([(one.events[:, 0] / one.total) > 0.05 for one in arms])
        for arms in ([pair.candidate for pair in pairs], [pair.baseline for pair in pairs])
    )

    assert (candidate == baseline).all()
    assert baseline.mean() == pytest.approx(20 / 260, rel=0.2)


def test_resets_lose_counts_and_never_make_any() -> None:
    calm, reset = (totals(seen(world(trouble=Trouble(resets=part)), 400)) for part in (0.0, 0.05))

    lost = 1 - reset.baseline.total.mean() / calm.baseline.total.mean()
    assert 0.015 < lost < 0.035  # one block in twenty, of which half comes before the reset
    looks = seen(world(trouble=Trouble(resets=0.3)), 50)
    for arm in (look.measured["quality"].baseline for look in looks):
        assert (arm.events >= 0).all()
        assert (arm.events[:, 0] <= arm.total).all()


def test_a_missed_look_makes_the_next_block_longer_and_loses_nothing() -> None:
    of = world(trouble=Trouble(missed=0.2), hours=4.0)
    looks = seen(of)

    gaps = np.diff([0.0, *(look.minutes for look in looks)])
    counted = [look.measured["quality"].baseline.total.mean() for look in looks]

    assert [look.number for look in looks] == list(range(1, len(looks) + 1))
    assert len(looks) / of.intervals == pytest.approx(0.8, abs=0.06)
    assert counted == pytest.approx(gaps * 60 * 9.5, rel=0.1)


def test_a_ramp_tells_its_stages_and_a_block_across_a_change_has_no_share() -> None:
    ramp = Ramp((0.05, 0.5), each=60)
    shares = {look.number: look.share[0] for look in seen(world(sharing=ramp), 3)}
    stages = {look.number: look.stage for look in seen(world(sharing=ramp), 3) if look.stage}
    across = seen(world(sharing=Ramp((0.05, 0.5), each=1), trouble=Trouble(missed=0.9), hours=2.0), 3)[0]

    assert (shares[60], shares[61]) == (0.05, 0.5)
    assert stages == {1: 1, 61: 2}
    assert across.stage == 2
    assert np.isnan(across.share).all()


def test_thompson_sampling_leaves_a_harmful_arm_and_wanders_between_equal_ones() -> None:
    equal, harmful = (
        seen(world(Errors(0.1), per_second=100.0, hours=6.0, harm={"quality": harm}, sharing=Thompson()))[-1].share
        for harm in (1.0, 1.5)
    )

    assert (harmful == 0.05).mean() > 0.99
    assert equal.std() > 0.1
    assert (equal >= 0.05).all()
    assert (equal <= 0.95).all()


def test_latencies_lie_beyond_each_edge_as_the_lognormal_says() -> None:
    quality = Latency(100.0, 0.5)
    found = totals(seen(world(quality, harm={"quality": 1.2})))

    for arm, factor in ((found.baseline, 1.0), (found.candidate, 1.2)):
        shares = arm.events.sum(axis=0) / arm.total.sum()
        assert shares == pytest.approx(quality.beyond(factor), abs=0.004)
    assert quality.history().survival(250.0) == pytest.approx(0.0334, abs=1e-4)


def test_rewards_have_their_mean_and_deviation() -> None:
    found = totals(seen(world(Rewards(0.5, scale=2.0), harm={"quality": 0.95})))

    mean = found.baseline.events.sum() / found.baseline.total.sum()
    square = found.baseline.squares.sum() / found.baseline.total.sum()
    assert mean == pytest.approx(2 * np.exp(0.125), rel=0.01)
    assert np.sqrt(square - mean**2) == pytest.approx(mean * np.sqrt(np.exp(0.25) - 1), rel=0.02)
    assert found.candidate.events.sum() / found.candidate.total.sum() == pytest.approx(0.95 * mean, rel=0.01)
