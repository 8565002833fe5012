"""Writes the tables of `states.md` by asking the machine itself: `python docs/states.py`, or `--check` to compare them.

Every state is reached by playing a rollout through the operator's own `next_step`, and every cell is what it decides.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modelrollout.api.orders import Verb
from modelrollout.api.spec import RolloutSpec, parse
from modelrollout.api.status import Result, RolloutStatus
from modelrollout.plan import grid, machine
from modelrollout.plan.actions import Decision
from modelrollout.plan.world import ArmCounts, ExperimentView, LookData, ModelView, NoData, World

PAGE = Path(__file__).with_name("states.md")
BLOCK = re.compile(r"<!-- begin ([a-z]+) -->\n.*?<!-- end \1 -->", re.DOTALL)
NAME, BASELINE, CANDIDATE = "predictor", "old", "new"
BEGAN, INTERVAL, SCRAPE = 1_700_000_000.0, 30.0, 15.0
STAGES: list[dict[str, Any]] = [
    {"weight": 10, "soak": "1m", "maxDuration": "5m"},
    {"approval": {}},
    {"weight": 50, "soak": "1m"},
    {"weight": 100, "soak": "1m"},
]
OTHER = {"canary": {"stages": [{"weight": 20}, {"weight": 100}]}}


def spec(action: str = "Rollback", **fields: Any) -> RolloutSpec:
    """10 %, an approval, 50 %, 100 %, guarding errors."""
    raw = {
        "baseline": {"name": BASELINE},
        "candidates": [{"name": CANDIDATE}],
        "strategy": {"canary": {"stages": STAGES}},
        "guardrails": [{"name": "errors", "errorRate": {}, "action": action}],
    }
    return parse({**raw, **fields})


Reading = Callable[[float, float, float], LookData | NoData]


def look(requests: float, troubled: float) -> Reading:
    """Requests of both arms together in a look, and which part of the candidate's was trouble."""

    def read(since: float, until: float, share: float) -> LookData:
        bad = requests * share * troubled
        return LookData(since, until, ArmCounts(requests * (1 - share)), ArmCounts(requests * share, bad, bad))

    return read


GOOD, BAD, THIN = look(100_000, 0), look(100_000, 0.1), look(20, 0)


def silent(*_: float) -> NoData:
    """Prometheus knows nothing."""
    return NoData("NoSeries", "Prometheus has no series of model new")


@dataclass(frozen=True)
class Play:
    """A rollout somewhere on its way, with the world around it."""

    spec: RolloutSpec
    status: RolloutStatus = field(default_factory=RolloutStatus)
    seen: ExperimentView | None = None
    now: float = BEGAN
    models: tuple[ModelView, ...] = (ModelView(BASELINE, True, "v1"), ModelView(CANDIDATE, True, "v1"))
    refusal: str = ""

    def decide(self, told: str = "", reading: Reading | None = None) -> Decision:
        """The decision here and now; `reading` is what a look that has come would find."""
        models = {model.name: model for model in self.models}
        world = World(self.seen, models, 1, "uid", SCRAPE, look=self._look(reading), told=told, told_by="kubectl")
        return machine.next_step(self.spec, self.status, world, self.now, NAME, self.refusal)

    def then(self, told: str = "", reading: Reading | None = None) -> Play:
        """After the decision was carried out and a look's time has passed."""
        decision = self.decide(told, reading)
        seen = self.seen
        for action in decision.actions:
            seen = ExperimentView("uid-1", 1, action.weights, action.default, True, True, fence=action.fence)
        return replace(self, status=decision.status, seen=seen, now=self.now + INTERVAL)

    def until(self, phase: str, stage: str, reading: Reading = GOOD, most: int = 60) -> Play:
        """Looks until it is there; whatever waits for approval on the way gets it."""
        play = self
        for number in range(most):
            if (play.status.phase, play.status.stage_summary) == (phase, stage):
                return play
            waits = any(one.reason == "AwaitingApproval" for one in play.status.conditions)
            play = play.then(f"approve@{number}" if waits else "", reading)
        raise AssertionError(f"never {phase} in {stage}: {play.status.message}")

    def _look(self, reading: Reading | None) -> LookData | NoData | None:
        since = self.status.last_look_at
        if reading is None or since is None or not machine.look_is_due(self.status, self.now):
            return None
        until = grid.evaluation_time(grid.tick_at_or_before(self.now, INTERVAL, "uid"), SCRAPE)
        return reading(since, until, self.status.traffic.candidate_weight / 100) if until > since else None


