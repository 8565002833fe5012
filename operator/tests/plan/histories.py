"""Random histories of a rollout: what people, Seldon, the weather and the operator's own death do to it."""

from collections.abc import Callable
from itertools import product
from typing import Any

from factories import BASELINE, CANDIDATE, ERRORS, stage
from hypothesis import strategies as st
from modelrollout.api.orders import Verb
from simulator import Simulation

Move = tuple[str, float]
Stages = list[dict[str, Any]]

STAGES: list[Stages] = [
    [stage(10), stage(50), stage(100)],
    [stage(5, "30s", advance="OnSoak"), stage(25, "0s", advance="OnSoak", minRequests=0), stage(100, "0s")],
    [stage(50, maxDuration="2m"), stage(100, "30s")],
]
APPROVED: list[Stages] = [
    [stage(10), {"approval": {}}, stage(50), stage(100)],
    [
        stage(20, "30s", advance="OnSoak", minRequests=0),
        {"approval": {"deadline": "2m", "onDeadline": "Approve"}},
        {"approval": {}},
        stage(100, "30s"),
    ],
    [stage(40), {"approval": {"deadline": "3m", "onDeadline": "Rollback"}}, stage(100)],
]
# Good orders, orders whose token was used, for attempts and stages that may not be the present ones, and typos.
TOLD = [
    *(f"{verb}@{token}" for verb, token in product(Verb, ("first", "second"))),
    *(f"{verb}@new-{{n}}{rest}" for verb, rest in product(Verb, ("", "?attempt=1", "?attempt=1&stage=2", "?by=ann"))),
    *("promot@typo", "promote", "approve@a b", "skip@bad?stag=1", "abort@old?attempt=0", ""),
]
GUARDRAILS = [
    [ERRORS],
    [{"name": "errors", "errorRate": {"maxRatio": 2}}],
    [ERRORS, {"name": "latency", "latency": {}}],
    [ERRORS, {"name": "value", "query": {"promql": "v", "max": "50"}}],
]
SELDON = ["talks", "silent", "away", "deaf"]
BY_HAND = [(100, 0), (50, 50), (0, 100), (1, 2), (900, 100), (10, 10)]


def _arm(value: float) -> str:
    return (BASELINE, CANDIDATE)[int(value) % 2]


def _tell(sim: Simulation, value: float) -> None:
    text = TOLD[int(value) % len(TOLD)]
    sim.tell(text.format(n=sim.api.version))


def say(sim: Simulation, verb: str) -> None:
    """A person says so now, with a token of its own."""
    sim.tell(f"{verb}@now-{sim.api.version}")


def _run_on(sim: Simulation, _: float) -> None:
    for _look in range(2):
        sim.run(31)


def _sleep(sim: Simulation, seconds: float) -> None:
    sim.pass_time(seconds)
    sim.restart()


def _strategy(value: float) -> dict[str, object]:
    plans = [*STAGES, *APPROVED]
    return {"canary": {"stages": plans[int(value) % len(plans)]}}


def _set_error_rate(sim: Simulation, value: float) -> None:
    sim.error_rate = 0.5 if value % 2 else 0.0


def _kill(sim: Simulation, value: float) -> None:
    sim.api.fuse = int(value) % 3
    sim.run(31)


def _break_spec(sim: Simulation, value: float) -> None:
    sim.is_spec_broken = bool(value % 2)
    sim.set_spec()


def _outage(sim: Simulation, value: float) -> None:
    sim.prometheus.is_down = bool(value % 2)


def _seldon(sim: Simulation, value: float) -> None:
    sim.seldon = SELDON[int(value) % len(SELDON)]


MOVES: dict[str, Callable[[Simulation, float], object]] = {
    "run": lambda sim, value: sim.run(2 + value),
    "run on": _run_on,
    "come again": lambda sim, _: sim.reconcile(),
    "kill at a write": _kill,
    "restart": lambda sim, _: sim.restart(),
    "change leaders": lambda sim, _: sim.change_leaders(),
    "sleep": lambda sim, value: _sleep(sim, 60 * value),
    "error rate": _set_error_rate,
    "outage": _outage,
    "seldon": _seldon,
    "weights by hand": lambda sim, value: sim.set_weights(*BY_HAND[int(value) % len(BY_HAND)]),
    "delete the experiment": lambda sim, _: sim.delete_experiment(),
    "a model fails": lambda sim, value: sim.set_model(_arm(value), is_ready=False),
    "a model is back": lambda sim, value: sim.set_model(_arm(value), is_ready=True),
    "a new version": lambda sim, value: sim.set_model(_arm(value), version=f"v{value:g}"),
    "pause": lambda sim, value: sim.set_spec(paused=bool(value % 2)),
    "guardrails": lambda sim, value: sim.set_spec(guardrails=GUARDRAILS[int(value) % len(GUARDRAILS)]),
    "a spec that is not valid": _break_spec,
    "stages": lambda sim, value: sim.set_spec(strategy=_strategy(value)),
    "tell": _tell,
    "approve": lambda sim, _: say(sim, "approve"),
    "hold by hand": lambda sim, _: say(sim, "pause"),
    "let go": lambda sim, _: say(sim, "resume"),
}
# Trouble that leaves the spec, the models and the candidate's quality as they are.
TROUBLE = (
    "run",
    "run on",
    "come again",
    "kill at a write",
    "restart",
    "change leaders",
    "sleep",
    "outage",
    "seldon",
    "weights by hand",
    "a spec that is not valid",
)


def moves(*names: str, most: int = 20) -> st.SearchStrategy[list[Move]]:
    """Sequences of these moves (all of them when none is named); the first is always some time to begin in."""
    chosen = st.sampled_from(names or tuple(MOVES))
    return st.lists(st.tuples(chosen, st.integers(0, 60).map(float)), max_size=most)


def play(sim: Simulation, history: list[Move], after: Callable[[Simulation], None] = lambda _: None) -> Simulation:
    """The world after these moves; `after` looks at it after each."""
    for name, value in history:
        MOVES[name](sim, value)
        sim.reconcile()
        after(sim)
    return sim


# Trouble on the way of the weights to the clients, and of what clients do to the operator.
DETOURS = ("run", "come again", "kill at a write", "restart", "change leaders", "outage", "seldon", "weights by hand")


def heal(sim: Simulation) -> None:
    """Everything works again, and nobody holds the rollout: whatever waits for approval gets it."""
    sim.api.fuse, sim.prometheus.is_down, sim.seldon = None, False, "talks"
    for name in (BASELINE, CANDIDATE):
        sim.set_model(name, is_ready=True)
    sim.is_spec_broken = False
    sim.set_spec(paused=False)
    say(sim, "resume")


def run_led(sim: Simulation) -> None:
    """Time passes, and a person approves whatever waits for it."""
    sim.run(31)
    if any(one.reason == "AwaitingApproval" for one in sim.status.conditions):
        say(sim, "approve")
