"""What becomes of predictions: by the market, and as each arm is set to be."""

from __future__ import annotations

import numpy as np
import pytest
from rolloutmodels.climates import Regime

from e2e.traffic.fates import Fates, Label, Labelling, Quality
from e2e.traffic.questions import Question

AT = 1_000.0


def question(*returns: float) -> Question:
    """About windows with these returns, all of a bear market."""
    moves = np.array(returns)
    return Question(b"", "crash", (moves > 0).astype(np.int64), moves, np.full(len(moves), Regime.BEAR.value))


def judged(labelling: Labelling, *answers: tuple[str, int], returns: float = 0.01) -> list[Label]:
    """Labels of single predictions of these arms, whose windows all have this return."""
    fates = Fates(labelling)
    return [label for route, one in answers for label in fates.labels(route, AT, [one], question(returns))]


# -- by the market


def test_the_market_judges_each_window_of_a_request() -> None:
    rise, wrong, fall = Fates(Labelling(cost=2.0)).labels("m_3", AT, [1, 1, 0], question(0.01, -0.02, -0.03))

    assert [(one.predicted, one.actual) for one in (rise, wrong, fall)] == [(1, 1), (1, 0), (0, 0)]
    assert [one.profit for one in (rise, wrong, fall)] == pytest.approx([100 - 2, -200 - 2, 300 - 2])
    assert {(one.regime, one.route, one.key, one.predicted_at) for one in (rise, wrong, fall)} == {
        ("bear", "m_3", "m", AT)
    }


def test_an_arm_has_the_same_delays_whoever_answers_beside_it() -> None:
    alone = judged(Labelling(lost=0.3), *[("a_1", 1)] * 50)
    beside = judged(Labelling(lost=0.3), *[("b_7", 0), ("a_1", 1)] * 50)

    assert [label.delay for label in beside if label.key == "a"] == [label.delay for label in alone]


# -- as set


def test_an_arm_is_as_good_as_it_is_set_to_be() -> None:
    labels = judged(Labelling(arms={"a": Quality(0.8, 3.0, 0.5)}), *[("a_1", 0), ("a_1", 1)] * 2_000)

    assert np.mean([label.predicted == label.actual for label in labels]) == pytest.approx(0.8, abs=0.03)
    assert np.mean([label.profit for label in labels]) == pytest.approx(3.0, abs=0.05)
    assert np.std([label.profit for label in labels]) == pytest.approx(0.5, abs=0.05)
    assert {label.regime for label in labels} == {""}


def test_a_version_may_be_set_on_its_own_and_strangers_get_no_labels() -> None:
    arms = {"a": Quality(accuracy=1.0), "a_2": Quality(accuracy=0.0)}
    labels = judged(Labelling(arms=arms), ("a_1", 1), ("a_2", 1), ("a_3", 0), ("c_1", 1))

    assert [(one.key, one.route, one.predicted == one.actual) for one in labels] == [
        ("a", "a_1", True),
        ("a_2", "a_2", False),
        ("a", "a_3", True),
    ]


def test_the_nth_prediction_of_an_arm_has_the_same_fate_whatever_the_arm_is_called() -> None:
    def fate(arm: str) -> list[tuple[float, float, bool]]:
        labels = judged(Labelling(arms={arm: Quality(0.5)}, lost=0.2), *[(f"{arm}_1", 1)] * 40)
        return [(label.delay, label.profit, label.predicted == label.actual) for label in labels]

    assert fate("blue") == fate("green")


# -- both


@pytest.mark.parametrize("arms", [{}, {"a": Quality()}], ids=["by the market", "as set"])
def test_labels_come_as_late_as_they_should_and_some_never(arms: dict[str, Quality]) -> None:
    labelling = Labelling(arms=arms, delay_seconds=2.0, spread_seconds=3.0, lost=0.25)
    delays = [label.delay for label in judged(labelling, *[("a_1", 1)] * 4_000)]

    assert len(delays) == pytest.approx(3_000, rel=0.05)
    assert 2.0 <= min(delays) < 2.1
    assert 4.9 < max(delays) <= 5.0
    assert np.mean(delays) == pytest.approx(3.5, rel=0.03)
