"""Scenarios of the other guardrails: single bucket edges, means, and several guardrails that share alpha."""

from dataclasses import replace

from modelrollout.judge import rules
from modelrollout.judge.merging import Test, Unit
from modelrollout.judge.rule import Rule
from modelrollout.simulate import scenarios
from modelrollout.simulate.jobs import Job
from modelrollout.simulate.ours import Guarded, Ours
from modelrollout.simulate.qualities import Errors, Rewards
from modelrollout.simulate.runs import Until
from modelrollout.simulate.worlds import World

SINGLE_EDGES = (100.0, 250.0, 500.0)


def edges(runs: int) -> list[Job]:
    """Latency by one bucket edge alone, beside the average of three."""
    return [
        Job(
            scenarios.cell(scenarios.P95, traffic, True),
            tuple(_by_edge(edge) for edge in SINGLE_EDGES),
            min(runs, 500),
            Until.FAILED,
        )
        for traffic in scenarios.TRAFFIC
    ]


def edge_name(edge_ms: float) -> str:
    """What the judge by one edge alone is called."""
    return f"ModelRollout, edge {edge_ms:g} ms alone"


def _by_edge(edge_ms: float) -> Ours:
    whole = scenarios.rule_of(scenarios.P95)
    (column,) = [at for at, edge in enumerate(whole.edges_ms) if edge == edge_ms]
    tests = [_test_of(tree, column) for tree in (whole.fail, whole.passed)]
    return scenarios.ours(
        Rule("p95", replace(tests[0], column=0), replace(tests[1], column=0), (edge_ms,)), edge_name(edge_ms)
    )


def _test_of(tree: object, column: int) -> Test:
    """The test that compares the arms in this column."""
    if isinstance(tree, Test):
        return tree
    for part in getattr(tree, "parts", ()):
        if isinstance(part, Test) and part.column == column:
            return part
        if not isinstance(part, Test):
            return _test_of(part, column)
    raise LookupError(f"no test compares column {column}")


REWARDS = {
    "rewards lognormal(0.5)": (Rewards(0.5), (1.0, 10.0)),
    "rewards lognormal(1.5), clipped at p99": (Rewards(1.5, 32.8), (10.0,)),
}
LESS = 0.95


def rewarding(name: str, per_second: float, harmful: bool) -> World:
    """Rewards of both arms alike, or 5 % less from the candidate."""
    what = "5 % less" if harmful else "equal"
    harm = {scenarios.MEASURED: LESS if harmful else 1.0}
    return World(f"{name}, {per_second:g} req/s, {what}", per_second, {scenarios.MEASURED: REWARDS[name][0]}, harm)


def means(runs: int) -> list[Job]:
    """Guardrails on a mean."""
    judge = scenarios.ours(rules.mean_drop("reward", 0.05, Unit.BASELINE_MEAN))
    return [
        Job(rewarding(name, traffic, harmful), (judge,), min(runs, 500), Until.FAILED if harmful else Until.END)
        for name, (_, traffics) in REWARDS.items()
        for traffic in traffics
        for harmful in (False, True)
    ]


FOUR = ("one", "two", "three", "four")


def four(harmful: bool) -> World:
    """Four independent error counters of the same requests; the first may be harmful."""
    what = "one harmful" if harmful else "equal"
    return World(
        f"four guardrails, 10 req/s, {what}",
        10.0,
        {name: Errors(0.01) for name in FOUR},
        {"one": 2.0} if harmful else {},
    )


def combined(runs: int) -> list[Job]:
    """Four guardrails share alpha."""
    judge = Ours(tuple(Guarded(name, rules.error_ratio(name)) for name in FOUR))
    return [
        Job(four(harmful), (judge,), min(runs, 500), Until.FAILED if harmful else Until.END)
        for harmful in (False, True)
    ]
