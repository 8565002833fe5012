"""The life of one guardrail: start, advance at every look, reopen at a gate, read at any time.

    state = start(rule)
    state = advance(rule, state, block, schedule.gamma(...), schedule.gamma(...))     # every look
    state = reopen_pass(rule, state)                                                  # a gate was passed
    reading = read(rule, state)                                                       # what verdicts.decide wants

State is a value: nothing here is changed in place. All arrays have runs on the first axis; the operator has one run.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from modelrollout.judge import eprocess, estimates, merging
from modelrollout.judge.arrays import Columns, Floats, floats
from modelrollout.judge.eprocess import EProcess
from modelrollout.judge.estimates import Sums
from modelrollout.judge.evidence import Counts
from modelrollout.judge.refusals import CountsRefused
from modelrollout.judge.rules import Rule


@dataclass(frozen=True)
class State:
    """Everything a guardrail remembers between looks. `codec` makes a short string of it.

    fail runs through the whole attempt, passed and seen since the last gate. The maxima are of ln E, [runs]: of FAIL
    since the start, of PASS since the last gate or release. looks and looks_since_gate count calls of `advance`.
    """

    fail: EProcess
    passed: EProcess
    fail_max: Floats
    pass_max: Floats
    seen: Sums
    looks: int = 0
    looks_since_gate: int = 0


@dataclass(frozen=True)
class Reading:
    """One guardrail after a look; arrays are [runs].

    log_e_fail and log_e_pass are ln E now, *_max their running maxima. candidate_rate and baseline_rate are events per
    request since the last gate, ratio their Mantel-Haenszel ratio; NaN where nothing is known. All of one column: the
    headline, or another edge at which the arms differ clearly more.
    """

    log_e_fail: Floats
    log_e_pass: Floats
    fail_max: Floats
    pass_max: Floats
    ratio: Floats
    candidate_rate: Floats
    baseline_rate: Floats
    candidate_total: Floats
    baseline_total: Floats
    column: Columns


def start(rule: Rule, runs: int = 1) -> State:
    """A guardrail that has seen nothing: both e-values are 1."""
    return State(
        fail=eprocess.start(runs, rule.fail_bank.size),
        passed=eprocess.start(runs, rule.pass_bank.size),
        fail_max=np.zeros(runs),
        pass_max=np.zeros(runs),
        seen=estimates.start(runs, rule.columns),
    )


def advance(
    rule: Rule, state: State, block: Counts, gamma_fail: ArrayLike, gamma_pass: ArrayLike, dispersion: ArrayLike = 1.0
) -> State:
    """The state after one look at this block.

    gamma_fail and gamma_pass are this look's restart weights (`restarts.Schedule`), dispersion is phi >= 1 known
    before the look; each a number or [runs]. Raises CountsRefused when the block has not the rule's columns.
    """
    if block.candidate_total.shape != state.seen.candidate_total.shape:
        raise CountsRefused(
            f"guardrail {rule.name} got a block of {block.candidate_total.shape} runs and columns "
            f"and needs {state.seen.candidate_total.shape}: read one column per edge"
        )
    fail = eprocess.advance(state.fail, rule.fail_bank.log_increments(block), gamma_fail, dispersion)
    passed = eprocess.advance(state.passed, rule.pass_bank.log_increments(block), gamma_pass, dispersion)
    return State(
        fail=fail,
        passed=passed,
        fail_max=np.maximum(state.fail_max, _log_e_fail(rule, fail)),
        pass_max=np.maximum(state.pass_max, _log_e_pass(rule, passed)),
        seen=estimates.add(state.seen, block),
        looks=state.looks + 1,
        looks_since_gate=state.looks_since_gate + 1,
    )


def reopen_pass(rule: Rule, state: State) -> State:
    """The state after a gate was passed: PASS and the estimates begin anew, FAIL runs on."""
    fresh = start(rule, len(state.fail_max))
    return replace(state, passed=fresh.passed, pass_max=fresh.pass_max, seen=fresh.seen, looks_since_gate=0)


def release_pass(rule: Rule, state: State) -> State:
    """The state at the start of a stage without a gate before it: evidence stays, a Pass that no longer holds goes."""
    return replace(state, pass_max=np.maximum(0.0, _log_e_pass(rule, state.passed)))


def read(rule: Rule, state: State) -> Reading:
    """What the guardrail says now. Its figures are those of the column that tells most."""
    column = estimates.telling(state.seen, rule.headline, rule.compared)
    return Reading(
        log_e_fail=_log_e_fail(rule, state.fail),
        log_e_pass=_log_e_pass(rule, state.passed),
        fail_max=state.fail_max,
        pass_max=state.pass_max,
        ratio=estimates.ratio(state.seen, column),
        candidate_rate=estimates.candidate_rate(state.seen, column),
        baseline_rate=estimates.baseline_rate(state.seen, column),
        candidate_total=estimates.chosen(state.seen.candidate_total, column),
        baseline_total=estimates.chosen(state.seen.baseline_total, column),
        column=column,
    )


def _log_e_fail(rule: Rule, process: EProcess) -> Floats:
    return _log(merging.value(rule.fail, eprocess.value(process)))


def _log_e_pass(rule: Rule, process: EProcess) -> Floats:
    return _log(merging.value(rule.passed, eprocess.value(process)))


def _log(wealth: Floats) -> Floats:
    return floats(np.log(np.maximum(wealth, np.finfo(np.float64).tiny)))  # all lost is about -708, never -inf
