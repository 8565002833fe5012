"""The main scenarios of the bench: which worlds, seen by whom. Their names are their seeds and the keys of results."""

from dataclasses import dataclass, replace

from modelrollout.judge import rules
from modelrollout.judge.rule import Rule
from modelrollout.simulate.contestants import Contestant
from modelrollout.simulate.jobs import Job
from modelrollout.simulate.oracle import t80_minutes
from modelrollout.simulate.ours import Guarded, Ours
from modelrollout.simulate.peers import PeekingZ, argo_style, flagger_style
from modelrollout.simulate.qualities import Errors, Latency, Quality
from modelrollout.simulate.ranks import kayenta, mann_whitney
from modelrollout.simulate.runs import Until
from modelrollout.simulate.shares import Ramp, Thompson
from modelrollout.simulate.worlds import Trouble, World

SHARE = 0.05
TRAFFIC = (1.0, 10.0, 100.0)
BUSY = (10.0, 100.0)
MEASURED = "quality"  # the one quality of each of these worlds
P95_MS = 250.0  # the smallest edge at or above the baseline's p95
SLOW_RUNS = 200  # for rules that sort thousands of differences per minute
ONSET_HOURS = 12.0

PLAIN = "ModelRollout, dispersion 1"
CLUSTERED = "ModelRollout, clustered"
INFORMED = "ModelRollout, with history"


@dataclass(frozen=True)
class Kind:
    """A kind of guardrail on the bench: what is measured, how the harmful candidate differs, and the fixed limit that
    the rules of other tools are given, halfway between both.
    """

    key: str
    title: str
    quality: Quality
    harm: float
    limit: float
    baseline: float
    candidate: float

    def t80(self, per_second: float, share: float = SHARE) -> float:
        """Minutes that the planned, single look of the oracle needs."""
        return t80_minutes(per_second, share, self.baseline, self.candidate)


LATENCY = Latency()
AT_P95 = LATENCY.edges_ms.index(P95_MS)
ERRORS = Kind("errors", "errors 1 % → 2 %", Errors(0.01), 2.0, 0.015, 0.01, 0.02)
P95 = Kind("p95", "p95 +20 %", LATENCY, 1.2, 285.6, float(LATENCY.beyond()[AT_P95]), float(LATENCY.beyond(1.2)[AT_P95]))
ACCURACY = Kind("accuracy", "accuracy 90 % → 88 %", Errors(0.1), 1.2, 0.11, 0.1, 0.12)
KINDS = (ERRORS, P95, ACCURACY)


def rule_of(kind: Kind, clustered: bool = False) -> Rule:
    """The guardrail as the operator makes it with every default."""
    if kind is P95:
        return rules.latency_increase("p95", 0.95, 0.2, 10.0, LATENCY.history(), clustered=clustered)
    if kind is ACCURACY:
        return rules.share_drop("accuracy", 0.02, clustered=clustered)
    return rules.error_ratio("errors", clustered=clustered)


def ours(rule: Rule, name: str = "ModelRollout", dispersion: float | None = None) -> Ours:
    """Our judge with this one guardrail on the one quality."""
    return Ours((Guarded(MEASURED, rule),), dispersion=dispersion, name=name)


def cell(kind: Kind, per_second: float, harmful: bool) -> World:
    """One of the nine cells: constant traffic, an equal or a harmful candidate from the first look on."""
    what = "harmful" if harmful else "equal"
    harm = {MEASURED: kind.harm} if harmful else {}
    return World(f"{kind.key}, {per_second:g} req/s, {what}", per_second, {MEASURED: kind.quality}, harm)


def fast_peers(kind: Kind) -> tuple[Contestant, ...]:
    """The rules that cost little: fixed limits and the z test."""
    return argo_style(MEASURED, kind.limit), flagger_style(MEASURED, kind.limit), PeekingZ(MEASURED)


def slow_peers(kind: Kind) -> tuple[Contestant, ...]:
    """The rules that compare ranks."""
    ranked: tuple[Contestant, ...] = (kayenta(MEASURED), kayenta(MEASURED, 60))
    return ranked if kind is P95 else (*ranked, mann_whitney(MEASURED))


def cells(runs: int, harmful: bool) -> list[Job]:
    """The nine cells for all rules."""
    until = Until.FAILED if harmful else Until.END
    return [
        Job(cell(kind, traffic, harmful), who, min(runs, most), until)
        for kind in KINDS
        for traffic in TRAFFIC
        for who, most in (((ours(rule_of(kind)), *fast_peers(kind)), runs), (slow_peers(kind), SLOW_RUNS))
    ]


