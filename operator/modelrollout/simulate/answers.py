"""The answer to a study: one table for people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from modelrollout.judge.arrays import Floats
from modelrollout.simulate import climbs, peers, ranks, runs, summary
from modelrollout.simulate.climbs import Climbed
from modelrollout.simulate.contestants import Contestant
from modelrollout.simulate.looks import Arm
from modelrollout.simulate.qualities import Quality, Rewards, Values
from modelrollout.simulate.runs import Times, Until
from modelrollout.simulate.shares import Ramp
from modelrollout.simulate.studies import Study
from modelrollout.simulate.worlds import World

OURS = "ModelRollout"
LARGE = 1_000_000  # requests, of which the share in each bucket is told as exactly as a limit needs
SLOW_RUNS = 100
CANDIDATES_BESIDE = 3


@dataclass(frozen=True)
class Answer:
    """What became of the candidates: in words, our rollouts, and the other tools' times by name."""

    words: str
    climbed: Climbed
    peers: dict[str, Times]

    @property
    def rollbacks(self) -> dict[str, Floats]:
        """Minutes to the rollback by rule, ours first."""
        return {OURS: self.climbed.rolled_back} | {name: times.failed for name, times in self.peers.items()}


def answer(study: Study, with_peers: bool) -> list[Answer]:
    """The healthy candidate first, then each harmful one."""
    cases = [("healthy candidate", study.healthy())]
    cases += [(f"candidate with {harm.words}", study.harmful(harm)) for harm in study.harms]
    limits = _limits(study) if with_peers else {}
    return [
        Answer(words, climbs.climb(world, study.judge, study.steps, study.runs), _peers(study, world, limits))
        for words, world in cases
    ]


def text(study: Study, answers: Sequence[Answer]) -> str:
    """The table, with what was simulated above it and what was left out below."""
    healthy, *harmful = answers
    rows = [
        ["rolled back", _falsely(healthy, study.judge.alpha), *(_reached(one.climbed.rolled_back) for one in harmful)],
        [f"undecided after {study.world.hours:g} h", *(_undecided(one.climbed) for one in answers)],
        *_waiting(study, answers),
        ["reached 100 %", *(_reached(one.climbed.promoted) for one in answers)],
        *(
            [f"  left {100 * step.share:g} %", *(_spent(one.climbed, stage) for one in answers)]
            for stage, step in enumerate(study.steps)
        ),
    ]
    rows += [
        [f"{name} rolls back", *(_reached(one.peers[name].failed) for one in answers)] for name in answers[0].peers
    ]
    side_by_side = _side_by_side([["", *(one.words for one in answers)], *rows])
    return "\n".join([*_above(study), "", *side_by_side, *_below(study, bool(answers[0].peers))])


def duration(minutes: float) -> str:
    """Minutes as people say them: 30s, 12m, 2h05m."""
    if not isfinite(minutes):
        return "longer"
    if minutes < 10:
        return f"{round(60 * minutes)}s" if minutes < 1 else f"{round(minutes, 1):g}m"
    hours, rest = divmod(round(minutes), 60)
    return f"{hours}h{rest:02d}m" if hours else f"{rest}m"


def _above(study: Study) -> list[str]:
    world, weights = study.world, ", ".join(f"{100 * step.share:g}" for step in study.steps)
    return [
        *([study.traffic] if study.traffic else []),
        f"{study.runs} rollouts of each candidate: {world.per_second:g} requests per second, a look every "
        f"{world.interval_seconds:g} s for {world.hours:g} h, stages {weights} %, alpha {100 * study.judge.alpha:g} %",
        f"guardrails: {', '.join(study.told)}",
    ]


def _below(study: Study, has_peers: bool) -> list[str]:
    lines = ["Times are medians, in brackets when nine of ten had got there; of stages, the time spent in them."]
    if study.world.onset_hours:
        began = duration(60 * study.world.onset_hours)
        lines.append(
            f"Harm begins after {began}; times are counted from the start, and who was promoted before was healthy."
        )
    if has_peers:
        lines.append(
            f"The other tools' rules are ours, after their behaviour, at {100 * study.steps[0].share:g} % throughout; "
            "their limit lies halfway between the baseline and the first harmful candidate."
        )
    return lines + [f"Note: {note}." for note in study.notes]


def _falsely(healthy: Answer, alpha: float) -> str:
    found = summary.rate(healthy.climbed.rolled_back)
    return f"{found.hits} of {found.runs} ({100 * found.share:.1f} %; promised: at most {100 * alpha:g} %)"


def _reached(times: Floats) -> str:
    found = summary.delay(times)
    of = f"{found.reached.hits} of {found.reached.runs}"
    return of if not isfinite(found.median) else f"{of} in {duration(found.median)} (90 %: {duration(found.ninety)})"


def _undecided(climbed: Climbed) -> str:
    return f"{int(climbed.is_open.sum())} of {len(climbed.is_open)}"


def _waiting(study: Study, answers: Sequence[Answer]) -> list[list[str]]:
    """A row for each guardrail that undecided rollouts wait for."""
    counted = {
        one.rule.name: [int(answer.climbed.lacking[answer.climbed.is_open, at].sum()) for answer in answers]
        for at, one in enumerate(study.judge.guarded)
    }
    return [
        [f"  wait for {name}", *(str(count) for count in counts)] for name, counts in counted.items() if any(counts)
    ]


def _spent(climbed: Climbed, stage: int) -> str:
    found = summary.delay(climbed.spent(stage))
    if not found.reached.runs:
        return "nobody"
    return f"{found.reached.hits} in {duration(found.median)} (90 %: {duration(found.ninety)})"


def _side_by_side(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as tables that fit a screen: so many candidates beside each other, the others below them."""
    lines = []
    for begin in range(1, len(rows[0]), CANDIDATES_BESIDE):
        lines += [*_columns([[row[0], *row[begin : begin + CANDIDATES_BESIDE]] for row in rows]), ""]
    return lines


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _peers(study: Study, world: World, limits: dict[str, float]) -> dict[str, Times]:
    """The other tools on the same traffic, at the first stage's share for the whole time."""
    if not limits:
        return {}
    steady = replace(world, sharing=Ramp((study.steps[0].share,)))
    until = Until.FAILED if world.harm else Until.END
    fast: list[Contestant] = [
        peers.AnyOf("Argo-style", tuple(peers.argo_style(name, limit) for name, limit in limits.items())),
        peers.AnyOf("Flagger-style", tuple(peers.flagger_style(name, limit) for name, limit in limits.items())),
        peers.AnyOf("z per look", tuple(peers.PeekingZ(name) for name in limits)),
    ]
    slow: list[Contestant] = [peers.AnyOf("Kayenta /min", tuple(ranks.kayenta(name) for name in limits))]
    return runs.drive(steady, fast, study.runs, until) | runs.drive(steady, slow, min(study.runs, SLOW_RUNS), until)


def _limits(study: Study) -> dict[str, float]:
    """The fixed limit that a user of other tools would write: halfway between good and bad, as a dashboard shows it."""
    worse = {name: factor for harm in study.harms for name, factor in harm.factors.items()}
    return {
        name: (_shown(quality, 1.0) + _shown(quality, worse[name])) / 2
        for name, quality in study.world.measured.items()
        if name in worse and not isinstance(quality, Rewards | Values)
    }


def _shown(quality: Quality, factor: float) -> float:
    rng = np.random.default_rng(LARGE)
    arm: Arm = quality.draw(np.array([float(LARGE)]), factor, rng)
    return float(peers.measured(quality, arm)[0])
