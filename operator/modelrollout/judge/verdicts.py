"""From the readings of all guardrails to one verdict, for one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import exp, log

import numpy as np

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.guardrails import Reading


class Verdict(Enum):
    """What the evidence says so far. Inconclusive is never a pass."""

    PASS = "Pass"
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True)
class Judged:
    """A guardrail with statistics. weight is its share of alpha_fail; all weights together are at most 1.

    A guardrail of weight 0 cannot fail the rollout: it is judged by itself at the whole alpha_fail, for actions that
    are no rollback. required: the rollout passes only when this guardrail does.
    """

    name: str
    reading: Reading
    weight: float
    required: bool = True


@dataclass(frozen=True)
class Stated:
    """A guardrail whose verdict is known without statistics: a threshold, or one that cannot be judged yet.

    armed: its Fail fails the rollout. required: the rollout passes only when this guardrail does.
    """

    name: str
    verdict: Verdict
    armed: bool = False
    required: bool = True


@dataclass(frozen=True)
class Finding:
    """One guardrail's part of a judgement.

    evidence_percent (0-100) is how far ln E has come to the nearer bound, and toward says which: Pass, Fail, or
    Inconclusive when there is none.
    always_valid_p_value bounds the chance that a healthy candidate ever looks this bad.
    held: the baseline is beyond the limit too, so nothing is said of the candidate.
    """

    name: str
    verdict: Verdict
    evidence_percent: float
    toward: Verdict
    always_valid_p_value: float | None = None
    held: bool = False


@dataclass(frozen=True)
class Judgement:
    """The verdict over all guardrails; cause names the guardrail with most evidence of harm when it is Fail."""

    verdict: Verdict
    cause: str | None
    findings: tuple[Finding, ...]


def equal_weights(names: Sequence[str], critical: Sequence[str] = ()) -> dict[str, float]:
    """Shares of alpha that sum to 1: a critical guardrail gets twice the share of another."""
    parts = {name: 2.0 if name in critical else 1.0 for name in names}
    return {name: part / sum(parts.values()) for name, part in parts.items()}


def log_e_fail(readings: Sequence[Reading], weights: Sequence[float]) -> Floats:
    """ln of the weighted average of the guardrails' FAIL e-values, [runs]. -inf when no weight is given.

    The weighted average is the only admissible merge of e-values under any dependence (Vovk and Wang 2021, theorem
    3.2) and never later than a Bonferroni correction.
    """
    terms = [reading.log_e_fail + log(weight) for reading, weight in zip(readings, weights, strict=True) if weight > 0]
    return floats(np.logaddexp.reduce(terms)) if terms else np.full(1, -np.inf)


def decide(
    guardrails: Sequence[Judged | Stated], alpha_fail: float = 0.05, alpha_pass: float = 0.05, run: int = 0
) -> Judgement:
    """The judgement of one run.

    Fail when the weighted average of FAIL e-values reaches 1/alpha_fail, or one guardrail's own share of it ever did
    (so a Fail of its own latches; the caller acts on any other at once), or an armed stated guardrail fails. Pass when
    every required guardrail has reached 1/alpha_pass since the last gate: each at the whole alpha_pass, because a bad
    candidate would have to pass the very guardrail it violates. Fail wins ties. Nothing required is Inconclusive.
    Raises ValueError for weights or alphas that guarantee nothing.
    """
    judged = [one for one in guardrails if isinstance(one, Judged)]
    _check(judged, alpha_fail, alpha_pass)
    cause = _cause(judged, alpha_fail, run) or _stated_cause(guardrails)
    findings = tuple(
        _stated(one) if isinstance(one, Stated) else _finding(one, one.name == cause, alpha_fail, alpha_pass, run)
        for one in guardrails
    )
    return Judgement(_overall(guardrails, findings, cause), cause, findings)


def _overall(guardrails: Sequence[Judged | Stated], findings: Sequence[Finding], cause: str | None) -> Verdict:
    if cause is not None:
        return Verdict.FAIL
    needed = [finding.verdict for one, finding in zip(guardrails, findings, strict=True) if one.required]
    passed = bool(needed) and all(verdict is Verdict.PASS for verdict in needed)
    return Verdict.PASS if passed else Verdict.INCONCLUSIVE


def _stated_cause(guardrails: Sequence[Judged | Stated]) -> str | None:
    failed = (one.name for one in guardrails if isinstance(one, Stated) and one.armed and one.verdict is Verdict.FAIL)
    return next(failed, None)


def _cause(judged: Sequence[Judged], alpha: float, run: int) -> str | None:
    """The guardrail whose evidence fails the rollout, or None."""
    armed = [one for one in judged if one.weight > 0]
    if not armed:
        return None
    latched = max(armed, key=lambda one: _share_of_bound(one, alpha, run))
    if _share_of_bound(latched, alpha, run) >= 1:
        return latched.name
    together = log_e_fail([one.reading for one in armed], [one.weight for one in armed])[run]
    if together < -log(alpha):
        return None
    return max(armed, key=lambda one: float(one.reading.log_e_fail[run]) + log(one.weight)).name


def _stated(one: Stated) -> Finding:
    """The finding of a guardrail without statistics: all or nothing."""
    evidence = 0.0 if one.verdict is Verdict.INCONCLUSIVE else 100.0
    return Finding(one.name, one.verdict, evidence, toward=one.verdict)


def _share_of_bound(one: Judged, alpha: float, run: int) -> float:
    """How far the running maximum of ln E has come to the guardrail's own bound; 1 is there."""
    return float(one.reading.fail_max[run]) / -log(alpha * (one.weight or 1.0))


def _finding(one: Judged, is_cause: bool, alpha_fail: float, alpha_pass: float, run: int) -> Finding:
    reading = one.reading
    failed = is_cause or _share_of_bound(one, alpha_fail, run) >= 1
    to_pass = 1.0 if reading.pass_max[run] >= -log(alpha_pass) else float(reading.log_e_pass[run]) / -log(alpha_pass)
    to_fail = 1.0 if failed else float(reading.log_e_fail[run]) / -log(alpha_fail * (one.weight or 1.0))
    toward = Verdict.FAIL if to_fail >= to_pass else Verdict.PASS
    nearer = min(max(to_fail, to_pass, 0.0), 1.0)
    return Finding(
        name=one.name,
        verdict=Verdict.FAIL if failed else Verdict.PASS if to_pass >= 1 else Verdict.INCONCLUSIVE,
        evidence_percent=100 * nearer,
        toward=toward if nearer > 0 else Verdict.INCONCLUSIVE,
        always_valid_p_value=min(1.0, exp(-float(reading.fail_max[run]))),
        held=bool(reading.held[run]),
    )


def _check(judged: Sequence[Judged], alpha_fail: float, alpha_pass: float) -> None:
    for name, alpha in (("alpha_fail", alpha_fail), ("alpha_pass", alpha_pass)):
        if not 0 < alpha < 1:
            raise ValueError(f"{name} is {alpha:g}: it must lie between 0 and 1")
    total = sum(one.weight for one in judged)
    if any(one.weight < 0 for one in judged) or total > 1 + 1e-9:
        raise ValueError(f"the guardrails' weights sum to {total:g}: they must be at least 0 and sum to at most 1")
