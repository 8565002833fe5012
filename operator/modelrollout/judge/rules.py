"""The guardrails that can be declared: which tests fail and pass each.

Rules are frozen and depend on nothing but their arguments. The latency rules choose bucket edges from the baseline's
history once; the record of the rule is stored, so that a restart goes on with the same edges.

Every builder takes `clustered`: requests come in sessions or retries that stick to an arm. Then what fails a candidate
bets once per look, which stays valid however requests hang together, and needs the split to be as configured.
"""

from math import inf, isfinite

from modelrollout.judge import edges
from modelrollout.judge.edges import Edge
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.merging import Likelihood, Mean, Min, Test, Tree, Unit
from modelrollout.judge.refusals import RuleRefused
from modelrollout.judge.rule import Rule

FAR = 20.0  # the most extreme alternative of a fail test, in multiples of its null or its design
FAR_MEAN = 10.0  # the same for means: 0.05 deviations reach to 0.5
FLOOR_DESIGN = 4.0  # a pass test against a constant bets on a quarter of it,
FLOOR_FAR = 50.0  # and at most on a fiftieth
COMMON = 0.1  # events more frequent than this are compared by differences, which then see more than ratios
LEVEL_STEP = 0.05  # standard deviations: what a mean beyond its limit is expected to be beyond it


def error_ratio(
    name: str, margin: float = 1.5, floor: float = 0.005, tolerance: float = 1.0, clustered: bool = False
) -> Rule:
    """Errors against the baseline. Fails what errs more than the baseline and more than the floor; passes what errs
    less than margin times the baseline, or less than the floor.

    margin and tolerance are ratios (1.5 is half as many again); floor is a share (0.005 is 0.5 %), 0 for none.
    Raises RuleRefused for numbers that make no sense.
    """
    _require(
        0 < tolerance < margin < FAR * tolerance,
        f"margin is {margin:g} and tolerance {tolerance:g}: the margin must be 1 to {FAR:g} times the tolerance",
    )
    _require(0 <= floor < 1, f"floor is {floor:g}: it is a share of requests from 0 to below 1")
    _require(not clustered or tolerance == 1, f"tolerance is {tolerance:g}: with clustered requests it must be 1")
    worse = _more(0, margin, tolerance, clustered)
    equal = Test(Likelihood.RATIO, 0, margin, tolerance, margin / FAR)
    if floor == 0:
        return Rule(name, fail=worse, passed=equal)
    return Rule(name, fail=Min((worse, _above(0, floor, clustered))), passed=Mean((equal, _below(0, floor))))


def error_limit(name: str, limit: float = 0.02, clustered: bool = False) -> Rule:
    """Errors of the candidate against a constant share (0.02 is 2 %). Raises RuleRefused unless it lies within 0-1."""
    _require(0 < limit < 1, f"limit is {limit:g}: it is a share of requests between 0 and 1")
    return Rule(name, fail=_above(0, limit, clustered), passed=_below(0, limit))


def share_drop(name: str, max_drop: float = 0.02, clustered: bool = False) -> Rule:
    """A share of good ones (accuracy) against the baseline's: events are the bad ones. Fails what has more bad ones
    than the baseline; passes what has at most max_drop (0.02 is 2 percentage points) more.

    Raises RuleRefused for a max_drop outside 0-1.
    """
    _require(0 < max_drop < 1, f"maxDrop is {max_drop:g}: it is a difference of shares above 0 and below 1")
    worse = Test(Likelihood.DIFFERENCE, 0, 0.0, max_drop, FAR * max_drop)
    if clustered:
        worse = _more(0, 1.5, 1.0, clustered)
    equal = Test(Likelihood.DIFFERENCE, 0, max_drop, 0.0, max_drop - FAR * max_drop)
    return Rule(name, fail=worse, passed=equal)


def mean_drop(name: str, margin: float = 0.05, unit: Unit = Unit.DEVIATIONS) -> Rule:
    """A mean (reward: more is better) against the baseline's. Fails what is below it; passes what is at most `margin`
    below it, in multiples of the unit: plain, standard deviations, or the baseline's mean.

    The test is asymptotic: it trusts variances that earlier looks showed. Raises RuleRefused for a margin of nothing.
    """
    _require(0 < margin < inf, f"margin is {margin:g}: a margin of nothing can never be passed, allow more than 0")
    worse = Test(Likelihood.MEAN_DIFFERENCE, 0, 0.0, margin, FAR_MEAN * margin, unit)
    equal = Test(Likelihood.MEAN_DIFFERENCE, 0, margin, 0.0, margin - FAR_MEAN * margin, unit)
    return Rule(name, fail=worse, passed=equal)


def mean_limit(name: str, least: float) -> Rule:
    """The candidate's mean against a constant that it must not fall below. Asymptotic, as `mean_drop`.

    Raises RuleRefused unless `least` is finite.
    """
    _require(isfinite(least), f"limit is {least:g}: it must be a finite number")
    worse = Test(Likelihood.MEAN_LIMIT, 0, least, LEVEL_STEP, FAR_MEAN * LEVEL_STEP)
    better = Test(Likelihood.MEAN_LIMIT, 0, least, -LEVEL_STEP, -FAR_MEAN * LEVEL_STEP)
    return Rule(name, fail=worse, passed=better)