def states() -> dict[str, Play]:
    """Where a rollout can be, each reached by playing."""
    pending = Play(spec()).then()
    running = pending.until("Progressing", "1/4").then()
    promoting = running.until("Promoting", "4/4").then()
    failed = running.then(reading=BAD).then(reading=BAD)
    guarded = Play(spec("Pause")).until("Progressing", "1/4").then()
    return {
        "Pending": pending,
        "Progressing": running,
        "Progressing, without data": running.then(reading=silent).then(reading=silent),
        "Paused by hand": running.then("pause@0?by=bob"),
        "Paused by the spec": replace(running, spec=spec(paused=True)).then(),
        "Paused by a guardrail": guarded.until("Paused", "1/4", BAD),
        "Paused undecided": running.until("Paused", "1/4", THIN),
        "Awaiting approval": running.until("Paused", "2/4"),
        "Promoting": promoting,
        "Healthy": promoting.until("Healthy", "4/4"),
        "RollingBack": failed,
        "Degraded, rolled back": failed.until("Degraded", "1/4"),
        "Degraded, spec not valid": replace(running, refusal="spec.guardrails: required: add it").then(),
    }


EVENTS: dict[str, Callable[[Play], Decision]] = {
    "a look finds all well": lambda play: play.decide(reading=GOOD),
    "a guardrail fails": lambda play: play.decide(reading=BAD),
    "Prometheus knows nothing": lambda play: play.decide(reading=silent),
    "the candidate is not ready": lambda play: _with_candidate(play, False, "v1"),
    "the candidate gets a new version": lambda play: _with_candidate(play, True, "v2"),
    "the stages change": lambda play: replace(play, spec=spec(paused=play.spec.paused, strategy=OTHER)).decide(),
    "the Experiment is deleted": lambda play: replace(play, seen=None).decide(),
}


def _with_candidate(play: Play, is_ready: bool, artefact: str) -> Decision:
    candidate = ModelView(CANDIDATE, is_ready, artefact, "" if is_ready else "ModelProgressing")
    return replace(play, models=(play.models[0], candidate)).decide()


def _matrix() -> str:
    """State by verb: the phase that follows, or nothing where the verb is refused."""
    rows = [
        [f"**{name}**", *(_led_to(play.decide(f"{verb}@said?by=alice")) for verb in Verb)]
        for name, play in states().items()
    ]
    return _table(["", *(f"`{verb}`" for verb in Verb)], rows)


def _led_to(decision: Decision) -> str:
    handled = decision.status.last_handled_action
    if handled is None or handled.result is Result.REFUSED:
        return "refused"
    return f"{decision.status.phase} {_weight(decision)} %"


def _answers() -> str:
    """Per verb what is said, with the states that earn it."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for verb in Verb:
        for name, play in states().items():
            handled = play.decide(f"{verb}@said?by=alice").status.last_handled_action
            assert handled is not None
            found.setdefault((verb, handled.result, handled.message), []).append(name)
    rows = [[f"`{verb}`", "; ".join(names), result, message] for (verb, result, message), names in found.items()]
    return _table(["Verb", "State", "Result", "What is said"], rows)


def _transitions() -> str:
    """State by event: the phase and the wanted weight that follow."""
    rows = [
        [f"**{name}**", *(f"{after.status.phase} {_weight(after)} %" for after in (do(play) for do in EVENTS.values()))]
        for name, play in states().items()
    ]
    return _table(["", *EVENTS], rows)


def _weight(decision: Decision) -> int:
    return sum(share.weight for share in decision.status.traffic.wanted[1:])


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines)


TABLES: dict[str, Callable[[], str]] = {"verbs": _matrix, "answers": _answers, "transitions": _transitions}


def rendered(page: str) -> str:
    """The page with every block between `<!-- begin x -->` and `<!-- end x -->` written anew."""
    return BLOCK.sub(
        lambda found: f"<!-- begin {found[1]} -->\n\n{TABLES[found[1]]()}\n\n<!-- end {found[1]} -->", page
    )


def main() -> int:
    """1 when `--check` finds that the page is stale, else 0."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = rendered(page)
    if "--check" in sys.argv[1:]:
        return int(fresh != page)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
