"""What the serving benchmark makes of what it reads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from e2e.bench import usage
from e2e.bench.labelled import Tally, evidence, told_of
from e2e.bench.probe import Reading, Window
from e2e.bench.serving import Course
from e2e.bench.usage import Usage
from e2e.traffic import Outcome

HISTOGRAM = "seconds"


def test_a_quantile_is_that_of_the_model_asked_for_and_of_the_time_between() -> None:
    before = _reading({("slow", "1"): 40, ("slow", "5"): 40, ("slow", "+Inf"): 40})
    after = _reading({("slow", "1"): 40, ("slow", "5"): 100, ("slow", "+Inf"): 100, ("fast", "1"): 9})

    window = Window(before, after)

    assert window.buckets(HISTOGRAM, model="slow") == {1.0: 0, 5.0: 60, float("inf"): 60}
    assert window.quantile(HISTOGRAM, 0.5, model="slow") == pytest.approx(3.0)
    assert window.quantile(HISTOGRAM, 0.5, model="fast") == pytest.approx(0.5)
    assert window.quantile(HISTOGRAM, 0.5, model="nobody") is None


def test_growth_is_measured_after_what_happens_once() -> None:
    own = [200.0, 230, 240, 241, 242, 243]
    course = Course(answers=[0, 10_000, 20_000, 30_000, 40_000, 50_000], mb=[300.0] * 6, own_mb=own)

    assert course.growth == pytest.approx(10)


def test_growth_is_unknown_after_a_few_requests() -> None:
    own = [200.0, 201, 202, 203]
    assert Course(answers=[0, 3_000, 6_000, 9_000], mb=own, own_mb=own).growth is None


def test_cpu_time_of_others_is_what_ours_leave() -> None:
    before = Usage(10.0, {"envoy": 1.0, "mlserver": 5.0}, 100.0)
    after = Usage(20.0, {"envoy": 2.0, "mlserver": 9.0, "operator": 3.0}, 112.0)

    assert usage.cores(before, after) == pytest.approx({"mlserver": 0.4, "envoy": 0.1, usage.STRANGERS: 0.7})


def test_a_mapped_library_is_found_by_its_file(tmp_path: Path) -> None:
    kept = np.memmap(tmp_path / "libheavy.so", mode="w+", shape=4096)

    assert usage.has_mapped(os.getpid(), "libheavy")
    assert not usage.has_mapped(os.getpid(), tmp_path.name)
    del kept


def test_what_was_told_is_counted_by_version() -> None:
    outcomes = [_outcome("1", True), _outcome("1", False), _outcome("2", True)]

    assert told_of(outcomes) == {("enhanced", "1"): Tally(2, 1), ("enhanced", "2"): Tally(1, 1)}


@pytest.mark.parametrize(
    "counted",
    [
        pytest.param({}, id="nothing arrived"),
        pytest.param({("enhanced", "1"): Tally(101, 70)}, id="one label was counted twice"),
        pytest.param({("enhanced", "1"): Tally(100, 69)}, id="one label was counted as wrong"),
        pytest.param({("enhanced", "1"): Tally(100, 70), ("enhanced", "2"): Tally(1, 1)}, id="of a version unheard of"),
    ],
)
def test_a_count_that_differs_is_no_evidence(counted: dict[tuple[str, str], Tally]) -> None:
    told = {("enhanced", "1"): Tally(100, 70)}

    assert evidence(told, counted).value == "1 wrong"
    assert evidence(told, told).value == "exact"


def _reading(buckets: dict[tuple[str, str], float]) -> Reading:
    samples = {
        (f"{HISTOGRAM}_bucket", tuple(sorted({"model": model, "le": edge}.items()))): value
        for (model, edge), value in buckets.items()
    }
    return Reading(0.0, 0.0, 0.0, samples)


def _outcome(version: str, is_correct: bool) -> Outcome:
    return Outcome(1.0, 2.0, "enhanced", version, "bull", is_correct, 0.5)
