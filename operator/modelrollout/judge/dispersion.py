"""How much more the traffic scatters than independent requests would: the factor phi by which evidence is tempered.

Sessions, retries and noisy machines make the counts of a block scatter more than chance alone. Then evidence counts
for too much. phi is the largest ratio of observed to expected variance over batches of 1 to 240 looks (a batch-means
estimate of the long-run variance: correlation over minutes shows only in long batches), mixed with what the
baseline's own history showed. It is known before the look it is used on, so dividing by it keeps every guarantee.

What is watched is a pair (part, whole) per look, and how far parts stray from a constant fraction of their wholes:

    kind     part              whole                     expected variance of a batch
    arms     s_c - S n_c/N     S (N - S) n_c n_b/N^3     whole f_c (1 - f_c)/(w (1 - w))
    level    baseline events   baseline requests         whole f (1 - f)
    means    D / v             1 / v                     whole  (D the arms' difference, v its variance)

s_c of n_c are the candidate's events, S of N those of both arms: how the requests of a look are dealt out to the arms
is given, and no scatter, even when labels come late or many predictions come in one request. Of equal arms s_c is
hypergeometric; w is the mean of n_c/N, and f_c = w + f w (1 - w) the candidate's share of the events as they are.

f is fitted (sum of parts over sum of wholes) anew in every stage, so a real difference between the arms does not count
as scatter. The second moment beside f: sum over batches of (part - f whole)^2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum

import numpy as np

from modelrollout.judge.arrays import Floats, floats

SCALES: Floats = np.array([1.0, 4.0, 16.0, 64.0, 240.0])  # looks per batch
LEAST_BATCHES = 10.0
NOTHING = 1e-9  # requests; in place of a 0 that would be divided by
TRUST = 20.0  # how many batches the belief in independence is worth when there is no history


class Kind(Enum):
    """What a guardrail's evidence scatters about."""

    ARMS = "arms"
    LEVEL = "level"
    MEANS = "means"


@dataclass(frozen=True)
class Scatter:
    """What was watched so far, [runs, scales] (totals and looks: [runs, 1]). Fields of this stage first.

    parts2, cross and wholes2 are sums over finished batches of part^2, part * whole and whole^2; open_* the batch
    under way; part, whole and share (whole times w) the totals. earlier_* are those of finished stages: squared
    residuals, expected variance, and batches.
    """

    parts2: Floats
    cross: Floats
    wholes2: Floats
    open_part: Floats
    open_whole: Floats
    part: Floats
    whole: Floats
    share: Floats
    looks: Floats
    earlier_residual: Floats
    earlier_expected: Floats
    earlier_batches: Floats


@dataclass(frozen=True)
class Prior:
    """What the baseline's history says, one number per scale: ratio of variances, and how many batches it is worth.

    share is the pseudo arm's part of the requests in the history. Slow noise of one arm counts for more the more both
    arms are compared, so what a scale shows beyond single looks goes with w (1 - w); clusters within a look do not.
    """

    ratios: tuple[float, ...] = (1.0,) * len(SCALES)
    trust: tuple[float, ...] = (TRUST,) * len(SCALES)
    share: float = 0.5


NO_HISTORY = Prior()


def start(runs: int) -> Scatter:
    """Nothing watched yet."""
    single = {"part", "whole", "share", "looks"}
    return Scatter(
        *(np.zeros((runs, 1 if field.name in single else len(SCALES))) for field in fields(Scatter)),
    )


def between_arms(
    candidate_events: Floats, candidate_total: Floats, baseline_events: Floats, baseline_total: Floats
) -> tuple[Floats, Floats, Floats]:
    """(part, whole, share) of the kind `arms`, of the shape of the counts; whole is 0 where nothing can be compared."""
    requests = np.maximum(candidate_total + baseline_total, NOTHING)
    share, events = candidate_total / requests, candidate_events + baseline_events
    return candidate_events - events * share, events * (1 - events / requests) * share * (1 - share), share


def watch(scatter: Scatter, part: Floats, whole: Floats, share: Floats | float = 0.5) -> Scatter:
    """The scatter after one look; all [runs], share only for `arms`. A look without anything to compare (whole = 0)
    is no look."""
    seen = floats(whole > 0)[:, None]
    x, y = floats(np.where(whole > 0, part, 0.0))[:, None], floats(np.where(whole > 0, whole, 0.0))[:, None]
    looks = scatter.looks + seen
    open_part, open_whole = scatter.open_part + x, scatter.open_whole + y
    done = (seen > 0) & (looks % SCALES == 0)
    return Scatter(
        parts2=scatter.parts2 + np.where(done, open_part**2, 0.0),
        cross=scatter.cross + np.where(done, open_part * open_whole, 0.0),
        wholes2=scatter.wholes2 + np.where(done, open_whole**2, 0.0),
        open_part=np.where(done, 0.0, open_part),
        open_whole=np.where(done, 0.0, open_whole),
        part=scatter.part + x,
        whole=scatter.whole + y,
        share=scatter.share + y * np.atleast_1d(floats(share))[:, None],
        looks=looks,
        earlier_residual=scatter.earlier_residual,
        earlier_expected=scatter.earlier_expected,
        earlier_batches=scatter.earlier_batches,
    )


