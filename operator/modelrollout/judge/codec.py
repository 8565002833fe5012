"""A guardrail's state as a short string, for the rollout's status.

A letter for the version, then base64 of little-endian float32, one run: looks, looks since the gate, cash and maximum
of FAIL and of PASS, both tables of ln M, and the six sums per column. Under 1 kB for a latency rule with three edges
and two floor edges. Rounding to float32 moves ln E by about one part in ten million and is a fixed point: what was
decoded encodes to the same string.
"""

import base64
import binascii
from dataclasses import fields

import numpy as np

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.eprocess import EProcess
from modelrollout.judge.estimates import Sums
from modelrollout.judge.guardrails import State, start
from modelrollout.judge.refusals import StateRefused
from modelrollout.judge.rules import Rule

VERSION = "a"
HEAD = 6


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
    numbers = np.concatenate([head, state.fail.log_m.ravel(), state.passed.log_m.ravel(), *sums])
    return VERSION + base64.b64encode(numbers.astype("<f4").tobytes()).decode("ascii")


def decode(text: str, rule: Rule) -> State:
    """The state that `encode` wrote under this rule. Raises StateRefused for anything else."""
    fresh = start(rule)
    shapes = [(HEAD,), fresh.fail.log_m.shape, fresh.passed.log_m.shape, *[(1, rule.columns)] * len(fields(Sums))]
    numbers = _numbers(text, sum(int(np.prod(shape)) for shape in shapes), rule.name)
    parts = np.split(numbers, np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1])
    head, fail, passed, *sums = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
    if not (np.isfinite(head).all() and (head[[0, 1, 2, 4]] >= 0).all() and np.isfinite(sums).all()):
        raise StateRefused(f"the stored state of guardrail {rule.name} holds impossible numbers: start a new attempt")
    return State(
        fail=EProcess(fail, head[2:3]),
        passed=EProcess(passed, head[4:5]),
        fail_max=head[3:4],
        pass_max=head[5:6],
        seen=Sums(*sums),
        looks=int(head[0]),
        looks_since_gate=int(head[1]),
    )


def _numbers(text: str, expected: int, name: str) -> Floats:
    try:
        raw = base64.b64decode(text[1:], validate=True)
        numbers = floats(np.frombuffer(raw, dtype="<f4"))
    except (binascii.Error, ValueError) as wrong:
        raise StateRefused(f"the stored state of guardrail {name} is damaged ({wrong}): start a new attempt") from wrong
    if text[:1] != VERSION or len(numbers) != expected:
        raise StateRefused(
            f"the stored state of guardrail {name} is of kind {text[:1]!r} with {len(numbers)} numbers, "
            f"not {VERSION!r} with {expected}: start a new attempt"
        )
    if np.isnan(numbers).any() or (numbers == np.inf).any():
        raise StateRefused(f"the stored state of guardrail {name} holds impossible numbers: start a new attempt")
    return numbers
