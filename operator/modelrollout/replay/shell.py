"""What the two commands do: files, the cluster, the environment and the clock come in here, and nowhere else."""

import argparse
import asyncio
import json
from dataclasses import replace
from typing import Any

import yaml

from modelrollout import asking
from modelrollout.api.contract import seconds
from modelrollout.api.spec import Arm, RolloutSpec
from modelrollout.asking import Refused
from modelrollout.observe import past, views
from modelrollout.observe.evidence import LookAsk
from modelrollout.observe.past import Block
from modelrollout.replay import again, backtesting, comparing, reading, rollouts, table, traffic
from modelrollout.replay.rollouts import Rollout

MOST_LOOKS = 100_000


def replay(options: argparse.Namespace) -> tuple[str, int]:
    """The looks and the closing sentence, and the exit code. Raises Refused, RolloutError and Refusal."""
    found = _object(options.file) if options.file else asyncio.run(_from_cluster(options))
    rollout = rollouts.read(found)
    rollouts.check_replayable(rollout)
    status = rollout.status
    opened = again.fresh(rollout.spec, status.engine)
    ask = _ask(rollout, options, (status.blocks[0].since, reading.until(status.blocks)))
    ask = traffic.with_edges(ask, opened)
    seen = asyncio.run(reading.recorded(ask, status.blocks, asking.now()))
    judged = list(again.looks(rollout.spec, opened, status.blocks, seen))
    compared = comparing.compare(rollout, judged)
    return f"{table.text(rollout.spec, judged, options.all)}\n{compared.sentence}", 0 if compared.is_same else 1


def backtest(options: argparse.Namespace) -> tuple[str, int]:
    """The report and the exit code. Raises Refused, RolloutError and Refusal."""
    rollout = rollouts.read(_object(options.file))
    spec, weight = _with_models(rollout.spec, options), _weight(options.weight)
    blocks = _blocks(options, seconds(spec.analysis.interval))
    ask = _ask(replace(rollout, spec=spec), options, (blocks[0][0], blocks[-1][1]))
    opened, seen = asyncio.run(traffic.read(spec, ask, blocks, options.split, asking.now()))
    found = backtesting.judge(spec, opened, seen, weight)
    told = backtesting.report(spec, found)
    if options.json:
        return json.dumps(told, indent=2), 0
    return f"{table.text(spec, found.looks, options.all, has_stages=False)}\n{backtesting.sentences(told)}", 0


def _ask(rollout: Rollout, options: argparse.Namespace, block: Block) -> LookAsk:
    """What to ask about the rollout's models, from the first to the last moment."""
    chosen = asking.settings()
    namespace = options.namespace or rollout.namespace
    if not namespace:
        raise Refused("the object names no namespace: give the one of its models with --namespace")
    connection = asking.connection(options, chosen, rollout.spec.prometheus.address)
    scrape_seconds = views.scrape_seconds(rollout.spec, chosen.scrape_seconds)
    return views.ask(rollout.spec, [], connection, namespace, block, scrape_seconds)


async def _from_cluster(options: argparse.Namespace) -> Any:
    """The rollout as the API server has it."""
    from kubernetes.aio import config
    from kubernetes.aio.client import ApiClient

    from modelrollout.cluster import ROLLOUT, Cluster

    try:
        await config.load_kube_config(options.kubeconfig)
    except (config.ConfigException, OSError) as unknown:
        raise Refused(
            f"the cluster is not known ({unknown}): give --kubeconfig, or the object with --file"
        ) from unknown
    if not options.namespace:
        raise Refused(f"in which namespace is rollout {options.name}? Give it with --namespace")
    async with ApiClient() as client:
        found = await Cluster(client).get(ROLLOUT, options.namespace, options.name)
    if found is None:
        raise Refused(f"there is no rollout {options.name} in namespace {options.namespace}: check both names")
    return found


def _object(path: str) -> Any:
    try:
        return yaml.safe_load(asking.text(path))
    except yaml.YAMLError as broken:
        raise Refused(f"{path} is no YAML of one object: {str(broken).splitlines()[0]}") from broken


def _with_models(spec: RolloutSpec, options: argparse.Namespace) -> RolloutSpec:
    """The spec with the models of the options; that both may be one model is why it is not parsed again."""
    baseline, candidate = options.baseline or spec.baseline.name, options.candidate or spec.candidate.name
    if options.split and baseline != candidate:
        raise Refused(f"--split is for one model against itself, but {candidate} is not {baseline}: leave it out")
    return spec.model_copy(update={"baseline": Arm(name=baseline), "candidates": [Arm(name=candidate)]})


def _weight(given: str | None) -> int | None:
    if given is None:
        return None
    if not given.isdecimal() or not 1 <= int(given) <= 99:
        raise Refused(f"--weight is '{given}': write the candidate's percent of the traffic, from 1 to 99")
    return int(given)


def _blocks(options: argparse.Namespace, interval: float) -> list[Block]:
    since, until = asking.past(options.since, options.until)
    if not interval <= until - since <= MOST_LOOKS * interval:
        raise Refused(
            f"from {options.since} to {options.until} must be 1 to {MOST_LOOKS:,} looks of {interval:g} s each: "
            "choose another time, or another analysis.interval"
        )
    return past.blocks(since, until, interval)