def begin_stage(scatter: Scatter, kind: Kind) -> Scatter:
    """The scatter at the start of a stage: f is fitted anew, what was learnt of the variance stays."""
    residual, expected, batches = _so_far(scatter, kind)
    fresh = start(len(scatter.looks))
    return Scatter(
        **{
            **{field.name: getattr(fresh, field.name) for field in fields(Scatter)},
            "earlier_residual": residual,
            "earlier_expected": expected,
            "earlier_batches": batches,
        }
    )


def factor(scatter: Scatter, kind: Kind, prior: Prior = NO_HISTORY, share: Floats | float = 0.5) -> Floats:
    """phi >= 1, [runs]: max over scales of (trust ratio + k R)/(trust + k), R observed over expected variance.

    k is the number of batches, or the expected variance where that is smaller (a batch in which hardly an event is
    expected says little); a scale of fewer than 10 batches says nothing itself. share: the candidate's part of the
    traffic, to which the history is translated.
    """
    residual, expected, batches = _so_far(scatter, kind)
    observed = np.divide(residual, expected, out=np.ones_like(residual), where=expected > 0)
    worth = batches if kind is Kind.MEANS else np.minimum(batches, expected)
    k = np.where((batches >= LEAST_BATCHES) & (expected > 0), worth, 0.0)
    ratios, trust = _translated(prior, kind, share), np.array(prior.trust)
    return floats(np.maximum(1.0, ((trust * ratios + k * observed) / (trust + k)).max(axis=1)))


def prior_over_time(events: Sequence[float], total: Sequence[float]) -> Prior:
    """What one model's counts per look say of how its level wanders."""
    return _prior(floats(events), floats(total), np.full(len(total), 0.5), Kind.LEVEL)


def prior_between(
    events: Sequence[float], total: Sequence[float], other_events: Sequence[float], other_total: Sequence[float]
) -> Prior:
    """What two pseudo arms of one model, which cannot differ, say of its scatter: their counts per look."""
    one, of, other, of_other = (floats(counts) for counts in (events, total, other_events, other_total))
    return _prior(*between_arms(one, of, other, of_other), Kind.ARMS)


def _prior(parts: Floats, wholes: Floats, shares: Floats, kind: Kind) -> Prior:
    """Of a history of looks, [looks]. Scales of which it has fewer than 10 batches believe in what the longest known
    scale showed. Independence when the history has no such scale."""
    scatter = start(1)
    for look in zip(parts, wholes, shares, strict=True):
        scatter = watch(scatter, *(np.array([value]) for value in look))
    residual, expected, batches = (array[0] for array in _so_far(scatter, kind))
    known = (batches >= LEAST_BATCHES) & (expected > 0)
    if not known.any():
        return NO_HISTORY
    last = int(np.flatnonzero(known)[-1])
    ratios = np.where(known, residual / np.where(known, expected, 1.0), (residual / np.maximum(expected, 1e-300))[last])
    trust = np.where(known, np.minimum(batches, expected), LEAST_BATCHES)
    share = float(_mean_share(scatter)[0, 0])
    return Prior(tuple(map(float, np.maximum(ratios, 0.0))), tuple(map(float, np.maximum(trust, 1.0))), share)


def _so_far(scatter: Scatter, kind: Kind) -> tuple[Floats, Floats, Floats]:
    """Squared residuals, expected variance and batches of all stages, [runs, scales]."""
    f = np.divide(scatter.part, scatter.whole, out=np.zeros_like(scatter.part), where=scatter.whole > 0)
    residual = scatter.parts2 - 2 * f * scatter.cross + f**2 * scatter.wholes2
    finished = scatter.whole - scatter.open_whole
    expected = finished * _unit_variance(scatter, kind, f)
    return (
        scatter.earlier_residual + np.maximum(residual, 0.0),
        scatter.earlier_expected + np.maximum(expected, 0.0),
        scatter.earlier_batches + np.floor(scatter.looks / SCALES),
    )


def _unit_variance(scatter: Scatter, kind: Kind, f: Floats) -> Floats:
    """The variance that one unit of the whole is expected to bring."""
    if kind is Kind.MEANS:
        return np.ones_like(f)
    if kind is Kind.LEVEL:
        return floats(f * (1 - f))
    w = _mean_share(scatter)
    dealt = w * (1 - w)
    events = np.clip(w + f * dealt, 0.0, 1.0)
    return np.divide(events * (1 - events), dealt, out=np.ones_like(f), where=dealt > 0)


def _mean_share(scatter: Scatter) -> Floats:
    """The candidate's part of the requests, as much as they could be compared."""
    return np.divide(scatter.share, scatter.whole, out=np.full_like(scatter.whole, 0.5), where=scatter.whole > 0)


def _translated(prior: Prior, kind: Kind, share: Floats | float) -> Floats:
    """The history's ratios at another share, [runs, scales]."""
    ratios = np.array(prior.ratios)[None, :]
    if kind is not Kind.ARMS or prior is NO_HISTORY:
        return floats(ratios)
    w = np.atleast_1d(floats(share))[:, None]
    scale = w * (1 - w) / max(prior.share * (1 - prior.share), 1e-9)
    return floats(ratios[:, :1] + (ratios - ratios[:, :1]) * np.where(np.isnan(scale), 1.0, scale))
