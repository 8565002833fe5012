"""What is stored and read back: rules, states, and counts at the door."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_worlds import steady
from modelrollout.judge import codec, evidence, guardrails, restarts, rules, split
from modelrollout.judge.dispersion import Prior
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.merging import Unit
from modelrollout.judge.refusals import CountsRefused, RuleRefused, StateRefused
from modelrollout.judge.rule import Rule

PAST = Histogram((5, 10, 25, 50, 100, 250), (0, 300, 800, 940, 980, 1000), 1000)
RULES: dict[str, Rule] = {
    "errors against the baseline": rules.error_ratio("errors", 1.5, 0.005),
    "errors without a floor": rules.error_ratio("errors", 2, 0),
    "errors against a limit": rules.error_limit("errors", 0.02),
    "latency with three edges and two floor edges": rules.latency_increase("p95", 0.95, 0.2, 7, PAST),
    "latency against a limit": rules.latency_limit("slo", 0.99, 120, PAST.edges_ms),
    "latency at the median": rules.latency_increase("p50", 0.5, 0.2, 0, PAST),
    "errors of sessions": rules.error_ratio("errors", 1.5, 0.005, clustered=True),
    "accuracy against the baseline": rules.share_drop("accuracy", 0.02),
    "reward against the baseline": rules.mean_drop("reward", 0.05, Unit.BASELINE_MEAN),
    "reward against a limit": rules.mean_limit("reward", -0.3),
    "reward within a range against a limit": rules.badness_limit("reward", 0.4),
    "with a history": replace(rules.error_limit("errors"), prior=Prior((1.5, 1, 1, 2, 2), (90, 40, 30, 10, 10), 0.4)),
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


@every_rule
def test_a_rule_comes_back_from_json(rule: Rule) -> None:
    assert Rule.from_record(json.loads(json.dumps(rule.to_record()))) == rule


DAMAGE = {
    "a missing field": lambda record: record.pop("fail"),
    "a column that is not there": lambda record: record["fail"].update(column=7),
    "a bet on the wrong side": lambda record: record["fail"].update(design=0.001),
    "a bet beyond certainty": lambda record: record["fail"].update(far=1.5),
    "an unknown likelihood": lambda record: record["fail"].update(test="oracle"),
    "a tree of nothing": lambda record: record.update(fail={}),
    "a tree of a wrong kind": lambda record: record.update(fail={"max": []}),
    "a tree without parts": lambda record: record.update(fail={"min": []}),
    "no tree": lambda record: record.update(fail=None),
    "text for a number": lambda record: record["fail"].update(null="low"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_rule_is_refused_with_a_cure(damage: object) -> None:
    record = rules.error_limit("errors").to_record()
    assert callable(damage)
    damage(record)

    with pytest.raises(RuleRefused, match="start a new attempt"):
        Rule.from_record(record)


@pytest.mark.parametrize(
    "build",
    [
        lambda: rules.error_ratio("e", margin=1.0),
        lambda: rules.error_ratio("e", margin=25),
        lambda: rules.error_ratio("e", margin=float("nan")),
        lambda: rules.error_ratio("e", floor=1.0),
        lambda: rules.error_ratio("e", floor=-0.1),
        lambda: rules.error_limit("e", 0.0),
        lambda: rules.error_limit("e", 1.0),
    ],
)
def test_numbers_without_sense_make_no_rule(build: object) -> None:
    assert callable(build)
    with pytest.raises(RuleRefused):
        build()


counts = st.integers(0, 10**6)


@every_rule
@settings(steady, max_examples=40)
@given(looks=st.lists(st.tuples(counts, counts, counts, counts), max_size=5))
def test_a_state_comes_back_and_encodes_to_the_same_text(rule: Rule, looks: list[tuple[int, int, int, int]]) -> None:
    schedule, state = restarts.Schedule(2880, 2), guardrails.start(rule)
    for look, (n_c, s_c, n_b, s_b) in enumerate(looks, start=1):
        events = [
            [s_c // (place + 1) for place in range(rule.columns)],
            [s_b // (place + 1) for place in range(rule.columns)],
        ]
        gamma = schedule.gamma(look, int(look == 1))
        state = guardrails.advance(rule, state, evidence.counts(n_c, events[0], n_b, events[1]), gamma, gamma)

    text = codec.encode(state, rule)
    back = codec.decode(text, rule)

    assert codec.encode(back, rule) == text
    assert len(text) < 1000
    before, after = guardrails.read(rule, state), guardrails.read(rule, back)
    assert after.log_e_fail == pytest.approx(before.log_e_fail, abs=1e-4)
    assert after.log_e_pass == pytest.approx(before.log_e_pass, abs=1e-4)
    assert (after.fail_max, after.pass_max) == (before.fail_max, before.pass_max)
    assert (back.looks, back.looks_since_gate) == (state.looks, state.looks_since_gate)


@every_rule
def test_a_bet_not_placed_yet_survives_storing(rule: Rule) -> None:
    back = codec.decode(codec.encode(guardrails.start(rule), rule), rule)

    assert (back.fail.bets == 0).all()
    assert back.fail.cash.item() == 1


def test_an_overwhelming_state_survives_storing() -> None:
    rule = rules.error_ratio("errors")
    state = guardrails.advance(rule, guardrails.start(rule), evidence.counts(10**9, 10**9, 10**9, 0), 0.75, 0.75)

    text = codec.encode(state, rule)

    assert codec.encode(codec.decode(text, rule), rule) == text
    assert guardrails.read(rule, codec.decode(text, rule)).log_e_fail.item() > 300


def _fresh(rule: Rule) -> str:
    return codec.encode(guardrails.start(rule), rule)


GOOD = _fresh(rules.error_ratio("errors"))


def _with(place: int, number: float) -> str:
    raw = bytearray(base64.b85decode(GOOD[1:]))
    raw[8 * place : 8 * place + 8] = np.array([number], "<f8").tobytes()
    return GOOD[:1] + base64.b85encode(raw).decode()


GARBAGE = {
    "nothing": "",
    "words": "hello there",
    "other letters": "aÄÖÜ",
    "another version": "z" + GOOD[1:],
    "cut off": GOOD[:-4],
    "of another rule": _fresh(rules.error_limit("errors")),
    "not a number": _with(1, float("nan")),
    "a stake below zero": _with(1, -1),
    "more stake than there is": _with(3, 1.5),
    "an infinite maximum": _with(4, float("inf")),
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(StateRefused, match=r"^the stored state of guardrail errors .*: start a new attempt$"):
        codec.decode(text, rules.error_ratio("errors"))


@steady
@given(text=st.text(max_size=80) | st.binary(max_size=600).map(lambda raw: "b" + base64.b85encode(raw).decode()))
def test_any_text_is_either_a_state_or_refused(text: str) -> None:
    rule = rules.error_limit("errors")
    try:
        state = codec.decode(text, rule)
    except StateRefused:
        return
    assert codec.encode(state, rule)


def test_a_state_of_several_runs_is_not_stored() -> None:
    rule = rules.error_limit("errors")
    with pytest.raises(ValueError, match="3 runs"):
        codec.encode(guardrails.start(rule, runs=3), rule)


def test_events_beyond_the_total_are_cut_to_it() -> None:
    block = evidence.counts(5, [7, 3], 10, 2)

    assert block.candidate_events.tolist() == [[5, 3]]
    assert block.baseline_total.tolist() == [[10, 10]]


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), 1e17])
def test_counts_that_no_counter_shows_are_refused_by_name_and_value(wrong: float) -> None:
    with pytest.raises(CountsRefused, match=r"baseline events is .*: a count must be a finite number"):
        evidence.counts(5, 1, 10, [2, wrong])


def test_a_block_with_other_columns_than_the_rule_is_refused() -> None:
    rule = RULES["latency against a limit"]

    with pytest.raises(CountsRefused, match="guardrail slo"):
        guardrails.advance(rule, guardrails.start(rule), evidence.counts(5, 1, 10, 2), 0.5, 0.5)


def test_the_split_test_stays_calm_for_the_told_shares_and_alarms_for_others() -> None:
    rng = np.random.default_rng(3)
    told, other = rng.binomial(12_000, 0.05, 500), rng.binomial(12_000, 0.06, 500)

    calm = split.log_e(np.stack([told, 12_000 - told], axis=-1), [0.05, 0.95])
    alarm = split.log_e(np.stack([other, 12_000 - other], axis=-1), [0.05, 0.95])

    assert (calm >= np.log(1000)).mean() <= 0.002
    assert (alarm >= np.log(1000)).mean() >= 0.5


@pytest.mark.parametrize(
    ("seen", "shares"), [([5, 5], [0, 1]), ([5, 5], [0.5, 0.6]), ([-1, 5], [0.5, 0.5]), ([float("nan"), 5], [0.5, 0.5])]
)
def test_the_split_test_refuses_shares_and_counts_without_sense(seen: list[float], shares: list[float]) -> None:
    with pytest.raises(CountsRefused):
        split.log_e(seen, shares)


@pytest.mark.parametrize(("looks", "stages"), [(0, 1), (1, 0)])
def test_a_schedule_of_nothing_is_refused(looks: int, stages: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        restarts.Schedule(looks, stages)