STRESS = {
    "independent requests": World("", 0, {MEASURED: Errors(0.01)}),
    "ramp 5 → 10 → 25 → 50 % and a day of ±60 %": World(
        "", 0, {MEASURED: Errors(0.01)}, sharing=Ramp((0.05, 0.1, 0.25, 0.5)), trouble=Trouble(diurnal=0.6)
    ),
    "shared bursts ×10": World("", 0, {MEASURED: Errors(0.01)}, trouble=Trouble(bursts=True)),
    "1 % resets per look and arm, 20 % missed looks": World(
        "", 0, {MEASURED: Errors(0.01)}, trouble=Trouble(resets=0.01, missed=0.2)
    ),
    "Thompson weights": World("", 0, {MEASURED: Errors(0.01)}, sharing=Thompson()),
    "sticky sessions of 20": World("", 0, {MEASURED: Errors(0.01, sessions=20)}, sessions=20),
    "each arm its own slow noise (sd 0.5, 10 min)": World(
        "", 0, {MEASURED: Errors(0.01)}, trouble=Trouble(arm_noise=0.5)
    ),
}
WITH_HISTORY = ("independent requests", "sticky sessions of 20", "each arm its own slow noise (sd 0.5, 10 min)")


def stressed(name: str, per_second: float, harm: float = 1.0) -> World:
    """A stress world at this traffic."""
    what = "" if harm == 1 else f", errors x{harm:g}"
    return replace(
        STRESS[name], name=f"{name}, {per_second:g} req/s{what}", per_second=per_second, harm={MEASURED: harm}
    )


def stress(runs: int) -> list[Job]:
    """Identical candidates on difficult ground: errors, for a day."""
    rule = rule_of(ERRORS)
    judges = (ours(rule), ours(rule, PLAIN, 1.0), ours(rule_of(ERRORS, True), CLUSTERED), PeekingZ(MEASURED))
    informed = ours(rule, INFORMED)
    calm = [Job(stressed(name, traffic), judges, runs) for name in STRESS for traffic in BUSY]
    learnt = [
        Job(stressed(name, traffic), (informed,), runs, with_history=True) for name in WITH_HISTORY for traffic in BUSY
    ]
    price = [
        Job(stressed(name, 10.0, 2.0), (informed,), runs, Until.FAILED, with_history=True) for name in WITH_HISTORY
    ]
    return calm + learnt + price


ABSOLUTE = {
    "independent requests": World("", 0, {MEASURED: Errors(0.015)}),
    "sticky sessions of 20": World("", 0, {MEASURED: Errors(0.015, sessions=20)}, sessions=20),
    "slow noise that both arms share": World("", 0, {MEASURED: Errors(0.015)}, trouble=Trouble(common_noise=0.5)),
}
ABSOLUTE_LIMIT = 0.015


def at_limit(name: str, per_second: float, harm: float = 1.0) -> World:
    """A candidate whose mean lies exactly at the absolute limit, or beyond it by a factor."""
    what = "" if harm == 1 else f", errors x{harm:g}"
    return replace(
        ABSOLUTE[name], name=f"limit, {name}, {per_second:g} req/s{what}", per_second=per_second, harm={MEASURED: harm}
    )


def absolute(runs: int) -> list[Job]:
    """An absolute guardrail with the truth exactly at its limit, and twice it."""
    rule, betting = rules.error_limit("errors", ABSOLUTE_LIMIT), rules.error_limit("errors", ABSOLUTE_LIMIT, True)
    judges = (ours(rule), ours(rule, PLAIN, 1.0), ours(betting, CLUSTERED))
    return [
        Job(at_limit(name, traffic, harm), judges, runs, Until.FAILED if harm > 1 else Until.END)
        for name in ABSOLUTE
        for traffic in BUSY
        for harm in (1.0, 2.0)
    ]


def late(per_second: float) -> World:
    """Errors double at hour 12 of 24."""
    world = cell(ERRORS, per_second, harmful=True)
    return replace(world, name=f"errors, {per_second:g} req/s, harmful from hour 12", onset_hours=ONSET_HOURS)


def late_onset(runs: int) -> list[Job]:
    """Harm that begins in mid-rollout."""
    return [Job(late(traffic), (ours(rule_of(ERRORS)),), runs, Until.FAILED) for traffic in BUSY]
