"""What a rollout would see as it begins, from the baseline's past: what is missing, and how long stages will take."""

import argparse
import asyncio
from collections.abc import Sequence
from typing import Any

from modelrollout import asking, errors
from modelrollout.api.contract import seconds
from modelrollout.api.spec import RolloutSpec
from modelrollout.cli import measured
from modelrollout.cli.findings import Finding, Level
from modelrollout.cli.linting import Checked
from modelrollout.cli.measured import Measured
from modelrollout.cli.refusals import USAGE, Refused
from modelrollout.judge.refusals import Refusal
from modelrollout.observe import looks, views
from modelrollout.observe.batching import Reader
from modelrollout.observe.history import HistoryAsk, read_windows
from modelrollout.observe.prometheus import Connection
from modelrollout.plan import engine, forecasts, grid, traffics
from modelrollout.settings import Settings

Outlook = dict[str, Any]


def check(
    options: argparse.Namespace, rollouts: Sequence[Checked], found: list[Finding]
) -> tuple[list[Finding], list[Outlook]]:
    """The findings with those of the traffic, and the outlook of each rollout whose spec is well. Raises Refused."""
    try:
        settings = asking.settings()
        connection = asking.connection(options, settings, None)
    except (asking.Refused, errors.SettingsInvalid) as wrong:
        raise Refused(str(wrong), USAGE) from wrong
    outlooks: list[Outlook] = []
    for one in rollouts:
        if one.spec is None:
            continue
        namespace = one.manifest.namespace or options.namespace
        if not namespace:
            raise Refused(f"in which namespace are the models of rollout {one.manifest.name}? Give it with -n", USAGE)
        try:
            said, outlook = asyncio.run(_ahead(one, connection, namespace, settings))
        except errors.MetricsError as silent:
            raise Refused(str(silent)) from silent
        found = found + [one.finding(level, told) for level, told in said]
        outlooks += [outlook] if outlook else []
    return found, outlooks


async def _ahead(
    checked: Checked, connection: Connection, namespace: str, settings: Settings
) -> tuple[list[measured.Said], Outlook | None]:
    """Raises a MetricsError."""
    spec, reader = checked.spec, Reader()
    assert spec is not None
    scrape = views.scrape_seconds(spec, settings.scrape_seconds)
    until = round(asking.now() - grid.lag_seconds(scrape), 3)
    try:
        asked = Measured(reader, connection, namespace, until)
        await asked.answers()
        said = await asked.missing(spec)
        if any(level is Level.ERROR for level, _ in said):
            return said, None
        more, outlook = await _forecast(reader, connection, namespace, spec, until)
        return said + more, outlook and {"rollout": checked.manifest.name, "baseline": spec.baseline.name, **outlook}
    finally:
        await reader.close()


async def _forecast(
    reader: Reader, connection: Connection, namespace: str, spec: RolloutSpec, until: float
) -> tuple[list[measured.Said], Outlook | None]:
    """What the status would say as the first stage begins."""
    matchers, baseline = spec.prometheus.matchers, spec.baseline.name
    hour = views.history(await looks.read_history(reader, connection, namespace, baseline, until, matchers))
    day = await read_windows(
        reader, HistoryAsk(connection, namespace, baseline, until, seconds(spec.analysis.interval), matchers)
    )
    try:
        opened = engine.open_all(spec, hour, day)
    except Refusal as refusal:
        return [(Level.WARNING, f"the rollout would wait to begin: {refusal}")], None
    rules = {name: rule for name, (rule, _) in engine.running(spec, opened).items()}
    known = traffics.of_past(spec, rules, hour, day)
    outlook = forecasts.at_start(spec, rules, known, hour, day)
    said = [(Level.WARNING, told) for told in outlook.warnings]
    stages = [stage.model_dump(mode="json", exclude_defaults=False) for stage in outlook.stages]
    return said, {"stages": stages}
