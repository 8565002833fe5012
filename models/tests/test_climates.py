"""Climates, and scenarios that say when each of them rules."""

import pytest
from rolloutmodels import climates
from rolloutmodels.climates import CALM, CRASH, USUAL, VOLATILE, Climate, Regime, ScenarioError, scenario


@pytest.mark.parametrize("climate", climates.CLIMATES.values(), ids=climates.CLIMATES)
def test_the_four_regimes_share_all_of_the_time(climate: Climate) -> None:
    assert len(climate.shares) == len(Regime) == 4
    assert sum(climate.shares) == pytest.approx(1.0)
    assert min(climate.shares) >= 0.0


def test_climates_are_found_by_their_names() -> None:
    assert list(climates.CLIMATES) == ["usual", "calm", "volatile", "crash", "winter"]
    assert all(name == climate.name for name, climate in climates.CLIMATES.items())


def test_one_name_is_a_climate_that_lasts() -> None:
    assert scenario("crash").phases == ((0.0, CRASH),)
    assert scenario("usual") == climates.ALWAYS_USUAL


@pytest.mark.parametrize("text", ["calm,volatile@60,usual@90.5", " calm , volatile @ 60 , usual@ 90.5 "])
def test_a_climate_gives_way_to_the_next_at_its_second(text: str) -> None:
    change = scenario(text)

    ruling = [change.at(seconds) for seconds in (0.0, 59.9, 60.0, 90.4, 90.5, 1e9)]
    assert ruling == [CALM, CALM, VOLATILE, VOLATILE, USUAL, USUAL]


def test_before_the_start_the_first_climate_rules() -> None:
    assert scenario("calm,volatile@60").at(-5.0) is CALM


NAMES = "the climates are usual, calm, volatile, crash, winter."
SECONDS = "write seconds after the start, above 0."
BAD = {
    "nothing at all": ("", f"Scenario '' names ''; {NAMES}"),
    "an unknown climate": ("sunny", f"Scenario 'sunny' names 'sunny'; {NAMES}"),
    "a name in capitals": ("Calm", f"Scenario 'Calm' names 'Calm'; {NAMES}"),
    "an unknown climate later": ("calm,storm@60", f"Scenario 'calm,storm@60' names 'storm'; {NAMES}"),
    "a time for the first": ("calm@0", f"Scenario 'calm@0' names 'calm@0'; {NAMES}"),
    "no time for the second": (
        "calm,volatile",
        "Scenario 'calm,volatile' does not say when 'volatile' begins; write volatile@60.",
    ),
    "an empty time": ("calm,volatile@", f"Scenario 'calm,volatile@' has a change at ''; {SECONDS}"),
    "a time that is no number": ("calm,volatile@1m", f"Scenario 'calm,volatile@1m' has a change at '1m'; {SECONDS}"),
    "no finite time": ("calm,volatile@inf", f"Scenario 'calm,volatile@inf' has a change at 'inf'; {SECONDS}"),
    "not a number": ("calm,volatile@nan", f"Scenario 'calm,volatile@nan' has a change at 'nan'; {SECONDS}"),
    "a time before the start": ("calm,volatile@-1", f"Scenario 'calm,volatile@-1' has a change at '-1'; {SECONDS}"),
    "a change at the start": ("calm,volatile@0", f"Scenario 'calm,volatile@0' has a change at '0'; {SECONDS}"),
    "times in the wrong order": (
        "calm,volatile@60,usual@30",
        "Scenario 'calm,volatile@60,usual@30' has changes at [60.0, 30.0] s; let each come later than the one before.",
    ),
    "two changes at once": (
        "calm,volatile@60,usual@60",
        "Scenario 'calm,volatile@60,usual@60' has changes at [60.0, 60.0] s; let each come later than the one before.",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.values(), ids=BAD)
def test_a_scenario_that_makes_no_sense_is_refused_with_the_place_and_the_cure(text: str, sentence: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario(text)

    assert str(refused.value) == sentence
