"""What judging costs, without anything around it: one guardrail, a thousand at once, and a whole look in the plan."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from math import inf

import numpy as np
from modelrollout.api import spec as api_spec
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import RolloutStatus
from modelrollout.judge import codec, guardrails, rules
from modelrollout.judge.evidence import Counts, counts
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.rule import Rule
from modelrollout.plan import machine
from modelrollout.plan.world import ArmCounts, ExperimentView, LookData, ModelView, World

from e2e.bench import crowd
from e2e.bench.exporter import LATENCY
from e2e.bench.figures import Figure, Section

REQUESTS = (300.0, 900.0)  # of candidate and baseline in a look
GAMMA = 1e-3
REPEATS = 5
SECONDS_EACH = 0.2
EDGES = tuple(inf if edge == "+Inf" else float(edge) for edge, _ in LATENCY)
SHARES = dict(zip(EDGES, (share for _, share in LATENCY), strict=True))
HISTORY = Histogram(EDGES, tuple(10_000 * share for share in SHARES.values()))


def measure() -> Section:
    """Time each on this machine; the best of a few rounds, for noise only adds."""
    named = {
        "error rate": rules.error_ratio("errors"),
        "latency": rules.latency_increase("latency", 0.95, 0.2, 10.0, HISTORY),
        "accuracy": rules.share_drop("accuracy"),
        "reward": rules.mean_drop("reward"),
    }
    figures = [figure for name, rule in named.items() for figure in _of_rule(name, rule)]
    return Section("judging, in memory alone", (*figures, _whole_look()))


def _of_rule(name: str, rule: Rule) -> list[Figure]:
    size = len(codec.encode(_after_looks(rule, 1), rule))
    return [
        Figure(f"{name}: one look of one guardrail", _look_ms(rule, 1), "ms", 0.5),
        Figure(f"{name}: one look of 1,000 at once", _look_ms(rule, 1000), "ms", 5),
        Figure(f"{name}: stored state", size / 1000, "kB", 1),
    ]


def _look_ms(rule: Rule, runs: int) -> float:
    state, block = _after_looks(rule, runs), _block(rule, runs)
    return _ms(lambda: guardrails.read(rule, guardrails.advance(rule, state, block, GAMMA, GAMMA)))


def _after_looks(rule: Rule, runs: int) -> guardrails.State:
    state = guardrails.start(rule, runs)
    for _ in range(3):
        state = guardrails.advance(rule, state, _block(rule, runs), GAMMA, GAMMA)
    return state


def _block(rule: Rule, runs: int) -> Counts:
    """So many runs with 2 % of events in each column, and a few more in some."""
    candidate, baseline = REQUESTS
    events = 0.02 + 0.005 * np.arange(runs)[:, None] / runs + np.zeros(rule.columns)
    totals = [np.full((runs, 1), total) for total in REQUESTS]
    return counts(totals[0], np.rint(events * candidate), totals[1], np.rint(events * baseline))


def _whole_look() -> Figure:
    """From a reading of both arms to the decision, with everything that is packed for the status."""
    spec = api_spec.parse(crowd.rollout(crowd.pairs(1)[0], "30s")["spec"])
    status, now = _in_its_stage(spec), 1_000_000.0
    for _ in range(2):
        now += 30.0
        status = machine.next_step(spec, status, _world(spec, _look(now)), now, "rollout").status
    world = _world(spec, _look(now + 30.0))
    took = _ms(lambda: machine.next_step(spec, status, world, now + 30.0, "rollout"))
    return Figure("the plan's part of one look of a rollout", took, "ms", note="two judged guardrails and a query")


def _in_its_stage(spec: RolloutSpec) -> RolloutStatus:
    status = RolloutStatus()
    for now in (999_900.0, 999_920.0, 999_940.0):  # the attempt begins, its weight 0 is in force, the stage begins
        status = machine.next_step(spec, status, _world(spec, None), now, "rollout").status
    if status.stage is None:
        raise RuntimeError(f"the rollout did not begin: {status.message}")
    return status


def _world(spec: RolloutSpec, look: LookData | None) -> World:
    share = 25 if look else 0
    names = (spec.baseline.name, spec.candidate.name)
    weights = ((names[0], 100 - share), (names[1], share))
    return World(
        experiment=ExperimentView("u-2", 1, weights, names[0], is_ready=True, settled=True, fence="u-1/1"),
        models={name: ModelView(name, True, "v1") for name in names},
        generation=1,
        uid="u-1",
        scrape_seconds=15.0,
        look=look,
        history=HISTORY,
    )


def _look(until: float) -> LookData:
    candidate, baseline = (
        ArmCounts(total, total // 100, total // 100, total, {edge: total * share for edge, share in SHARES.items()})
        for total in REQUESTS
    )
    return LookData(until - 30.0, until, baseline, candidate, {"shared": 2.0})


def _ms(work: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    timer = timeit.Timer(work)
    number = max(1, int(SECONDS_EACH / max(timer.timeit(1), 1e-5)))
    return 1000 * min(timer.repeat(REPEATS, number)) / number
