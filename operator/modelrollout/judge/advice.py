"""What cannot work as it was written, and what would: one sentence each, as values. Nothing here decides anything."""

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import ceil, floor, inf, isfinite, log10

from modelrollout.judge.edges import share_beyond
from modelrollout.judge.histograms import Histogram

NEAR = 1.1  # an edge within 10 % of a limit is as good as one on it
WIDE = 2.0  # a bucket whose upper edge is at most twice its lower one is not wide
CLUSTERED = 2.0  # dispersion beyond which requests hang together
WEEK_SECONDS = 7 * 86400.0


class Kind(Enum):
    """What an advice is about."""

    NO_EDGE_NEAR_LIMIT = "noEdgeNearLimit"
    QUANTILE_IN_WIDEST_BUCKET = "quantileInWidestBucket"
    TOO_SLOW_FOR_STAGE = "tooSlowForStage"
    TOO_SLOW_AT_ALL = "tooSlowAtAll"
    BLIND_AT_FULL_WEIGHT = "blindAtFullWeight"
    TOO_FEW_EVENTS = "tooFewEvents"
    BASELINE_BEYOND_LIMIT = "baselineBeyondLimit"
    CLUSTERED_TRAFFIC = "clusteredTraffic"
    LATE_FOR_DEADLINE = "lateForDeadline"
    NOISE_UNKNOWN = "noiseUnknown"


@dataclass(frozen=True)
class Advice:
    """One sentence: what will not work, and the cure."""

    kind: Kind
    sentence: str


@dataclass(frozen=True)
class StagePace:
    """How one guardrail gets on in one stage: weight in percent, times to Pass of half and of nine of ten equal models.

    share_needed: the share (0-1) at which nine of ten pass within max_duration_seconds; None when none does.
    """

    guardrail: str
    weight: int
    pass_median_seconds: float
    pass_90_seconds: float
    max_duration_seconds: float
    share_needed: float | None


