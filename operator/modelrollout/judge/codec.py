"""A guardrail's state as a short string, for the rollout's status.

A letter for the version, then base85 of one run, little-endian: looks and looks since the gate; as float64 cash and
maximum of FAIL and of PASS and the cash of the environment (exact, so that storing never undoes a verdict); ln of all
bets in steps of 2^-14 as 24-bit integers; as float32 the sums per column and the scatter. Under 1 kB for a latency
rule with three edges and two floor edges. Rounding moves ln E by less than 1e-4, to either side alike, and is a fixed
point: what was decoded encodes to the same string.
"""

import base64
from dataclasses import fields

import numpy as np

from modelrollout.judge import estimates
from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.dispersion import Scatter
from modelrollout.judge.eprocess import LARGEST_BET, EProcess
from modelrollout.judge.estimates import Sums
from modelrollout.judge.guardrails import State, start
from modelrollout.judge.refusals import StateRefused
from modelrollout.judge.rule import Rule

VERSION = "b"
HEAD = np.dtype([("looks", "<u4"), ("looks_since_gate", "<u4"), ("exact", "<f8", 5)])
STEPS = 2.0**14
NOTHING = -(2**23)  # in place of ln 0
SQUARES = ("candidate_squares", "baseline_squares")


def encode(state: State, rule: Rule) -> str:
    """The state of one run as text. Raises ValueError for a state of several runs: those are simulations."""
    if len(state.fail_max) != 1:
        raise ValueError(f"a state of {len(state.fail_max)} runs is not for keeping: encode one run")
    exact = [state.fail.cash, state.fail_max, state.passed.cash, state.pass_max, state.environment.cash]
    head = np.array((state.looks, state.looks_since_gate, np.concatenate(exact)), dtype=HEAD)
    bets = np.concatenate([process.bets.ravel() for process in (state.fail, state.passed, state.environment)])
    amounts = np.concatenate(
        [getattr(state.seen, name).ravel() for name in _kept_sums(rule)]
        + [getattr(state.scatter, field.name).ravel() for field in fields(Scatter)]
    )
    raw = head.tobytes() + _packed(bets) + amounts.astype("<f4").tobytes()
    return VERSION + base64.b85encode(raw).decode("ascii")


def decode(text: str, rule: Rule) -> State:
    """The state that `encode` wrote under this rule. Raises StateRefused for anything else."""
    fresh = start(rule)
    head, bets, amounts = _parts(text, rule, fresh)
    exact = head["exact"]
    if not (np.isfinite(exact).all() and (exact >= 0).all() and (exact[[0, 2, 4]] <= 1).all()):
        raise _impossible(rule)
    fail, passed, environment = _cut(bets, [fresh.fail.bets, fresh.passed.bets, fresh.environment.bets])
    kept, scattered = _kept_sums(rule), [field.name for field in fields(Scatter)]
    shaped = [getattr(fresh.seen, name) for name in kept] + [getattr(fresh.scatter, name) for name in scattered]
    found = _cut(amounts, shaped)
    sums = dict(zip(kept, found[: len(kept)], strict=True))
    return State(
        fail=EProcess(fail, exact[0:1]),
        passed=EProcess(passed, exact[2:3]),
        environment=EProcess(environment, exact[4:5]),
        fail_max=exact[1:2],
        pass_max=exact[3:4],
        seen=_sums(sums),
        scatter=Scatter(**dict(zip(scattered, found[len(kept) :], strict=True))),
        looks=int(head["looks"]),
        looks_since_gate=int(head["looks_since_gate"]),
    )


def _kept_sums(rule: Rule) -> list[str]:
    """The sums to store: where values are 0 and 1 their squares are the events again."""
    return [field.name for field in estimates.FIELDS if rule.has_values or field.name not in SQUARES]


def _sums(kept: dict[str, Floats]) -> Sums:
    squares = {"candidate_squares": kept["candidate_events"], "baseline_squares": kept["baseline_events"]}
    return Sums(**(squares | kept))


def _packed(bets: Floats) -> bytes:
    """ln of the bets as 24-bit integers; what is not placed yet or as good as lost has a sign of its own."""
    with np.errstate(divide="ignore"):  # ln 0 = -inf is meant
        logs = np.log(np.where(bets < 1 / LARGEST_BET, 0.0, bets))
    steps = np.where(np.isfinite(logs), np.rint(logs * STEPS), NOTHING).astype("<i4")
    return steps.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _unpacked(raw: bytes) -> Floats:
    wide = np.zeros((len(raw) // 3, 4), np.uint8)
    wide[:, :3] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
    wide[:, 3] = np.where(wide[:, 2] >= 128, 255, 0)  # the sign
    steps = wide.view("<i4").ravel()
    return floats(np.where(steps == NOTHING, 0.0, np.exp(np.minimum(steps / STEPS, np.log(LARGEST_BET)))))


def _parts(text: str, rule: Rule, fresh: State) -> tuple[np.void, Floats, Floats]:
    """Head, bets and amounts."""
    try:
        raw = base64.b85decode(text[1:].encode("ascii"))
    except ValueError as wrong:
        what = f"the stored state of guardrail {rule.name} is damaged ({wrong})"
        raise StateRefused(f"{what}: start a new attempt") from wrong
    bets = 3 * sum(process.bets.size for process in (fresh.fail, fresh.passed, fresh.environment))
    numbers = rule.columns * len(_kept_sums(rule)) + sum(
        getattr(fresh.scatter, field.name).size for field in fields(Scatter)
    )
    expected = HEAD.itemsize + bets + 4 * numbers
    if text[:1] != VERSION or len(raw) != expected:
        raise StateRefused(
            f"the stored state of guardrail {rule.name} is of kind {text[:1]!r} with {len(raw)} bytes, "
            f"not {VERSION!r} with {expected}: start a new attempt"
        )
    head = np.frombuffer(raw, HEAD, 1)[0]
    amounts = floats(np.frombuffer(raw, "<f4", offset=HEAD.itemsize + bets))
    if not np.isfinite(amounts).all():
        raise _impossible(rule)
    return head, _unpacked(raw[HEAD.itemsize : HEAD.itemsize + bets]), amounts


def _cut(flat: Floats, like: list[Floats]) -> list[Floats]:
    """The flat numbers in the shapes of these arrays."""
    ends = np.cumsum([array.size for array in like])[:-1]
    return [part.reshape(array.shape) for part, array in zip(np.split(flat, ends), like, strict=True)]


def _impossible(rule: Rule) -> StateRefused:
    return StateRefused(f"the stored state of guardrail {rule.name} holds impossible numbers: start a new attempt")
