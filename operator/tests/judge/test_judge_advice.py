"""What people are told about a plan that cannot work: one sentence with its cure."""

from dataclasses import replace
from math import inf

import pytest
from modelrollout.judge import advice
from modelrollout.judge.advice import Kind, StagePace
from modelrollout.judge.histograms import Histogram

HOUR, DAY = 3600.0, 86400.0
EDGES = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, inf)
PACE = StagePace("errors", 5, 1.8 * HOUR, 4.4 * HOUR, HOUR, 0.25)


@pytest.mark.parametrize(
    ("seconds", "spoken", "short"),
    [
        (30, "30 s", "30s"),
        (90, "2 min", "2m"),
        (2100, "35 min", "35m"),
        (3570, "1 h", "1h"),
        (6480, "1 h 48 min", "1h48m"),
        (7200, "2 h", "2h"),
        (273_600, "3 days 4 h", "76h"),
        (inf, "never", "never"),
    ],
)
def test_times_read_as_people_write_them(seconds: float, spoken: str, short: str) -> None:
    assert (advice.spoken(seconds), advice.short(seconds)) == (spoken, short)


@pytest.mark.parametrize(
    ("limit_ms", "sentence"),
    [
        (250, None),
        (
            150,
            "latency has no bucket edge near its limit of 150 ms: p95 between 100 and 250 ms is neither passed nor "
            "failed; put a bucket edge at 150 ms, or set the limit on an edge",
        ),
        (
            2000,
            "latency has no bucket edge near its limit of 2000 ms: p95 above 1000 ms is neither passed nor failed; "
            "put a bucket edge at 2000 ms, or set the limit on an edge",
        ),
    ],
)
def test_a_limit_far_from_every_edge_is_told_with_the_edge_that_would_do(limit_ms: float, sentence: str | None) -> None:
    assert _said(advice.no_edge_near_limit("latency", 0.95, limit_ms, EDGES)) == sentence


@pytest.mark.parametrize(
    ("beyond_100", "beyond_250", "floor_ms", "is_said"),
    [
        pytest.param(0.5, 0.03, 10, True, id="in the widest bucket"),
        pytest.param(0.03, 0.0, 10, False, id="in a narrow bucket"),
        pytest.param(0.5, 0.03, 250, False, id="below the floor"),
    ],
)
def test_a_quantile_within_the_widest_bucket_is_told(
    beyond_100: float, beyond_250: float, floor_ms: float, is_said: bool
) -> None:
    shares = (0.0, 0.0, 0.1, 0.2, 0.4, 1 - beyond_100, 1 - beyond_250, 1.0, 1.0, 1.0, 1.0)
    history = Histogram(EDGES, tuple(1000 * share for share in shares))

    found = advice.quantile_in_widest_bucket("latency", 0.95, 0.2, floor_ms, history)

    assert (found is not None) == is_said
    if found is not None:
        assert found.sentence.endswith("put bucket edges at 150 and 200 ms")


@pytest.mark.parametrize(
    ("pace", "kind", "cure"),
    [
        pytest.param(
            PACE,
            Kind.TOO_SLOW_FOR_STAGE,
            "errors at weight 5 passes an equal model in 1 h 48 min (90 %: 4 h 24 min), and the stage's maxDuration is "
            "1 h: a weight of 25 would do, or a maxDuration of 4 h 25 min",
            id="another weight would do",
        ),
        pytest.param(
            replace(PACE, share_needed=None),
            Kind.TOO_SLOW_FOR_STAGE,
            "errors at weight 5 passes an equal model in 1 h 48 min (90 %: 4 h 24 min), and the stage's maxDuration is "
            "1 h: no weight is enough in that time, a maxDuration of 4 h 25 min would do",
            id="no weight would do",
        ),
        pytest.param(
            replace(PACE, pass_90_seconds=9 * DAY, share_needed=None),
            Kind.TOO_SLOW_AT_ALL,
            "errors at weight 5 would take 9 days to pass an equal model, and no weight is enough: its margin is too "
            "small for this traffic; allow a larger one",
            id="beyond a week",
        ),
    ],
)
def test_a_stage_that_is_too_short_is_told_with_what_would_do(pace: StagePace, kind: Kind, cure: str) -> None:
    assert advice.too_slow(pace) == advice.Advice(kind, cure)


def test_a_stage_that_is_long_enough_is_no_matter() -> None:
    assert advice.too_slow(replace(PACE, max_duration_seconds=5 * HOUR)) is None


def test_relative_guardrails_alone_are_blind_at_weight_100() -> None:
    found = advice.blind_at_full_weight(("errors", "latency"), (5, 50, 100))

    assert _said(found) == (
        "errors and latency compare with the baseline, which has no traffic at weight 100: nothing can fail there; "
        "add a guardrail with an absolute limit, or a stage of weight 95 before it"
    )
    assert advice.blind_at_full_weight(("errors",), (5, 95, 100)) is None
    assert advice.blind_at_full_weight((), (5, 100)) is None


def test_clustered_traffic_is_told_with_what_to_do() -> None:
    assert advice.clustered_traffic("errors", 1.9, False) is None
    assert "set analysis.clustered to true" in str(_said(advice.clustered_traffic("errors", 3.2, False)))
    assert "count sessions instead of requests" in str(_said(advice.clustered_traffic("errors", 3.2, True)))


def test_a_candidate_that_will_not_pass_in_time_is_told() -> None:
    assert advice.late_for_deadline("errors", HOUR, 2 * HOUR) is None
    assert "may take another 3 h to pass, and the stage has 2 h left" in str(
        _said(advice.late_for_deadline("errors", 3 * HOUR, 2 * HOUR))
    )
    assert "would never pass" in str(_said(advice.late_for_deadline("errors", inf, HOUR)))


def _said(found: advice.Advice | None) -> str | None:
    return None if found is None else found.sentence