def spoken(seconds: float) -> str:
    """The time as people say it: 40 s, 35 min, 1 h 48 min, 3 days 4 h; never for inf."""
    if not isfinite(seconds):
        return "never"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return _two(minutes // 60, "h", minutes % 60, "min")
    hours = round(seconds / 3600)
    return _two(hours // 24, "days", hours % 24, "h")


def short(seconds: float) -> str:
    """The same as a spec writes it: 40s, 35m, 1h48m; never for inf."""
    if not isfinite(seconds):
        return "never"
    if seconds < 90:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours}h{rest}m" if hours and rest else f"{hours}h" if hours else f"{minutes}m"


def no_edge_near_limit(name: str, quantile: float, limit_ms: float, edges_ms: tuple[float, ...]) -> Advice | None:
    """When the bucket edges around a latency limit are not near it: between them nothing is decided."""
    finite = [edge for edge in edges_ms if edge < inf]
    below = max((edge for edge in finite if edge <= limit_ms), default=0.0)
    above = min((edge for edge in finite if edge >= limit_ms), default=inf)
    if below * NEAR >= limit_ms and above <= limit_ms * NEAR:
        return None
    where = f"between {below:g} and {above:g} ms" if above < inf else f"above {below:g} ms"
    sentence = (
        f"{name} has no bucket edge near its limit of {limit_ms:g} ms: p{100 * quantile:g} {where} is neither passed "
        f"nor failed; put a bucket edge at {limit_ms:g} ms, or set the limit on an edge"
    )
    return Advice(Kind.NO_EDGE_NEAR_LIMIT, sentence)


def quantile_in_widest_bucket(
    name: str, quantile: float, increase: float, floor_ms: float, history: Histogram
) -> Advice | None:
    """When the baseline's quantile lies in the widest bucket: what moves inside a bucket is not seen.

    increase is the margin as a fraction. A bucket that ends at or below the floor does no harm.
    """
    finite = (0.0, *history.finite_edges_ms)
    buckets = list(pairwise(finite))
    low, high = next(
        ((a, b) for a, b in buckets if history.beyond(b) <= share_beyond(quantile) * history.total), (finite[-1], inf)
    )
    widest = max((b / a for a, b in buckets if a > 0), default=WIDE)
    width = high / low if low > 0 else inf
    if high <= floor_ms or width < widest or width <= WIDE * (1 + increase):
        return None
    return Advice(
        Kind.QUANTILE_IN_WIDEST_BUCKET,
        f"{name}: the baseline's p{100 * quantile:g} lies {_within(low, high)}, in the widest bucket, where an "
        f"increase of {100 * increase:g} % may not show; {_edges_between(low, high)}",
    )


def too_slow(pace: StagePace) -> Advice | None:
    """When an equal candidate will probably not pass within the stage's maxDuration: the weight or time that would do.

    A guardrail that can never pass at any weight is the business of `too_few_events` and `baseline_beyond_limit`.
    """
    if pace.pass_90_seconds <= pace.max_duration_seconds or pace.pass_90_seconds == inf:
        return None
    longer = f"a maxDuration of {spoken(ceil(pace.pass_90_seconds / 300) * 300)}"
    if pace.share_needed is None:
        cure = f"no weight is enough in that time, {longer} would do"
    else:
        cure = f"a weight of {round(100 * pace.share_needed)} would do, or {longer}"
    if pace.pass_90_seconds > WEEK_SECONDS and pace.share_needed is None:
        return _too_slow_at_all(pace)
    sentence = (
        f"{pace.guardrail} at weight {pace.weight} passes an equal model in {spoken(pace.pass_median_seconds)} "
        f"(90 %: {spoken(pace.pass_90_seconds)}), and the stage's maxDuration is "
        f"{spoken(pace.max_duration_seconds)}: {cure}"
    )
    return Advice(Kind.TOO_SLOW_FOR_STAGE, sentence)


def noise_unknown(names: tuple[str, ...], replicas: int) -> Advice | None:
    """When nothing tells how far two equal arms drift apart by themselves, for these comparisons."""
    if not names or replicas > 1:
        return None
    return Advice(
        Kind.NOISE_UNKNOWN,
        f"{' and '.join(names)}: Prometheus tells no two replicas of the baseline apart, so how far equal arms drift "
        "apart by themselves (a noisy node) is not known before the rollout; serve the baseline from two replicas with "
        "a pod label each, or set analysis.dispersion",
    )


def blind_at_full_weight(names: tuple[str, ...], weights: tuple[int, ...]) -> Advice | None:
    """When every guardrail that rolls back compares with the baseline, which has no traffic at weight 100.

    names: those guardrails, empty when one of them is absolute. weights: those of the stages.
    """
    if not names or 100 not in weights or any(90 <= weight < 100 for weight in weights):
        return None
    are = "compares" if len(names) == 1 else "compare"
    sentence = (
        f"{_listed(names)} {are} with the baseline, which has no traffic at weight 100: nothing can fail there; "
        "add a guardrail with an absolute limit, or a stage of weight 95 before it"
    )
    return Advice(Kind.BLIND_AT_FULL_WEIGHT, sentence)


def too_few_events(name: str, cure: str) -> Advice:
    """When an equal candidate can never pass, because hardly an event happens that could be compared."""
    sentence = f"{name} can never pass: the baseline shows too few events to compare with; {cure}"
    return Advice(Kind.TOO_FEW_EVENTS, sentence)


def baseline_beyond_limit(name: str, limit: str) -> Advice:
    """When the baseline itself does not keep an absolute limit, so that an equal candidate cannot pass."""
    sentence = (
        f"{name} can never pass a model like the baseline, which is itself beyond the limit or too near to it "
        f"({limit}): allow more, or compare with the baseline instead"
    )
    return Advice(Kind.BASELINE_BEYOND_LIMIT, sentence)


def clustered_traffic(name: str, dispersion: float, is_clustered: bool) -> Advice | None:
    """When the traffic scatters so much that requests must hang together."""
    if dispersion <= CLUSTERED:
        return None
    cure = (
        "count sessions instead of requests, or run more replicas of each model"
        if is_clustered
        else "set analysis.clustered to true when sessions or retries stick to a model, or count sessions instead"
    )
    sentence = (
        f"{name} scatters {dispersion:.2g} times as much as independent requests would, "
        f"and takes that much longer: {cure}"
    )
    return Advice(Kind.CLUSTERED_TRAFFIC, sentence)


def late_for_deadline(name: str, pass_90_seconds: float, left_seconds: float) -> Advice | None:
    """When, as the candidate does now, it will probably not pass before the stage's time is over."""
    if pass_90_seconds <= left_seconds:
        return None
    when = (
        "would never pass as the candidate does now"
        if pass_90_seconds == inf
        else f"may take another {spoken(pass_90_seconds)} to pass"
    )
    sentence = (
        f"{name} {when}, and the stage has {spoken(left_seconds)} left: raise its maxDuration or weight, "
        "or let analysis.onInconclusive decide"
    )
    return Advice(Kind.LATE_FOR_DEADLINE, sentence)


def _too_slow_at_all(pace: StagePace) -> Advice:
    """The margin is so small that this traffic takes more than a week to prove it kept."""
    sentence = (
        f"{pace.guardrail} at weight {pace.weight} would take {spoken(pace.pass_90_seconds)} to pass an equal model, "
        "and no weight is enough: its margin is too small for this traffic; allow a larger one"
    )
    return Advice(Kind.TOO_SLOW_AT_ALL, sentence)


def _two(whole: int, unit: str, part: int, part_unit: str) -> str:
    return f"{whole} {unit} {part} {part_unit}" if part else f"{whole} {unit}"


def _within(low: float, high: float) -> str:
    return f"between {low:g} and {high:g} ms" if high < inf else f"above {low:g} ms"


def _edges_between(low: float, high: float) -> str:
    """Two edges that part the bucket evenly in ratio, as round numbers."""
    start, end = (low or high / 8), (high if high < inf else 4 * low)
    first, second = (_round(start * (end / start) ** (part / 3)) for part in (1, 2))
    return f"put bucket edges at {first:g} and {second:g} ms"


def _round(value: float) -> float:
    """Two significant digits, the second 0 or 5."""
    unit = 10.0 ** (floor(log10(value)) - 1) * 5
    return ceil(value / unit - 0.5) * unit


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
