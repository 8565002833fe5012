"""What begins a new attempt, and what does not."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from factories import BASELINE, CANDIDATE, ERRORS, raw_spec, spec, stage
from modelrollout.api import spec as api_spec
from modelrollout.plan import hashes

CORPUS = Path(__file__).parents[1] / "api" / "corpus" / "good"
PLAIN = spec(stage(10), stage(100))

SAME_ATTEMPT = {
    "a default that is written out": spec(stage(10, advance="OnPass", maxDuration="24h"), stage(100)),
    "a guardrail": spec(stage(10), stage(100), guardrails=[{"name": "errors", "errorRate": {"max": "1%"}}]),
    "the analysis": spec(stage(10), stage(100), analysis={"interval": "1m"}),
    "a pause": spec(stage(10), stage(100), paused=True),
    "the address of Prometheus": spec(stage(10), stage(100), prometheus={"address": "http://p:9090"}),
}
NEW_ATTEMPT = {
    "the baseline": spec(stage(10), stage(100), baseline="other"),
    "the candidate": spec(stage(10), stage(100), candidate="other"),
    "a weight": spec(stage(11), stage(100)),
    "a soak": spec(stage(10, "2m"), stage(100)),
    "one stage more": spec(stage(10), stage(50), stage(100)),
}

# The same in other words. A guardrail's own numbers are part of the stamp of its evidence.
SAID_OTHERWISE = [
    ({"soak": "10m"}, {"soak": "600s"}),
    ({"soak": "90m"}, {"soak": "1h30m"}),
    ({"soak": "1.5h"}, {"soak": "1h30m"}),
    ({"soak": "0s"}, {"soak": "0ms"}),
    ({"soak": "1h"}, {"soak": "1h", "maxDuration": "1440m"}),
    ({}, {"maxDuration": "24h0m0s"}),
]
SAME_POLICY = [
    ({"interval": "60s"}, {"interval": "1m"}),
    ({}, {"interval": "0.5m"}),
    ({"alpha": "1%"}, {"alpha": "1.0%"}),
    ({}, {"alpha": "05%"}),
    ({"noDataDeadline": "90s"}, {"noDataDeadline": "1m30s"}),
    ({"dispersion": "2"}, {"dispersion": "2.0"}),
]
SAME_EVIDENCE = [
    ({"errorRate": {"floor": "1%"}}, {"errorRate": {"floor": "1.00%"}}),
    ({"errorRate": {"maxRatio": 2}}, {"errorRate": {"maxRatio": 2.0}}),
    ({"latency": {"max": "250ms"}}, {"latency": {"max": "0.25s"}}),
    ({"latency": {"maxIncrease": "20%"}}, {"latency": {"maxIncrease": "20.0%"}}),
    ({"query": {"promql": "v", "max": "50"}}, {"query": {"promql": "v", "max": "50.0", "for": "60s"}}),
]
OTHER_EVIDENCE = [
    ({"latency": {"max": "250ms"}}, {"latency": {"max": "250s"}}),
    ({"query": {"promql": "v[600s]", "max": "50"}}, {"query": {"promql": "v[10m]", "max": "50"}}),
    ({"query": {"promql": "v", "max": "5"}}, {"query": {"promql": "v", "max": "50"}}),
    ({"query": {"promql": "v", "max": "5"}}, {"query": {"promql": "v", "max": "-5"}}),
]


@pytest.mark.parametrize("changed", SAME_ATTEMPT.values(), ids=SAME_ATTEMPT)
def test_the_attempt_goes_on_after_a_change_of(changed: api_spec.RolloutSpec) -> None:
    assert hashes.revision(changed) == hashes.revision(PLAIN)


@pytest.mark.parametrize("changed", NEW_ATTEMPT.values(), ids=NEW_ATTEMPT)
def test_a_new_attempt_begins_after_a_change_of(changed: api_spec.RolloutSpec) -> None:
    assert hashes.revision(changed) != hashes.revision(PLAIN)


def test_only_what_the_user_chose_is_hashed_so_that_a_new_version_of_the_operator_restarts_nothing() -> None:
    arms = [BASELINE, CANDIDATE]
    chosen = {"canary": {"stages": [{"weight": 10, "soak": "1m"}, {"weight": 100, "soak": "1m"}]}}

    assert hashes.revision(PLAIN) == hashes.of([arms, chosen])
    assert hashes.policy(PLAIN) == hashes.of([[{"name": "errors", "errorRate": {}}], {}])


def test_the_order_of_keys_changes_nothing() -> None:
    raw = raw_spec(guardrails=[ERRORS])
    turned = dict(reversed(raw.items()))

    assert hashes.revision(api_spec.parse(turned)) == hashes.revision(api_spec.parse(raw))


@pytest.mark.parametrize(("one", "other"), SAID_OTHERWISE)
def test_stages_of_equal_value_are_the_same_attempt(one: dict[str, str], other: dict[str, str]) -> None:
    first, second = ({"weight": 10, **fields} for fields in (one, other))

    assert hashes.revision(spec(first, stage(100))) == hashes.revision(spec(second, stage(100)))


@pytest.mark.parametrize(("one", "other"), SAME_POLICY)
def test_analysis_of_equal_value_is_the_same_policy(one: dict[str, str], other: dict[str, str]) -> None:
    assert hashes.policy(spec(analysis=one)) == hashes.policy(spec(analysis=other))


def _guarding(rail: dict[str, object]) -> api_spec.RolloutSpec:
    return spec(guardrails=[ERRORS, {"name": "other", **rail}])


@pytest.mark.parametrize(("one", "other"), SAME_EVIDENCE)
def test_guardrails_of_equal_value_keep_their_evidence(one: dict[str, object], other: dict[str, object]) -> None:
    assert hashes.policy(_guarding(one)) == hashes.policy(_guarding(other))


@pytest.mark.parametrize(("one", "other"), OTHER_EVIDENCE)
def test_guardrails_of_other_value_do_not(one: dict[str, object], other: dict[str, object]) -> None:
    assert hashes.policy(_guarding(one)) != hashes.policy(_guarding(other))


def test_names_that_look_like_durations_are_names() -> None:
    assert hashes.revision(spec(candidate="600s")) != hashes.revision(spec(candidate="10m"))
    assert hashes.policy(spec(guardrails=[ERRORS | {"name": "600s"}])) != hashes.policy(
        spec(guardrails=[ERRORS | {"name": "10m"}])
    )


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_choice_is_hashed(path: Path) -> None:
    """What is hashed is what the user wrote, but for defaults; only durations and numbers may be said otherwise."""
    declared = api_spec.parse(yaml.safe_load(path.read_text())["spec"])
    for part in (declared.strategy, declared.analysis, *declared.guardrails):
        written = part.model_dump(mode="json", exclude_defaults=True)
        assert _shape(hashes.chosen(part)) == _shape(written)


def _shape(value: Any) -> Any:
    """The value without the texts that are no names."""
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shape(one) for one in value]
    return value if not isinstance(value, str) or value.isalpha() else "text"
