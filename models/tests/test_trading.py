"""What a prediction earns, in basis points."""

import numpy as np
import pytest
from numpy.typing import NDArray
from rolloutmodels.trading import profits


def test_the_right_side_earns_the_return_and_the_wrong_side_loses_it() -> None:
    earned = profits([1, 1, 0, 0], [0.01, -0.02, 0.01, -0.02])

    np.testing.assert_allclose(earned, [100.0, -200.0, -100.0, 200.0])


def test_every_trade_costs_whether_it_wins_or_loses() -> None:
    earned = profits([1, 0], [0.01, 0.01], cost=10.0)

    np.testing.assert_allclose(earned, [90.0, -110.0])


@pytest.mark.parametrize("kind", [int, np.int64, np.float32, bool])
def test_predictions_may_be_of_any_type_that_holds_0_and_1(kind: type) -> None:
    np.testing.assert_allclose(profits(np.array([1, 0]).astype(kind), [0.01, 0.01]), [100.0, -100.0])


def test_one_prediction_needs_no_array() -> None:
    assert float(profits(0, -0.003)) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("predicted", "sentence"),
    [
        (np.array([1.0, 0.7]), "predicted holds 0.7; give 1 for a rise and 0 for a fall."),
        (np.array([1, -1]), "predicted holds -1; give 1 for a rise and 0 for a fall."),
        (np.array([1.0, np.nan]), "predicted holds nan; give 1 for a rise and 0 for a fall."),
        (np.array([[1], [0]]), "predicted has shape (2, 1) and returns (2,); give one return per prediction."),
    ],
)
def test_what_is_no_prediction_is_refused(predicted: NDArray[np.float64], sentence: str) -> None:
    with pytest.raises(ValueError, match="predicted") as refused:
        profits(predicted, [0.01, 0.01])

    assert str(refused.value) == sentence
