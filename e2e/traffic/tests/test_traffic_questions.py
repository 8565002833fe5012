"""Questions: fresh, the same again from a seed, and with the truth that belongs to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import orjson
import pytest
from rolloutmodels.climates import CALM, CRASH, USUAL, Climate, Regime
from rolloutmodels.contract import FEATURES, INPUT, STEPS

from e2e.traffic.questions import CHUNK, Question, Questions, chunk


def ask(count: int, climate: Climate = USUAL, seed: int = 5, windows: int = 1) -> list[Question]:
    return asked([climate] * count, seed, windows)


def asked(climates: list[Climate], seed: int = 5, windows: int = 1) -> list[Question]:
    """One question for each climate, in turn."""

    async def run() -> list[Question]:
        return [await questions.next(climate) for climate in climates]

    questions = Questions(seed, windows)
    try:
        return asyncio.run(run())
    finally:
        questions.close()


def bodies(questions: list[Question]) -> list[bytes]:
    return [question.body for question in questions]


def tensor(question: Question) -> dict[str, object]:
    (found,) = orjson.loads(question.body)["inputs"]
    return found


def test_a_seed_asks_the_same_again_and_another_seed_asks_other_things() -> None:
    assert bodies(ask(30)) == bodies(ask(30))
    assert not set(bodies(ask(30))) & set(bodies(ask(30, seed=6)))


def test_no_window_is_asked_about_twice_however_long_it_goes_on() -> None:
    said = bodies(ask(2 * CHUNK + 10))

    assert len(set(said)) == len(said)


def test_a_climate_that_comes_between_changes_nothing_in_the_others() -> None:
    mixed = asked([CALM, CRASH, CALM, CALM, CRASH])
    calm = [question for question in mixed if question.climate == "calm"]

    assert bodies(calm) == bodies(ask(3, CALM))
    assert not set(bodies(mixed[1:2])) & set(bodies(calm))


def test_a_request_holds_its_windows_in_the_order_of_their_truths() -> None:
    sample = chunk(5, USUAL, 0)
    second = ask(2, windows=7)[1]

    found = tensor(second)
    assert (found["name"], found["datatype"], found["shape"]) == (INPUT, "FP32", [7, STEPS, FEATURES])
    sent = np.array(found["data"], dtype=np.float32).reshape(7, STEPS, FEATURES)
    assert np.array_equal(sent, sample.features[7:14])
    assert len(second) == 7
    assert second.actual.tolist() == (sample.returns[7:14] > 0).astype(int).tolist()
    assert second.returns.tolist() == sample.returns[7:14].tolist()
    assert second.regimes.tolist() == sample.regimes[7:14].tolist()


def test_questions_are_about_the_climate_that_was_asked_for() -> None:
    regimes = {regime for question in ask(200, CRASH) for regime in question.regimes.tolist()}

    assert regimes == {Regime.BEAR, Regime.VOLATILE}


@pytest.fixture
def questions() -> Iterator[Questions]:
    made = Questions(5)
    yield made
    made.close()


def test_a_climate_can_be_prepared_before_anybody_asks(questions: Questions) -> None:
    questions.prepare(CALM)

    assert asyncio.run(questions.next(CALM)).body == ask(1, CALM)[0].body


def test_preparing_a_climate_after_the_end_harms_nobody(questions: Questions) -> None:
    questions.close()

    questions.prepare(CRASH)
