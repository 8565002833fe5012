"""How the evidence went, look by look, as Prometheus remembers it; what it has forgotten is said in one sentence."""

import argparse
import asyncio
from collections.abc import Mapping
from typing import Any

from modelrollout import asking, errors
from modelrollout.asking import Refused
from modelrollout.cli.report_facts import Course, Past
from modelrollout.judge.refusals import Refusal
from modelrollout.observe import views
from modelrollout.replay import again, comparing, reading, rollouts, traffic
from modelrollout.replay.again import Look
from modelrollout.replay.rollouts import Rollout


def read(options: argparse.Namespace, found: Mapping[str, Any]) -> Past:
    """The looks of the rollout's attempt, judged again."""
    try:
        rollout = rollouts.read(found)
        rollouts.check_replayable(rollout)
        looks = _looks(options, rollout)
        if not looks:
            return Past("There is no look to show yet.")
        return Past(comparing.compare(rollout, looks).sentence, _courses(rollout, looks), _gates(looks))
    except (Refused, errors.RolloutError, Refusal) as refused:
        return Past(f"The looks cannot be read again: {refused}")


def _looks(options: argparse.Namespace, rollout: Rollout) -> list[Look]:
    settings, status = asking.settings(), rollout.status
    connection = asking.connection(options, settings, rollout.spec.prometheus.address)
    scrape = views.scrape_seconds(rollout.spec, settings.scrape_seconds)
    block = (status.blocks[0].since, reading.until(status.blocks))
    opened = again.fresh(rollout.spec, status.engine)
    namespace = rollout.namespace or options.namespace or "default"
    ask = traffic.with_edges(views.ask(rollout.spec, [], connection, namespace, block, scrape), opened)
    seen = asyncio.run(reading.recorded(ask, status.blocks, asking.now()))
    return list(again.looks(rollout.spec, opened, status.blocks, seen))


def _courses(rollout: Rollout, looks: list[Look]) -> tuple[Course, ...]:
    marks = [again.marks(rollout.spec, look.judged.engine) for look in looks]
    at = tuple(look.at for look in looks)
    return tuple(
        Course(name, at, tuple(one[name].fail for one in marks), tuple(one[name].passed for one in marks))
        for name in marks[-1]
        if all(name in one for one in marks)
    )


def _gates(looks: list[Look]) -> tuple[float, ...]:
    return tuple(look.at for look in looks if look.gate)
