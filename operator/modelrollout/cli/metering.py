"""Does Prometheus answer, as often as the operator believes, and with every metric that the rollouts need?"""

import argparse
import asyncio
import re
from collections.abc import Sequence
from typing import Any

from modelrollout import asking, errors
from modelrollout.api import spec as api_spec
from modelrollout.api.contract import DURATION, seconds
from modelrollout.api.spec import RolloutSpec
from modelrollout.cli import checks, measured, seeking
from modelrollout.cli.checks import Check
from modelrollout.cli.findings import Level
from modelrollout.cli.installation import PREFIX, Operator
from modelrollout.cli.refusals import USAGE, Refused
from modelrollout.observe.batching import Reader
from modelrollout.observe.prometheus import Connection

ABOUT = "Prometheus"
FORWARD = """make it reachable from here, and name it, for example
kubectl port-forward -n monitoring svc/prometheus-operated 9090
kubectl modelrollout doctor --prometheus http://127.0.0.1:9090"""


def check(
    options: argparse.Namespace, namespace: str, operators: Sequence[Operator], rollouts: Sequence[Any]
) -> list[Check]:
    """Whether Prometheus has what these rollouts need. Raises Refused for a --prometheus that is no address."""
    known = next((one.settings for one in operators), {})
    address = known.get(f"{PREFIX}PROMETHEUS_ADDRESS", "")
    if not options.prometheus:
        told = f"the operator asks {address}; " if address else ""
        return [checks.unknown(ABOUT, f"{told}it was not asked from here", FORWARD)]
    written = known.get(f"{PREFIX}SCRAPE_INTERVAL", "15s")
    configured = seconds(written) if written and _is_duration(written) else 15.0
    asked = connection(options)
    specs = [(seeking.name(one), spec) for one in rollouts if (spec := _spec(one)) is not None]
    try:
        return asyncio.run(_ask(asked, namespace, specs, configured))
    except errors.MetricsError as silent:
        cure = "check --prometheus, and --token-file when it wants to know who asks"
        return [checks.bad(ABOUT, str(silent), cure)]


def connection(options: argparse.Namespace) -> Connection:
    """The Prometheus of the options. Raises Refused for one that is no address."""
    try:
        return asking.connection(options, asking.settings(), None)
    except (asking.Refused, errors.SettingsInvalid) as wrong:
        raise Refused(str(wrong), USAGE) from wrong


async def _ask(
    source: Connection, namespace: str, specs: list[tuple[str, RolloutSpec]], configured: float
) -> list[Check]:
    reader = Reader()
    try:
        asked = measured.Measured(reader, source, namespace, round(asking.now(), 3))
        await asked.answers()
        said = [checks.good(ABOUT, f"{source.shown} answers")]
        matchers = next((spec.prometheus.matchers for _, spec in specs), None)
        said.append(scrapes(await asked.scrape_seconds(matchers), configured, namespace))
        for name, spec in specs:
            said += await _of_rollout(asked, name, spec)
        return said
    finally:
        await reader.close()


def scrapes(measured_seconds: float | None, configured: float, namespace: str) -> Check:
    """Whether the operator knows how often Prometheus scrapes: looks lag by that much."""
    if measured_seconds is None:
        sentence = f"how often it scrapes Envoy for namespace {namespace} cannot be measured: too few samples"
        cure = "check that Seldon's Envoy is scraped (metric envoy_cluster_upstream_rq_total), and send some requests"
        return checks.unknown(ABOUT, sentence, cure)
    if measured_seconds > 1.5 * configured:
        sentence = f"it scrapes every {measured_seconds:.3g} s, and the operator believes every {configured:g} s"
        cure = (
            f"helm upgrade ... --set prometheus.scrapeInterval={measured_seconds:.0f}s: else looks come before the data"
        )
        return checks.bad(ABOUT, sentence, cure)
    return checks.good(ABOUT, f"it scrapes every {measured_seconds:.3g} s (the operator is told {configured:g} s)")


async def _of_rollout(asked: measured.Measured, name: str, spec: RolloutSpec) -> list[Check]:
    metrics, edges = await asked.missing(spec), await asked.edges(spec)
    where = "check that it is scraped, its name, and the namespace or prometheus.matchers"
    said = [
        (checks.bad if level is Level.ERROR else checks.careful)(ABOUT, f"{name}: {told}", where)
        for level, told in metrics
    ]
    if not metrics:
        said.append(checks.good(ABOUT, f"{name}: every metric of its guardrails is there"))
    said += [checks.careful(ABOUT, f"{name}: {told}", "") for _, told in edges]
    if not edges and any(rail.latency is not None for rail in spec.guardrails):
        said.append(checks.good(ABOUT, f"{name}: bucket edges lie near its latency limits"))
    return said


def _spec(found: Any) -> RolloutSpec | None:
    try:
        return api_spec.parse(found["spec"])
    except (errors.SpecInvalid, KeyError):
        return None


def _is_duration(written: str) -> bool:
    return re.fullmatch(DURATION, written) is not None and seconds(written) > 0
