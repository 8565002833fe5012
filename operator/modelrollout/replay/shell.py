"""What the two commands do: files, the cluster, the environment and the clock come in here, and nowhere else."""

import argparse
import asyncio
import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from modelrollout import settings as process_settings
from modelrollout.api.contract import seconds
from modelrollout.api.spec import Arm, RolloutSpec
from modelrollout.observe import past, views
from modelrollout.observe.evidence import LookAsk
from modelrollout.observe.past import Block
from modelrollout.observe.prometheus import Connection
from modelrollout.replay import again, backtesting, comparing, reading, rollouts, table, traffic
from modelrollout.replay.refusals import Refused
from modelrollout.replay.rollouts import Rollout

MOST_LOOKS = 100_000
TIMEOUT_SECONDS = 60.0  # a stretch of the past takes longer than a look


def replay(options: argparse.Namespace) -> tuple[str, int]:
    """The looks and the closing sentence, and the exit code. Raises Refused, RolloutError and Refusal."""
    found = _object(options.file) if options.file else asyncio.run(_from_cluster(options))
    rollout = rollouts.read(found)
    rollouts.check_replayable(rollout)
    status = rollout.status
    opened = again.fresh(rollout.spec, status.engine)
    ask = _ask(rollout, options, (status.blocks[0].since, reading.until(status.blocks)))
    ask = traffic.with_edges(ask, opened)
    seen = asyncio.run(reading.recorded(ask, status.blocks, _now()))
    judged = list(again.looks(rollout.spec, opened, status.blocks, seen))
    compared = comparing.compare(rollout, judged)
    return f"{table.text(rollout.spec, judged, options.all)}\n{compared.sentence}", 0 if compared.is_same else 1


def backtest(options: argparse.Namespace) -> tuple[str, int]:
    """The report and the exit code. Raises Refused, RolloutError and Refusal."""
    rollout = rollouts.read(_object(options.file))
    spec, weight = _with_models(rollout.spec, options), _weight(options.weight)
    blocks = _blocks(options, seconds(spec.analysis.interval))
    ask = _ask(replace(rollout, spec=spec), options, (blocks[0][0], blocks[-1][1]))
    opened, seen = asyncio.run(traffic.read(spec, ask, blocks, options.split, _now()))
    found = backtesting.judge(spec, opened, seen, weight)
    told = backtesting.report(spec, found)
    if options.json:
        return json.dumps(told, indent=2), 0
    return f"{table.text(spec, found.looks, options.all, has_stages=False)}\n{backtesting.sentences(told)}", 0


def _ask(rollout: Rollout, options: argparse.Namespace, block: Block) -> LookAsk:
    """What to ask about the rollout's models, from the first to the last moment."""
    chosen = process_settings.read(os.environ)
    namespace = options.namespace or rollout.namespace
    if not namespace:
        raise Refused("the object names no namespace: give the one of its models with --namespace")
    address = options.prometheus or rollout.spec.prometheus.address or chosen.prometheus_address
    if not address.startswith(("http://", "https://")):
        raise Refused(f"--prometheus is '{address}': it must begin with http:// or https://")
    token = _text(options.token_file).strip() if options.token_file else None
    connection = Connection(address, bearer_token=token, timeout_seconds=TIMEOUT_SECONDS)
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
        return yaml.safe_load(_text(path))
    except yaml.YAMLError as broken:
        raise Refused(f"{path} is no YAML of one object: {str(broken).splitlines()[0]}") from broken


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as missing:
        raise Refused(f"{path} cannot be read: {missing}") from missing


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
    since, until = _moment("--from", options.since), _moment("--to", options.until)
    if not since < until:
        raise Refused(f"--from {options.since} is not before --to {options.until}: swap them")
    if until > _now():
        raise Refused(f"--to {options.until} lies in the future: there is no traffic yet")
    if not interval <= until - since <= MOST_LOOKS * interval:
        raise Refused(
            f"from {options.since} to {options.until} must be 1 to {MOST_LOOKS:,} looks of {interval:g} s each: "
            "choose another time, or another analysis.interval"
        )
    return past.blocks(since, until, interval)


def _moment(name: str, given: str) -> float:
    """Unix seconds; a time without a zone is UTC."""
    try:
        at = datetime.fromisoformat(given)
    except ValueError as wrong:
        raise Refused(f"{name} is '{given}': write a time like 2026-11-20T00:00Z") from wrong
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _now() -> float:
    return time.time()  # noqa: TID251 - the outermost shell of these commands
