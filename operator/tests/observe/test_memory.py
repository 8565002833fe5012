"""What was read is recalled only while the watch has told of nothing newer."""

from dataclasses import replace

import pytest
from factories import NAME, NOW, raw_spec
from modelrollout.api import spec as api_spec
from modelrollout.api.status import RolloutStatus
from modelrollout.cluster import EXPERIMENT, MODEL, ROLLOUT
from modelrollout.observe import memory
from modelrollout.observe.memory import LONGEST_SECONDS, Key, Memory, Seen

ROLLOUT_KEY = Key("models", NAME)
SPEC = api_spec.parse(raw_spec())
OBJECT = memory.reference(ROLLOUT, ROLLOUT_KEY)
OWN_EXPERIMENT = memory.reference(EXPERIMENT, ROLLOUT_KEY)
BASELINE = memory.reference(MODEL, Key("models", SPEC.baseline.name))
CANDIDATE = memory.reference(MODEL, Key("models", SPEC.candidate.name))
READ = {OBJECT: "10", OWN_EXPERIMENT: "11", BASELINE: "12", CANDIDATE: None}


def seen(**changed: object) -> Seen:
    rollout = {"metadata": {"name": NAME, "namespace": "models", "uid": "u-1", "resourceVersion": "10"}}
    return replace(Seen(rollout, SPEC, RolloutStatus(), None, {}, "", "", READ, NOW), **changed)


@pytest.fixture
def told() -> Memory:
    """A memory of one reading, and a watch that has told of exactly that."""
    fresh = Memory()
    fresh.concern(ROLLOUT_KEY, *memory.surroundings(ROLLOUT_KEY, SPEC, NAME))
    for about, version in READ.items():
        fresh.hear(about, version)
    fresh.keep(ROLLOUT_KEY, seen())
    return fresh


def test_a_reading_is_recalled_while_the_watch_has_told_of_the_same(told: Memory) -> None:
    assert told.recall(ROLLOUT_KEY, NOW + 1) == seen()


@pytest.mark.parametrize("about", READ, ids=["rollout", "Experiment", "baseline", "candidate that did not exist"])
def test_news_of_any_part_of_it_ends_it_and_wakes_the_rollout(told: Memory, about: memory.Reference) -> None:
    assert told.hear(about, "99") == {ROLLOUT_KEY}

    assert told.recall(ROLLOUT_KEY, NOW + 1) is None


def test_a_deletion_is_news(told: Memory) -> None:
    assert told.hear(OWN_EXPERIMENT, None) == {ROLLOUT_KEY}

    assert told.recall(ROLLOUT_KEY, NOW + 1) is None


def test_what_was_read_before_the_watch_told_of_it_is_not_trusted_yet() -> None:
    silent = Memory()
    silent.concern(ROLLOUT_KEY, *READ)
    silent.keep(ROLLOUT_KEY, seen())

    assert silent.recall(ROLLOUT_KEY, NOW + 1) is None


def test_an_own_write_is_no_news_when_the_watch_tells_of_it(told: Memory) -> None:
    rollout = {"metadata": {"name": NAME, "namespace": "models", "uid": "u-1", "resourceVersion": "20"}}
    written = seen().after_write(rollout, RolloutStatus(looks=5))
    told.keep(ROLLOUT_KEY, written)

    assert told.hear(OBJECT, "20") == set()

    assert told.recall(ROLLOUT_KEY, NOW + 1) == written


def test_a_relist_that_tells_the_same_again_wakes_nobody(told: Memory) -> None:
    assert [told.hear(about, version) for about, version in READ.items()] == [set()] * len(READ)


@pytest.mark.parametrize("seconds", [LONGEST_SECONDS, -1], ids=["after five minutes", "when the clock is set back"])
def test_a_reading_is_not_recalled(told: Memory, seconds: float) -> None:
    assert told.recall(ROLLOUT_KEY, NOW + seconds) is None


def test_who_waits_for_another_experiment_remembers_nothing(told: Memory) -> None:
    told.keep(ROLLOUT_KEY, seen(default_holder="another"))

    assert told.recall(ROLLOUT_KEY, NOW + 1) is None


def test_a_rollout_that_is_gone_is_woken_by_nothing(told: Memory) -> None:
    told.drop(ROLLOUT_KEY)

    assert told.hear(BASELINE, "99") == set()
