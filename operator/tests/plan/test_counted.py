"""Guardrails on counters of the user's own: from what a look counted to a verdict and words that people know."""

from typing import Any

import pytest
from decisions import decide, told
from factories import HISTORY, experiment, look, spec, stage, status, world
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import GuardrailStatus, RolloutStatus, Verdict
from modelrollout.plan import evidence
from modelrollout.plan.world import ArmSums, History, LookData, Windows

PASS, FAIL, OPEN, NO_DATA = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NO_DATA
ACCURACY = {"good": "correct_total", "total": "labelled_total"}
PROFIT = {"count": "profit_count", "sum": "profit_sum", "sumOfSquares": "profit_squares"}
HALF = (stage(50), stage(100))


def guarding(kind: str, **limits: Any) -> RolloutSpec:
    """A rollout at 50 % that guards one thing of its own counters."""
    counters = ACCURACY if kind == "ratio" else PROFIT
    return spec(*HALF, guardrails=[{"name": "own", kind: {**counters, **limits}}])


def labels(total: float, bad: float) -> ArmSums:
    return ArmSums(total, bad, bad)


def profits(count: float, mean: float, deviation: float = 1.0) -> ArmSums:
    return ArmSums(count, count * mean, count * (mean**2 + deviation**2))


def seen(baseline: ArmSums, candidate: ArmSums) -> LookData:
    return look(counted={"own": (baseline, candidate)})


def after(of: RolloutSpec, block: LookData, looks: int = 40, **fields: Any) -> GuardrailStatus:
    """What the guardrail says after so many equal looks."""
    now = status(of, **fields)
    for _ in range(looks):
        judged = evidence.judge(of, now, block, None, HISTORY)
        now = now.model_copy(update={"engine": judged.engine, "looks": now.looks + 1})
    return judged.guardrails[0]


CASES = {
    "fewer good ones than the baseline": ("ratio", {}, seen(labels(500, 50), labels(500, 90)), FAIL),
    "as many good ones": ("ratio", {}, seen(labels(2000, 200), labels(2000, 200)), PASS),
    "a drop within the margin is open for a while": ("ratio", {}, seen(labels(50, 5), labels(50, 5)), OPEN),
    "twice the bad ones": ("ratio", {"maxRatio": 1.5}, seen(labels(500, 20), labels(500, 40)), FAIL),
    "as many bad ones": ("ratio", {"maxRatio": 1.5}, seen(labels(900, 40), labels(900, 40)), PASS),
    "fewer good ones than allowed": ("ratio", {"min": "90%"}, seen(labels(500, 40), labels(500, 80)), FAIL),
    "both below what is allowed": ("ratio", {"min": "90%"}, seen(labels(500, 80), labels(500, 80)), OPEN),
    "good enough": ("ratio", {"min": "90%"}, seen(labels(500, 40), labels(500, 20)), PASS),
    "less profit": ("mean", {}, seen(profits(400, 0.3), profits(400, 0.1)), FAIL),
    "a loss where the baseline earns": ("mean", {"maxDrop": "5%"}, seen(profits(400, 0.2), profits(400, -0.2)), FAIL),
    "the same profit": ("mean", {"maxDrop": "0.2"}, seen(profits(400, 0.3), profits(400, 0.3)), PASS),
    "more cost": ("mean", {"maxIncrease": "10%"}, seen(profits(400, 3), profits(400, 3.4)), FAIL),
    "the same cost": ("mean", {"maxIncrease": "10%"}, seen(profits(400, 3), profits(400, 3)), PASS),
    "less cost passes too": ("mean", {"maxIncrease": "10%"}, seen(profits(400, 3), profits(400, 2.5)), PASS),
    "below the least mean": ("mean", {"min": "0.1"}, seen(profits(400, 0.3), profits(400, -0.1)), FAIL),
    "above the least mean": ("mean", {"min": "0.1"}, seen(profits(400, 0.3), profits(400, 0.3)), PASS),
    "above the greatest mean": ("mean", {"max": "2"}, seen(profits(400, 1.5), profits(400, 2.4)), FAIL),
    "within a range, a drop": (
        "mean",
        {"maxDrop": "0.1", "range": {"min": "-1", "max": "1"}},
        seen(profits(400, 0.3, 0.5), profits(400, 0.1, 0.5)),
        FAIL,
    ),
    "within a range, above the greatest": (
        "mean",
        {"max": "0.2", "range": {"min": "-1", "max": "1"}},
        seen(profits(400, 0.1, 0.3), profits(400, 0.5, 0.3)),
        FAIL,
    ),
    "within a range, low enough": (
        "mean",
        {"max": "0.2", "range": {"min": "-1", "max": "1"}},
        seen(profits(400, 0.1, 0.3), profits(400, -0.2, 0.3)),
        PASS,
    ),
}


