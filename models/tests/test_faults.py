"""Faults from a model's parameters."""

import pytest
from rolloutmodels.faults import Faults, parse
from rolloutmodels.parameters import ParameterError

GOOD = {
    "nothing set": ({}, Faults()),
    "numbers": ({"delay_ms": 80, "error_rate": 0.15, "fault_seed": 4}, Faults(80.0, 0.15, 4)),
    "strings, as a Seldon Model gives them": (
        {"delay_ms": "80", "error_rate": ".15", "fault_seed": "4"},
        Faults(80.0, 0.15, 4),
    ),
    "the largest values": ({"delay_ms": "60000", "error_rate": "1"}, Faults(60_000.0, 1.0)),
}

BAD = {
    "a delay with a unit": ({"delay_ms": "80ms"}, "'delay_ms' is '80ms'; set milliseconds from 0 to 60000."),
    "a negative delay": ({"delay_ms": -1}, "'delay_ms' is -1; set milliseconds from 0 to 60000."),
    "a delay without end": ({"delay_ms": "inf"}, "'delay_ms' is 'inf'; set milliseconds from 0 to 60000."),
    "a delay that is no number": ({"delay_ms": "nan"}, "'delay_ms' is 'nan'; set milliseconds from 0 to 60000."),
    "a delay of true": ({"delay_ms": True}, "'delay_ms' is True; set milliseconds from 0 to 60000."),
    "no delay at all": ({"delay_ms": None}, "'delay_ms' is None; set milliseconds from 0 to 60000."),
    "a share in percent": ({"error_rate": "15%"}, "'error_rate' is '15%'; set a share from 0 to 1."),
    "a share above one": ({"error_rate": "1.01"}, "'error_rate' is '1.01'; set a share from 0 to 1."),
    "a broken seed": ({"fault_seed": "1.5"}, "'fault_seed' is '1.5'; set a whole number, 0 or more."),
    "a negative seed": ({"fault_seed": -3}, "'fault_seed' is -3; set a whole number, 0 or more."),
    "an unknown name": (
        {"errorrate": "1"},
        "'errorrate' is unknown; use delay_ms, error_rate, fault_seed or remove it.",
    ),
}


@pytest.mark.parametrize("situation", GOOD)
def test_faults_are_read(situation: str) -> None:
    extra, expected = GOOD[situation]

    assert parse(extra) == expected


@pytest.mark.parametrize("situation", BAD)
def test_nonsense_is_refused_with_one_sentence(situation: str) -> None:
    extra, sentence = BAD[situation]

    with pytest.raises(ParameterError) as refused:
        parse(extra)

    assert str(refused.value) == f"Parameter {sentence}"


@pytest.mark.parametrize(("rate", "expected"), [("0", {False}), ("1", {True})])
def test_the_ends_of_the_error_rate_are_exact(rate: str, expected: set[bool]) -> None:
    fails = parse({"error_rate": rate}).draws()

    assert {fails() for _ in range(1_000)} == expected


def test_the_set_share_of_draws_fails_and_the_seed_picks_them() -> None:
    def draws(seed: int) -> list[bool]:
        fails = Faults(error_rate=0.15, fault_seed=seed).draws()
        return [fails() for _ in range(10_000)]

    first = draws(1)

    # Standard deviation 36: within four of them.
    assert abs(sum(first) - 1_500) < 4 * 36
    assert draws(1) == first
    assert draws(2) != first