def badness_limit(name: str, most: float) -> Rule:
    """The mean of values in 0-1, of which 0 is best (`evidence.as_badness`), against a constant. Exact.

    Raises RuleRefused unless the limit lies within 0-1.
    """
    _require(0 < most < 1, f"limit is {most:g} of the range: it must lie within it")
    steady = (Test(Likelihood.BERNSTEIN, 0, most, at, at) for at in ((1 + most) / 2, most / 2))
    above, below = steady
    return Rule(name, fail=Mean((_above(0, most), above)), passed=Mean((_below(0, most), below)))


def latency_increase(
    name: str, quantile: float, increase: float, floor_ms: float, history: Histogram, clustered: bool = False
) -> Rule:
    """A latency quantile against the baseline's: shares beyond one to three edges near it, averaged.

    quantile 0-1 (0.95); increase is the margin as a fraction (0.2 for +20 %); floor_ms: a quantile below it is no harm,
    0 for none; history: the baseline's recent past.
    A floor below the first edge cannot help to pass, and only the comparison does.
    Raises RuleRefused, HistoryTooShort, NoUsableEdge.
    """
    _require(0 < quantile < 1, f"quantile is {quantile:g}: it lies between 0 and 1")
    _require(increase > 0, f"increase is {increase:g}: a margin of nothing can never be passed, allow more than 0")
    _require(floor_ms >= 0, f"floor is {floor_ms:g} ms: it cannot be negative")
    chosen = edges.around_quantile(history, quantile, increase)
    listed = [edge.at_ms for edge in chosen]
    worse: Tree = Mean(tuple(_slower(at, edge, clustered) for at, edge in enumerate(chosen)))
    equal: Tree = Mean(tuple(_as_fast(at, edge) for at, edge in enumerate(chosen)))
    if floor_ms > 0:
        high = _column(listed, edges.at_or_above(history.edges_ms, floor_ms))
        worse = Min((worse, _above(high, edges.share_beyond(quantile), clustered)))
    if floor_ms >= history.edges_ms[0]:
        low = _column(listed, edges.at_or_below(history.edges_ms, floor_ms))
        equal = Mean((equal, _below(low, edges.share_beyond(quantile))))
    return Rule(name, worse, equal, tuple(listed))


def latency_limit(
    name: str, quantile: float, limit_ms: float, edges_ms: tuple[float, ...], clustered: bool = False
) -> Rule:
    """A latency quantile of the candidate against a constant. Between two edges the upper fails and the lower passes.

    Raises RuleRefused, and NoUsableEdge when the limit lies outside the edges.
    """
    _require(0 < quantile < 1, f"quantile is {quantile:g}: it lies between 0 and 1")
    _require(limit_ms > 0, f"limit is {limit_ms:g} ms: it must be above 0")
    listed = [edges.at_or_above(edges_ms, limit_ms)]
    low = _column(listed, edges.at_or_below(edges_ms, limit_ms))
    beyond = edges.share_beyond(quantile)
    return Rule(name, _above(0, beyond, clustered), _below(low, beyond), tuple(listed))


def _slower(column: int, edge: Edge, clustered: bool) -> Test:
    if clustered or edge.share <= COMMON:
        return _more(column, edge.ratio, 1.0, clustered)
    gap = edge.share * (edge.ratio - 1)
    return Test(Likelihood.DIFFERENCE, column, 0.0, gap, FAR * gap)


def _as_fast(column: int, edge: Edge) -> Test:
    if edge.share <= COMMON:
        return Test(Likelihood.RATIO, column, edge.ratio, 1.0, edge.ratio / FAR)
    gap = edge.share * (edge.ratio - 1)
    return Test(Likelihood.DIFFERENCE, column, gap, 0.0, gap - FAR * gap)


def _more(column: int, margin: float, tolerance: float, clustered: bool) -> Test:
    """H0: at most tolerance times the baseline's rate."""
    kind = Likelihood.SHARE_BETTING if clustered else Likelihood.RATIO
    return Test(kind, column, tolerance, margin, tolerance * FAR)


def _above(column: int, share: float, clustered: bool = False) -> Test:
    """H0 p <= share. Bets from 1.5 times the share to 20 times, kept halfway and three quarters towards 1 at most."""
    kind = Likelihood.RATE_BETTING if clustered else Likelihood.PROPORTION
    return Test(kind, column, share, min(1.5 * share, (1 + share) / 2), min(FAR * share, (3 + share) / 4))


def _below(column: int, share: float) -> Test:
    """H0 p >= share. Bets on a quarter of the share, down to a fiftieth."""
    return Test(Likelihood.PROPORTION, column, share, share / FLOOR_DESIGN, share / FLOOR_FAR)


def _column(listed: list[float], edge_ms: float) -> int:
    """The column of an edge, added to the list when it is not there yet."""
    if edge_ms not in listed:
        listed.append(edge_ms)
    return listed.index(edge_ms)


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise RuleRefused(sentence)