@pytest.mark.parametrize(("kind", "limits", "block", "verdict"), CASES.values(), ids=CASES)
def test_a_guardrail_decides_in_the_sense_it_was_declared(
    kind: str, limits: dict[str, Any], block: LookData, verdict: Verdict
) -> None:
    said = after(guarding(kind, **limits), block)

    assert said.verdict is verdict, said


SENTENCES = {
    "accuracy": (
        "ratio",
        {},
        seen(labels(500, 50), labels(500, 90)),
        "own failed: 82.00 % of 20,000 candidate counts good against 90.00 % of 20,000 of the baseline since the last "
        "gate; it is worse than the baseline by the evidence of the whole attempt (limit -2pp)",
    ),
    "cost": (
        "mean",
        {"maxIncrease": "10%"},
        seen(profits(400, 3), profits(400, 3.4)),
        "own failed: a mean of 3.4 over 16,000 values of the candidate against a mean of 3 over 16,000 values of the "
        "baseline since the last gate; it is worse than the baseline by the evidence of the whole attempt (limit +10%)",
    ),
    "an incident": (
        "ratio",
        {"min": "90%"},
        seen(labels(500, 80), labels(500, 80)),
        "own is beyond its limit on the baseline too: that is no fault of the candidate",
    ),
}


@pytest.mark.parametrize(("kind", "limits", "block", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_it_says_why_in_the_numbers_of_its_declaration(
    kind: str, limits: dict[str, Any], block: LookData, sentence: str
) -> None:
    assert after(guarding(kind, **limits), block).message == sentence


def test_a_fail_from_before_an_incident_keeps_its_own_words() -> None:
    of = guarding("ratio", min="90%")
    now = status(of)
    for block in [seen(labels(500, 20), labels(500, 200))] * 5 + [seen(labels(500, 300), labels(500, 300))] * 10:
        judged = evidence.judge(of, now, block, None, HISTORY)
        now = now.model_copy(update={"engine": judged.engine, "looks": now.looks + 1})

    assert judged.guardrails[0].verdict is FAIL
    assert judged.guardrails[0].message.startswith("own failed: ")


INTERVALS = {
    "a difference of good shares, in points": ("ratio", {}, seen(labels(500, 50), labels(500, 60)), -0.02, "pp"),
    "a ratio of bad shares": ("ratio", {"maxRatio": 1.5}, seen(labels(500, 50), labels(500, 60)), 1.2, "x["),
    "a share of good ones": ("ratio", {"min": "90%"}, seen(labels(500, 50), labels(500, 60)), 0.88, "%"),
    "a difference of costs": ("mean", {"maxIncrease": "10%"}, seen(profits(400, 3), profits(400, 3.4)), 0.4, "["),
    "a mean": ("mean", {"max": "2"}, seen(profits(400, 1.5), profits(400, 1.8)), 1.8, "["),
    "a difference within a range": (
        "mean",
        {"maxDrop": "0.1", "range": {"min": "-1", "max": "1"}},
        seen(profits(400, 0.3, 0.5), profits(400, 0.2, 0.5)),
        -0.1,
        "[",
    ),
}


@pytest.mark.parametrize(("kind", "limits", "block", "truth", "unit"), INTERVALS.values(), ids=INTERVALS)
def test_the_interval_holds_the_truth_in_the_numbers_of_the_declaration(
    kind: str, limits: dict[str, Any], block: LookData, truth: float, unit: str
) -> None:
    said = after(guarding(kind, **limits), block)

    assert said.interval_low is not None
    assert said.interval_high is not None
    assert said.interval_low < truth < said.interval_high
    assert said.interval_high - said.interval_low < 1
    assert unit in said.interval


def test_evidence_begins_when_labels_of_the_attempt_can_have_come() -> None:
    of = guarding("ratio", labelDelay="10m")
    worse = seen(labels(500, 50), labels(500, 250))

    early, late = after(of, worse, looks=20), after(of, worse, looks=30)

    assert early.verdict is OPEN
    assert early.message == "own begins 10m after the attempt: earlier labels are of the time before it"
    assert early.candidate.samples == 0
    assert late.verdict is FAIL
    assert late.candidate.samples == 10 * 500


@pytest.mark.parametrize(("candidate", "is_told"), [(500, False), (300, True)])
def test_labels_that_are_lost_for_one_arm_are_told(candidate: int, is_told: bool) -> None:
    """Half of the traffic is the candidate's, and so should half of the labels be."""
    of = guarding("ratio")
    block = look((500, 500), counted={"own": (labels(500, 50), labels(candidate, candidate / 10))})

    decision = decide(of, status(of), world(experiment(50, 50), look=block))

    assert decision.status.stage is not None
    told_of = [one for one in decision.status.stage.warnings if "which has 50 % of the traffic" in one]
    assert bool(told_of) is is_told


@pytest.mark.parametrize(("requests", "is_told"), [(1000, True), (125, False)])
def test_labels_of_one_request_go_the_same_way(requests: int, is_told: bool) -> None:
    """1134 labels to 866 are no accident of 2000 requests, but one of 250 with eight predictions each."""
    of = guarding("ratio")
    block = look((requests, requests), counted={"own": (labels(1134, 113), labels(866, 87))})

    decision = decide(of, status(of), world(experiment(50, 50), look=block))

    assert decision.status.stage is not None
    told_of = [one for one in decision.status.stage.warnings if "which has 50 % of the traffic" in one]
    assert bool(told_of) == is_told


def test_a_wait_for_labels_does_not_hold_the_soak() -> None:
    of = guarding("ratio", labelDelay="10m")

    decision = decide(of, status(of), world(experiment(50, 50), look=look((5000, 5000), gaps={"own": "no series yet"})))

    assert decision.status.stage is not None
    assert decision.status.stage.soaked_seconds == 30
    assert told(decision).because == "Soaking"


def test_counters_that_could_not_be_read_are_said_and_cost_no_evidence() -> None:
    of = guarding("ratio")
    worse = seen(labels(500, 50), labels(500, 90))
    now = status(of)
    judged = evidence.judge(of, now, worse, None, HISTORY)
    again = evidence.judge(
        of,
        now.model_copy(update={"engine": judged.engine}),
        look(gaps={"own": "no series of model new"}),
        None,
        HISTORY,
    )

    assert again.guardrails[0].verdict is NO_DATA
    assert again.guardrails[0].message == "own: no series of model new"
    assert again.engine == judged.engine
    assert not again.is_complete


def test_a_chosen_dispersion_tempers_and_is_shown() -> None:
    worse = seen(labels(500, 20), labels(500, 40))
    free, tempered = (
        after(_with_dispersion(guarding("ratio", maxRatio=1.5), chosen), worse, looks=3) for chosen in ("1", "9")
    )

    assert tempered.evidence < free.evidence
    assert (free.dispersion, tempered.dispersion) == (1, 9)


def test_a_noisy_past_of_the_baseline_tempers_a_limit_from_the_first_look() -> None:
    of = spec(*HALF, guardrails=[{"name": "errors", "errorRate": {"max": "1%"}}])
    waves = tuple(40.0 if window // 20 % 2 else 0.0 for window in range(2880))
    noisy = History(errors=Windows(30.0, (1000.0,) * 2880, waves))
    begun: RolloutStatus = status(of)

    quiet = evidence.judge(of, begun.model_copy(update={"engine": []}), look(), None, HISTORY)
    loud = evidence.judge(of, begun.model_copy(update={"engine": []}), look(), None, HISTORY, noisy)

    assert quiet.guardrails[0].dispersion == 1
    assert loud.guardrails[0].dispersion is not None
    assert loud.guardrails[0].dispersion > 10


def _with_dispersion(of: RolloutSpec, chosen: str) -> RolloutSpec:
    return of.model_copy(update={"analysis": of.analysis.model_copy(update={"dispersion": chosen})})
