"""Where a study meets the world: the baseline's past in Prometheus, the environment and the clock; nowhere else."""

import argparse
import asyncio

from modelrollout import asking, errors
from modelrollout.api.spec import GuardrailAction, RolloutSpec
from modelrollout.asking import Forgotten, Refused
from modelrollout.observe import evidence, traffic, views
from modelrollout.observe.batching import Reader
from modelrollout.observe.traffic import Traffic, TrafficAsk
from modelrollout.plan.draft import timestamp
from modelrollout.simulate.asking import Unclear, given
from modelrollout.simulate.seen import Seen

NEEDS_PROMETHEUS = ("--namespace", "--model", "--from", "--to", "--token-file")


def check(options: argparse.Namespace) -> None:
    """Raises Unclear for an option that says something about Prometheus, without one."""
    for name in NEEDS_PROMETHEUS:
        if options.prometheus is None and given(options, name) is not None:
            raise Unclear(f"{name} is '{given(options, name)}': it goes with --prometheus, give that too")


def seen(options: argparse.Namespace, spec: RolloutSpec, namespace: str) -> Seen:
    """The baseline's traffic as the options' Prometheus remembers it; namespace is the file's, if it has one.

    Raises Refused, Forgotten when Prometheus gives no answer, and SettingsInvalid.
    """
    ask = _ask(options, spec, options.namespace or namespace)
    try:
        found = asyncio.run(_read(ask))
    except errors.QueryRefused as refused:
        raise Refused(str(refused)) from refused
    except errors.MetricsError as silent:
        raise Forgotten(str(silent)) from silent
    latency = views.history(found.latency) if found.latency is not None else None
    return Seen(ask.model, ask.since, ask.until, found, latency)


def _ask(options: argparse.Namespace, spec: RolloutSpec, namespace: str) -> TrafficAsk:
    if not namespace:
        raise Refused("in which namespace is the baseline? Give it with --namespace")
    if not options.file and options.model is None:
        raise Refused("whose traffic is it? Give the baseline with --model, or a ModelRollout with --file")
    since, until = asking.past(getattr(options, "from"), options.to)
    connection = asking.connection(options, asking.settings(), None)
    return TrafficAsk(
        connection,
        namespace,
        options.model or spec.baseline.name,
        since,
        until,
        spec.prometheus.matchers,
        _counters(spec) if options.file else {},
    )


def _counters(spec: RolloutSpec) -> dict[str, evidence.RatioAsk | evidence.MeanAsk]:
    """The counters of those guardrails that are simulated."""
    rails = (rail for rail in spec.guardrails if rail.action is GuardrailAction.ROLLBACK)
    return {rail.name: counters for rail in rails if (counters := views.counters(rail)) is not None}


async def _read(ask: TrafficAsk) -> Traffic:
    """Raises Refused for a model without traffic, and a MetricsError."""
    reader = Reader()
    try:
        found = await traffic.read_traffic(reader, ask)
        if sum(found.requests.values()) > 0:
            return found
        between = f"from {timestamp(ask.since)} to {timestamp(ask.until)}"
        if await traffic.is_known(reader, ask):
            raise Refused(f"model {ask.model} had no traffic {between}: choose another time with --from and --to")
        where = f"with {ask.matchers}" if ask.matchers is not None else f"in namespace {ask.namespace}"
        raise Refused(
            f"Prometheus has no series of model {ask.model} {where} {between}: "
            "check --model and --namespace, or choose another time with --from and --to"
        )
    finally:
        await reader.close()
