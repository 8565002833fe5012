"""Bounds of what is counted, and how it looks while it is being counted."""

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry
from rolloutmodels.labels import Label
from rolloutmodels.outcomes import Outcomes

SECONDS_FOR_PAGES = 60.0
DIFFERENT_PAGES = 100
ARM = {"model": "a", "model_version": "1"}


def test_series_are_bounded_and_known_arms_count_on() -> None:
    outcomes = Outcomes(CollectorRegistry(), max_arms=2)
    known = [Label("a", "1", True), Label("a", "2", True)]
    outcomes.count(known)

    assert outcomes.without_room(known) is None
    assert outcomes.without_room([known[0], Label("b", "1", True)]) == "b"
    assert outcomes.count(known) == [True, True]


def test_one_request_alone_cannot_go_beyond_the_bound() -> None:
    outcomes = Outcomes(CollectorRegistry(), max_arms=2)

    assert outcomes.without_room([Label(name, "", True) for name in ("a", "b", "a", "c", "d")]) == "c"


def test_the_oldest_id_is_forgotten_first() -> None:
    outcomes = Outcomes(CollectorRegistry(), remembered=2)
    ids = ["1", "2", "1", "3", "2", "1"]

    counted = [outcomes.count([Label("a", "1", True, prediction=one)])[0] for one in ids]

    assert counted == [True, True, False, True, False, True]


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    """Threads take turns so often that a page would be written in the middle of a batch, were it let."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_hasty_threads")
def test_a_page_never_shows_half_a_batch() -> None:
    registry = CollectorRegistry()
    outcomes = Outcomes(registry)
    batch = [Label("a", "1", True, profit=1.0)] * 200
    outcomes.count(batch)

    def page() -> tuple[float, ...]:
        found = {sample.name: sample.value for family in registry.collect() for sample in family.samples
                 if sample.labels == ARM}  # fmt: skip
        return (
            found["model_predictions_labelled_total"],
            found["model_predictions_correct_total"],
            found["model_profit_count_total"],
            found["model_profit_sum"],
            found["model_profit_sum_of_squares_total"],
        )

    enough, pages = threading.Event(), [page()]

    def count_on() -> int:
        batches = 1
        while not enough.is_set():
            outcomes.count(batch)
            batches += 1
            time.sleep(0)  # lets the other thread have the lock
        return batches

    with ThreadPoolExecutor(1) as pool:
        counting = pool.submit(count_on)
        deadline = time.monotonic() + SECONDS_FOR_PAGES
        while len(set(pages)) < DIFFERENT_PAGES and time.monotonic() < deadline:
            pages.append(page())
        enough.set()

    assert len(set(pages)) == DIFFERENT_PAGES
    assert all(len(set(one)) == 1 and one[0] % 200 == 0 for one in pages)
    assert page()[0] == counting.result() * 200


@pytest.mark.usefixtures("_hasty_threads")
def test_each_prediction_counts_once_however_many_threads_tell_of_it() -> None:
    registry = CollectorRegistry()
    outcomes = Outcomes(registry)
    labels = [Label("a", "1", True, profit=2.0, prediction=str(number), age_seconds=3.0) for number in range(2_000)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(outcomes.count, [labels[start : start + 500] for start in range(0, 1_501, 100)] * 4))

    def counted(name: str) -> float | None:
        return registry.get_sample_value(name, ARM)

    assert sum(sum(answer) for answer in answers) == 2_000
    assert counted("model_predictions_labelled_total") == counted("model_predictions_correct_total") == 2_000
    assert (counted("model_profit_sum"), counted("model_profit_sum_of_squares_total")) == (4_000, 8_000)
    assert (counted("model_prediction_age_seconds_count"), counted("model_prediction_age_seconds_sum")) == (
        2_000,
        6_000,
    )
    assert counted("model_feedback_repeated_total") == sum(len(answer) for answer in answers) - 2_000
