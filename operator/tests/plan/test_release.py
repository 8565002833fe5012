"""What is written when the rollout is deleted: nothing may point at the candidate afterwards."""

import pytest
from factories import BASELINE, CANDIDATE, experiment, spec
from modelrollout.act import experiments
from modelrollout.plan import steering
from modelrollout.plan.world import ExperimentView

CASES = {
    "in a stage": (experiment(90, 10), (100, 0), BASELINE),
    "after a promotion": (experiment(0, 100), (100, 0), BASELINE),
    "in other numbers": (experiment(900, 100), (100, 0), BASELINE),
    "when somebody made the candidate the default": (experiment(90, 10, default=CANDIDATE), (100, 0), CANDIDATE),
    "when somebody took the default away": (experiment(90, 10, default=""), (100, 0), BASELINE),
    "when somebody set a default that is no arm": (experiment(90, 10, default="gone"), (100, 0), BASELINE),
    "when the baseline was renamed just before": (
        experiment(50, 50, names=("older", CANDIDATE), default="older"),
        (100, 0),
        "older",
    ),
    "when somebody added an arm": (
        experiment(80, 10, 10, names=(BASELINE, CANDIDATE, "mine")),
        (100, 0, 0),
        BASELINE,
    ),
}


@pytest.mark.parametrize(("seen", "weights", "default"), CASES.values(), ids=CASES)
def test_all_traffic_goes_back(seen: ExperimentView, weights: tuple[int, ...], default: str) -> None:
    write = steering.release(spec(), seen, "predictor")

    assert write is not None
    assert tuple(weight for _, weight in write.weights) == weights
    assert write.default == default
    assert [step["op"] for step in experiments.patch(write)][-3:] == ["replace", "add", "add"]


NOTHING = {
    "the baseline has it all": experiment(100, 0),
    "the Experiment is somebody else's": experiment(90, 10, owner="ModelRollout other"),
    "no arm but the candidate could keep it": experiment(10, 20, names=("a", CANDIDATE), default=CANDIDATE),
    "the Experiment has no arms": experiment(names=(), default=""),
}


@pytest.mark.parametrize("seen", NOTHING.values(), ids=NOTHING)
def test_nothing_is_written_when(seen: ExperimentView) -> None:
    assert steering.release(spec(), seen, "predictor") is None
