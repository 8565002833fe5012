"""What begins a new attempt, and what does not."""

import pytest
from factories import BASELINE, CANDIDATE, ERRORS, raw_spec, spec, stage
from modelrollout.api import spec as api_spec
from modelrollout.plan import hashes

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
