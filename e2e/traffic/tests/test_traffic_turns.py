"""Who asks when: rates, shares, and the same again from the same seed."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from e2e.traffic.turns import Arrivals, Turn, turns


def first(count: int, seed: int = 3, per_second: float = 50.0, **more: object) -> list[Turn]:
    return list(islice(turns(seed, per_second, **{"models": ["m"], **more}), count))  # type: ignore[arg-type]


def test_a_seed_gives_the_same_turns_again_and_another_seed_gives_others() -> None:
    crowd = {"clients": 5, "garbage": 0.2, "arrivals": Arrivals.POISSON}

    assert first(500, seed=3, **crowd) == first(500, seed=3, **crowd)
    assert first(500, seed=3, **crowd) != first(500, seed=4, **crowd)


def test_steady_requests_come_at_equal_distances_that_do_not_drift() -> None:
    assert [turn.at for turn in first(20_001, per_second=30.0)][::600] == [20.0 * n for n in range(34)]


def test_requests_of_a_crowd_come_at_the_rate_asked_for_and_as_unevenly_as_a_crowd_comes() -> None:
    gaps = np.diff([turn.at for turn in first(20_000, per_second=50.0, arrivals=Arrivals.POISSON)])

    assert gaps.mean() == pytest.approx(1 / 50, rel=0.03)
    assert gaps.std() == pytest.approx(1 / 50, rel=0.05)  # of an exponential wait: its own mean
    assert (gaps > 0).all()


def test_models_follow_each_other() -> None:
    assert [turn.model for turn in first(5, models=["a", "b", "c"])] == ["a", "b", "c", "a", "b"]


def test_every_client_asks_about_as_often() -> None:
    asked = Counter(turn.client for turn in first(8_000, clients=8))

    assert set(asked) == set(range(8))
    assert all(count == pytest.approx(1_000, rel=0.15) for count in asked.values())


def test_the_faulty_client_has_its_share_and_moves_nobody_elses_turn() -> None:
    sane, faulty = first(5_000, clients=4), first(5_000, clients=4, garbage=0.1)

    assert sum(turn.client is None for turn in faulty) == pytest.approx(500, rel=0.2)
    assert all(ours in (theirs, Turn(theirs.at, "m", None)) for theirs, ours in zip(sane, faulty, strict=True))
    assert all(turn.client is None for turn in first(50, garbage=1.0))
    assert all(turn.client is not None for turn in sane)
