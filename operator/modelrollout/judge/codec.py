"""A guardrail's state as a short string, for the rollout's status.

A letter for the version, then base64 of one run, little-endian: as float64 looks, looks since the gate, cash and
maximum of FAIL and of PASS (exact, so that storing never undoes a verdict); as float32 ln of both tables of bets and
the six sums per column. Under 1 kB for a latency rule with three edges and two floor edges. Rounding moves ln E by
less than one part in a million and is a fixed point: what was decoded encodes to the same string.
"""

import base64
import binascii
from dataclasses import fields

import numpy as np

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.eprocess import LARGEST_BET, EProcess
from modelrollout.judge.estimates import Sums
from modelrollout.judge.guardrails import State, start
from modelrollout.judge.refusals import StateRefused
from modelrollout.judge.rules import Rule

VERSION = "a"
HEAD = 6
STEPS = 2.0**20


def encode(state: State) -> str:
    """The state of one run as text. Raises ValueError for a state of several runs: those are simulations."""
    if len(state.fail_max) != 1:
        raise ValueError(f"a state of {len(state.fail_max)} runs is not for keeping: encode one run")
    head = [
        state.looks,
        state.looks_since_gate,
        state.fail.cash[0],
        state.fail_max[0],
        state.passed.cash[0],
        state.pass_max[0],
    ]
    sums = [getattr(state.seen, field.name).ravel() for field in fields(Sums)]
    body = np.concatenate([_logs(state.fail.bets), _logs(state.passed.bets), *sums])
    raw = np.array(head, dtype="<f8").tobytes() + body.astype("<f4").tobytes()
    return VERSION + base64.b64encode(raw).decode("ascii")


def decode(text: str, rule: Rule) -> State:
    """The state that `encode` wrote under this rule. Raises StateRefused for anything else."""
    fresh = start(rule)
    shapes = [fresh.fail.bets.shape, fresh.passed.bets.shape, *[(1, rule.columns)] * len(fields(Sums))]
    sizes = [int(np.prod(shape)) for shape in shapes]
    head, body = _numbers(text, sum(sizes), rule.name)
    fail, passed, *sums = (
        part.reshape(shape) for part, shape in zip(np.split(body, np.cumsum(sizes)[:-1]), shapes, strict=True)
    )
    if np.isnan(body).any() or not _are_amounts(head, *sums) or (head[[2, 4]] > 1).any():
        raise StateRefused(f"the stored state of guardrail {rule.name} holds impossible numbers: start a new attempt")
    return State(
        fail=EProcess(_bets(fail), head[2:3]),
        passed=EProcess(_bets(passed), head[4:5]),
        fail_max=head[3:4],
        pass_max=head[5:6],
        seen=Sums(*sums),
        looks=int(head[0]),
        looks_since_gate=int(head[1]),
    )


def _logs(bets: Floats) -> Floats:
    """ln of the bets in steps of 2^-20: coarser than the error of exp and ln, so that they undo each other exactly.

    -inf for what is not placed yet or as good as lost: near the smallest float the steps would not hold.
    """
    with np.errstate(divide="ignore"):  # ln 0 = -inf is meant
        logs = np.log(np.where(bets < 1 / LARGEST_BET, 0.0, bets))
    return floats(np.rint(logs * STEPS) / STEPS).ravel()


def _bets(logs: Floats) -> Floats:
    return floats(np.exp(np.minimum(logs, np.log(LARGEST_BET))))


def _numbers(text: str, rounded: int, name: str) -> tuple[Floats, Floats]:
    """The exact numbers, and the rounded ones."""
    try:
        raw = base64.b64decode(text[1:].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as wrong:
        raise StateRefused(f"the stored state of guardrail {name} is damaged ({wrong}): start a new attempt") from wrong
    if text[:1] != VERSION or len(raw) != 8 * HEAD + 4 * rounded:
        raise StateRefused(
            f"the stored state of guardrail {name} is of kind {text[:1]!r} with {len(raw)} bytes, "
            f"not {VERSION!r} with {8 * HEAD + 4 * rounded}: start a new attempt"
        )
    return floats(np.frombuffer(raw, "<f8", HEAD)), floats(np.frombuffer(raw, "<f4", offset=8 * HEAD))


def _are_amounts(*arrays: Floats) -> bool:
    return all(bool(np.isfinite(array).all() and (array >= 0).all()) for array in arrays)
