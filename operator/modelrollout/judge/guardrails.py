"""The life of one guardrail: start, advance at every look, reopen at a gate, read at any time.

    state = start(rule)
    state = advance(rule, state, block, schedule.gamma(...), schedule.gamma(...))     # every look
    state = reopen_pass(rule, state)                                                  # a gate was passed
    reading = read(rule, state)                                                       # what verdicts.decide wants

State is a value: nothing here is changed in place. All arrays have runs on the first axis; the operator has one run.
"""

from dataclasses import dataclass, replace
from math import log

import numpy as np
from numpy.typing import ArrayLike

from modelrollout.judge import dispersion, eprocess, estimates, merging
from modelrollout.judge.arrays import Flags, Floats, floats
from modelrollout.judge.dispersion import Scatter
from modelrollout.judge.eprocess import EProcess
from modelrollout.judge.estimates import Sums
from modelrollout.judge.evidence import Counts
from modelrollout.judge.refusals import CountsRefused
from modelrollout.judge.rule import Rule

HOLD_BOUND = log(20)  # evidence (alpha 5 %) that the baseline itself is beyond the limit


@dataclass(frozen=True)
class State:
    """Everything a guardrail remembers between looks. `codec` makes a short string of it.

    fail runs through the whole attempt, passed and seen since the last gate. environment is the fail tests of an
    absolute guardrail, run on the baseline; without tests for any other. The maxima are of ln E, [runs]: of FAIL
    since the start, of PASS since the last gate or release. looks and looks_since_gate count calls of `advance`.
    """

    fail: EProcess
    passed: EProcess
    environment: EProcess
    fail_max: Floats
    pass_max: Floats
    seen: Sums
    scatter: Scatter
    looks: int = 0
    looks_since_gate: int = 0


@dataclass(frozen=True)
class Reading:
    """One guardrail after a look; arrays are [runs].

    log_e_fail and log_e_pass are ln E now, *_max their running maxima. held: the baseline is beyond the limit too, so
    nothing is said of the candidate. `figures` has what people are shown.
    """

    log_e_fail: Floats
    log_e_pass: Floats
    fail_max: Floats
    pass_max: Floats
    held: Flags


def start(rule: Rule, runs: int = 1) -> State:
    """A guardrail that has seen nothing: both e-values are 1."""
    return State(
        fail=eprocess.start(runs, rule.fail_bank.size),
        passed=eprocess.start(runs, rule.pass_bank.size),
        environment=eprocess.start(runs, rule.fail_bank.size if rule.is_absolute else 0),
        fail_max=np.zeros(runs),
        pass_max=np.zeros(runs),
        seen=estimates.start(runs, rule.columns),
        scatter=dispersion.start(runs),
    )


def advance(
    rule: Rule,
    state: State,
    block: Counts,
    gamma_fail: ArrayLike,
    gamma_pass: ArrayLike,
    fixed_dispersion: ArrayLike | None = None,
) -> State:
    """The state after one look at this block.

    gamma_fail and gamma_pass are this look's restart weights (`restarts.Schedule`), fixed_dispersion a phi >= 1 known
    before the look (None: as the traffic so far and the baseline's history show it); each a number or [runs].
    Raises CountsRefused when the block has not the rule's columns.
    """
    if block.candidate_total.shape != state.seen.candidate_total.shape:
        raise CountsRefused(
            f"guardrail {rule.name} got a block of {block.candidate_total.shape} runs and columns "
            f"and needs {state.seen.candidate_total.shape}: read one column per edge"
        )
    phi = _phi(rule, state, block.candidate_share) if fixed_dispersion is None else floats(fixed_dispersion)
    environment = _environment(rule, state, block, gamma_fail, phi)
    fail = rule.fail_bank.advance(state.fail, block, state.seen, gamma_fail, phi)
    passed = rule.pass_bank.advance(state.passed, block, state.seen, gamma_pass, phi)
    held = _is_held(rule, environment)
    return State(
        fail=fail,
        passed=passed,
        environment=environment,
        fail_max=np.where(held, state.fail_max, np.maximum(state.fail_max, _log_e_fail(rule, fail))),
        pass_max=np.maximum(state.pass_max, _log_e_pass(rule, passed)),
        seen=estimates.add(state.seen, block),
        scatter=dispersion.watch(state.scatter, *rule.watched(block, state.seen)),
        looks=state.looks + 1,
        looks_since_gate=state.looks_since_gate + 1,
    )


def begin_stage(rule: Rule, state: State) -> State:
    """The state at the first look of a stage: the share is another, so the scatter is measured around a new mean."""
    return replace(state, scatter=dispersion.begin_stage(state.scatter, rule.scatter_kind))


def reopen_pass(rule: Rule, state: State) -> State:
    """The state after a gate was passed: PASS and the estimates begin anew, FAIL runs on."""
    fresh = start(rule, len(state.fail_max))
    return replace(state, passed=fresh.passed, pass_max=fresh.pass_max, seen=fresh.seen, looks_since_gate=0)


def release_pass(rule: Rule, state: State) -> State:
    """The state at the start of a stage without a gate before it: evidence stays, a Pass that no longer holds goes."""
    return replace(state, pass_max=np.maximum(0.0, _log_e_pass(rule, state.passed)))


def read(rule: Rule, state: State) -> Reading:
    """What the guardrail says now."""
    held, log_e_fail = _is_held(rule, state.environment), _log_e_fail(rule, state.fail)
    return Reading(
        log_e_fail=np.where(held, np.minimum(log_e_fail, 0.0), log_e_fail),
        log_e_pass=_log_e_pass(rule, state.passed),
        fail_max=state.fail_max,
        pass_max=state.pass_max,
        held=held,
    )


def _phi(rule: Rule, state: State, share: Floats) -> Floats:
    return dispersion.factor(state.scatter, rule.scatter_kind, rule.prior, share)


def _environment(rule: Rule, state: State, block: Counts, gamma: ArrayLike, phi: Floats) -> EProcess:
    """The fail tests of an absolute guardrail, run on the baseline: an incident that hits both arms is no guilt."""
    if not rule.is_absolute:
        return state.environment
    return rule.fail_bank.advance(state.environment, block.swapped(), estimates.swapped(state.seen), gamma, phi)


def _is_held(rule: Rule, environment: EProcess) -> Flags:
    if not rule.is_absolute:
        return np.zeros(len(environment.cash), dtype=np.bool_)
    return _log_e_fail(rule, environment) >= HOLD_BOUND


def _log_e_fail(rule: Rule, process: EProcess) -> Floats:
    return _log(merging.value(rule.fail, eprocess.value(process)))


def _log_e_pass(rule: Rule, process: EProcess) -> Floats:
    return _log(merging.value(rule.passed, eprocess.value(process)))


def _log(wealth: Floats) -> Floats:
    return floats(np.log(np.maximum(wealth, np.finfo(np.float64).tiny)))  # all lost is about -708, never -inf
