"""Healthy candidates are let be: many rollouts of equal models, looked at every two seconds, by every guardrail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from scipy.special import bdtrc

from e2e.rollouts import ACCURACY, PROFIT, Object, Rollout, stage
from e2e.story import MODELS, ROLLOUTS, SECONDS_TO_TAKE_UP, Story, storage
from e2e.traffic import Traffic
from e2e.traffic.labels import Labelling, Quality

pytestmark = pytest.mark.stack

PAIRS = 20
ALPHA = 0.05
PER_SECOND = 80.0
AT_ONCE = 40
LOOKS_EACH = 50
SAMPLES_EACH = 100
SECONDS_FOR_ALL_LOOKS = 840.0  # three minutes on a quiet machine
EQUAL = Quality(accuracy=0.8, profit_mean=0.2)
# Floors far below what these models show, so that each guardrail has something to find.
GUARDRAILS: list[Object] = [
    {"name": "errors", "errorRate": {"floor": "0.5%"}},
    {"name": "latency", "latency": {"floor": "1ms"}},
    ACCURACY,
    PROFIT,
]
LOOKS = 'sum(modelrollout_looks_total{outcome="made"})'
ROLLBACKS = 'sum(modelrollout_decisions_total{reason="RolledBack"})'


@dataclass(frozen=True)
class Pair:
    """Two models that differ in their names alone, and the rollout from one to the other."""

    rollout: str

    @property
    def baseline(self) -> str:
        return f"{self.rollout}-a"

    @property
    def candidate(self) -> str:
        return f"{self.rollout}-b"


def test_no_more_equal_candidates_are_rolled_back_than_alpha_allows(story: Story) -> None:
    pairs = [Pair(f"{story.name}-{number}") for number in range(PAIRS)]
    _serve(story, pairs)
    with _clients(story, pairs) as traffic:
        looks, rollbacks = story.ask(LOOKS), story.ask(ROLLBACKS)
        for pair in pairs:
            story.begin([stage(50, soak="24h"), stage(100)], pair.rollout, **_spec(pair))

        def were_looked_at() -> bool:
            many_looks = story.ask(LOOKS) - looks >= PAIRS * LOOKS_EACH
            return many_looks and all(
                _is_rolled_back(one) or all(_evidence(one)) for one in _seen(story, pairs).values()
            )

        story.until(
            lambda: were_looked_at() or story.ask(ROLLBACKS) - rollbacks > _allowed(),
            "each rollout was looked at many times",
            SECONDS_FOR_ALL_LOOKS,
        )
        seen = _seen(story, pairs)

    rolled_back = {name: one.message for name, one in seen.items() if _is_rolled_back(one)}
    assert len(rolled_back) <= _allowed(), json.dumps(rolled_back, indent=1)
    for one in (one for name, one in seen.items() if name not in rolled_back):
        assert (one.stage, one.traffic["candidateWeight"]) == (1, 50), one.message
        assert all(_evidence(one)), one.status["guardrails"]
    assert len(traffic.seen().failed) < 0.001 * len(traffic.seen().answers)


def _allowed() -> int:
    """Rollbacks that 20 healthy rollouts do not exceed but once in a thousand runs: binomial, 5 % each at most."""
    return next(count for count in range(PAIRS) if bdtrc(count, PAIRS, ALPHA) < 0.001)


def _evidence(seen: Rollout) -> Iterator[bool]:
    """For each guardrail, whether it had much to judge on both arms."""
    for rail in GUARDRAILS:
        judged = seen.guardrail(rail["name"])
        yield all(judged.get(arm, {}).get("samples", 0) > SAMPLES_EACH for arm in ("baseline", "candidate"))


def _seen(story: Story, pairs: list[Pair]) -> dict[str, Rollout]:
    """Every pair's rollout by its name, all read at once."""
    found = story.objects(ROLLOUTS)
    return {pair.rollout: Rollout(found[pair.rollout]) for pair in pairs}


def _is_rolled_back(seen: Rollout) -> bool:
    return bool(seen.status.get("outcome") == "RolledBack")


# -- what there is


def _serve(story: Story, pairs: list[Pair]) -> None:
    """All models, each failing one request in twenty, and the one that is told what became of predictions."""
    names = [name for pair in pairs for name in (pair.baseline, pair.candidate)]
    for number, name in enumerate(names):
        story.make_model(name, storage("lightweight"), error_rate=0.05, fault_seed=number)
    story.serve_feedback()

    def are_ready() -> bool:
        found = story.objects(MODELS)
        return all(_is_ready(found[name]) for name in names)

    story.until(are_ready, "all models are ready", SECONDS_TO_TAKE_UP)


def _is_ready(model: Object) -> bool:
    conditions = (model.get("status") or {}).get("conditions", [])
    return any(one["type"] == "ModelReady" and one["status"] == "True" for one in conditions)


@contextmanager
def _clients(story: Story, pairs: list[Pair]) -> Iterator[Traffic]:
    """Clients of every baseline in turn, of whom Prometheus has heard for a while."""
    arms = {name: EQUAL for pair in pairs for name in (pair.baseline, pair.candidate)}
    first, *others = [pair.baseline for pair in pairs]
    with Traffic(
        story.stack.data_plane_url,
        first,
        PER_SECOND,
        longest_seconds=1800,
        labelling=Labelling(story.feedback, arms),
        more_models=tuple(others),
        most_at_once=AT_ONCE,
    ) as traffic:
        story.until(lambda: len(traffic.seen().answers) > 50 * PAIRS, "clients are answered", SECONDS_TO_TAKE_UP)
        yield traffic


def _spec(pair: Pair) -> Object:
    return {
        "baseline": {"name": pair.baseline},
        "candidates": [{"name": pair.candidate}],
        "guardrails": GUARDRAILS,
        "analysis": {"interval": "2s", "alpha": f"{100 * ALPHA:g}%"},
    }
