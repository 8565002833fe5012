"""One look: ask for it as one record, get counts of both arms and values of the free queries, or why there are none.

An outage is never guilt and never a pass, so whatever is missing comes back as `NoData` with a reason, one rule each:
no series; a stale arm (no look for both arms, the block grows); NaN or infinity; several series; a series that came
back after a long silence, or an arm that nobody saw before the block (the block is dropped); a block too long to read.
A counter that began again and a newborn series of a known arm are no such case: `queries.increments` counts them right.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from itertools import accumulate

from modelrollout import errors
from modelrollout.observe import missing
from modelrollout.observe.batching import Question, Reader, Table
from modelrollout.observe.counted import read_counted
from modelrollout.observe.evidence import (
    LONGEST_BLOCK_SECONDS,
    ArmCounts,
    Arms,
    Histogram,
    LookAsk,
    LookData,
    NoData,
    Reason,
)
from modelrollout.observe.prometheus import Connection
from modelrollout.observe.queries import Template

HISTORY_SECONDS = 3600.0


async def read_look(reader: Reader, ask: LookAsk) -> LookData:
    """Both arms' counts, all free values and the user's own counters. Never raises for anything Prometheus does."""
    arms, values, counted = await asyncio.gather(
        _read_arms(reader, ask), _read_values(reader, ask), read_counted(reader, ask)
    )
    return LookData(ask.since, ask.until, arms, values, counted)


async def read_history(
    reader: Reader, connection: Connection, namespace: str, model: str, until: float, matchers: str | None = None
) -> Histogram | NoData:
    """How long the model's requests of the hour before `until` took, over all edges: to choose edges from."""
    question = Question(connection, Template.BUCKETS, until, HISTORY_SECONDS, matchers)
    try:
        table = await reader.table(question, namespace, edges=None)
    except errors.MetricsError as error:
        return missing.no_answer(error)
    row = missing.row(table, namespace, matchers, model)
    if not math.isfinite(sum(row.values())):
        return _not_finite()
    if math.inf not in row:
        return NoData(Reason.NO_SERIES, f"Prometheus has no latency histogram of model {model}: {_without_series()}.")
    buckets = _rising(row)
    return Histogram(tuple(buckets), tuple(buckets.values()))


# --- both arms --------------------------------------------------------------------------------------------------------


async def _read_arms(reader: Reader, ask: LookAsk) -> Arms | NoData:
    block_seconds = ask.until - ask.since
    if block_seconds > LONGEST_BLOCK_SECONDS:
        return NoData(Reason.TOO_OLD, "The last look is too long ago to read on from it: counting starts here.")
    try:
        tables = await _tables(reader, ask, block_seconds)
        trouble = (
            _missing(tables[Template.FRESH], ask)
            or await _unanchored(reader, ask, tables[Template.NEWBORN], block_seconds)
            or _unusable(tables, ask)
        )
    except errors.MetricsError as error:
        return missing.no_answer(error)
    if trouble is not None:
        return trouble
    edges = _common_edges(tables.get(Template.BUCKETS, {}), ask)
    return Arms(_counts(tables, ask, ask.baseline, edges), _counts(tables, ask, ask.candidate, edges))


async def _tables(reader: Reader, ask: LookAsk, block_seconds: float) -> dict[Template, Table]:
    """All templates at once, so that they fall into the same batches."""
    windows = {
        Template.FRESH: 2 * ask.scrape_seconds,
        Template.NEWBORN: block_seconds,
        Template.COMPLETED: block_seconds,
        Template.UNDER_WAY: block_seconds,
    }
    if ask.errors:
        windows |= dict.fromkeys((Template.RETRIED, Template.SERVER_ERRORS), block_seconds)
    if ask.edges_ms:
        windows[Template.BUCKETS] = block_seconds
    return await _ask(reader, ask, windows)


async def _ask(reader: Reader, ask: LookAsk, windows: Mapping[Template, float]) -> dict[Template, Table]:
    tables = await asyncio.gather(
        *(
            reader.table(
                Question(ask.connection, template, ask.until, window, ask.matchers), ask.namespace, ask.edges_ms
            )
            for template, window in windows.items()
        )
    )
    return dict(zip(windows, tables, strict=True))


def _missing(fresh: Table, ask: LookAsk) -> NoData | None:
    states = {model: _one(fresh, ask, model) for model in (ask.baseline, ask.candidate)}
    if unknown := [model for model, state in states.items() if state is None]:
        return NoData(Reason.NO_SERIES, f"Prometheus has no series of {missing.models(unknown)}: {_without_series()}.")
    if stale := [model for model, state in states.items() if not state]:
        return NoData(
            Reason.STALE_ARM,
            f"The newest sample of {missing.models(stale)} is older than two scrapes: {_where_to_look()}.",
        )
    return None


async def _unanchored(reader: Reader, ask: LookAsk, newborn: Table, block_seconds: float) -> NoData | None:
    """Whether something would be counted from zero that did not begin at zero; two more queries, but only at births."""
    born = [model for model in (ask.baseline, ask.candidate) if _one(newborn, ask, model)]
    if not born:
        return None
    tables = await _ask(reader, ask, dict.fromkeys((Template.ANCHORED, Template.RETURNED), block_seconds))
    if unseen := [model for model in born if not _one(tables[Template.ANCHORED], ask, model)]:
        return NoData(
            Reason.RE_ANCHORED,
            f"Prometheus did not see {missing.models(unseen)} when this block began: counting starts here.",
        )
    if back := [model for model in born if _one(tables[Template.RETURNED], ask, model)]:
        return NoData(
            Reason.RE_ANCHORED,
            f"Series of {missing.models(back)} came back after a long silence: counting starts here.",
        )
    return None


def _unusable(tables: Mapping[Template, Table], ask: LookAsk) -> NoData | None:
    for table in tables.values():
        for model in (ask.baseline, ask.candidate):
            if not all(map(math.isfinite, missing.row(table, ask.namespace, ask.matchers, model).values())):
                return _not_finite()
    return None


def _counts(tables: Mapping[Template, Table], ask: LookAsk, model: str, edges: tuple[float, ...]) -> ArmCounts:
    """An arm that is scraped but has no such series yet has 0 there.

    Each series notices by itself that it began again, so one of them may have lost events that another still has; no
    part may be larger than its whole, and the larger number is the one that was really seen.
    """
    server_errors = _one(tables.get(Template.SERVER_ERRORS, {}), ask, model) or 0.0
    troubled = (_one(tables.get(Template.RETRIED, {}), ask, model) or 0.0) + server_errors
    completed = _one(tables[Template.COMPLETED], ask, model) or 0.0
    row = missing.row(tables.get(Template.BUCKETS, {}), ask.namespace, ask.matchers, model)
    return ArmCounts(
        completed=max(completed, troubled),
        troubled=troubled,
        server_errors=server_errors,
        buckets=_rising({edge: row.get(edge, 0.0) for edge in edges}),
        under_way=_one(tables[Template.UNDER_WAY], ask, model) or 0.0,
    )


def _common_edges(buckets: Table, ask: LookAsk) -> tuple[float, ...]:
    """The asked edges that each arm with a histogram has; all of them while none has one yet."""
    if not ask.edges_ms:
        return ()
    edges = {*ask.edges_ms, math.inf}
    for model in (ask.baseline, ask.candidate):
        edges &= missing.row(buckets, ask.namespace, ask.matchers, model).keys() or edges
    return tuple(sorted(edges))


def _rising(buckets: Mapping[float, float]) -> dict[float, float]:
    edges = sorted(buckets)
    return dict(zip(edges, accumulate((buckets[edge] for edge in edges), max), strict=True))


# --- free queries -----------------------------------------------------------------------------------------------------


async def _read_values(reader: Reader, ask: LookAsk) -> dict[str, float | NoData]:
    values = await asyncio.gather(*(_read_value(reader, ask, name) for name in ask.queries))
    return dict(zip(ask.queries, values, strict=True))


async def _read_value(reader: Reader, ask: LookAsk, name: str) -> float | NoData:
    try:
        samples = await reader.query(ask.connection, ask.queries[name], ask.until)
    except errors.MetricsError as error:
        return missing.of_guardrail(name, error)
    if not samples:
        return NoData(Reason.NO_SERIES, f"The query of guardrail {name} gives no series.")
    if len(samples) > 1:
        return NoData(
            Reason.SEVERAL_SERIES,
            f"The query of guardrail {name} gives several series: aggregate it, for example with max(...).",
        )
    if not math.isfinite(samples[0].value):
        return NoData(Reason.NOT_FINITE, f"The query of guardrail {name} gives NaN or infinity.")
    return samples[0].value


# --- words ------------------------------------------------------------------------------------------------------------


def _not_finite() -> NoData:
    return NoData(Reason.NOT_FINITE, "A counter in Prometheus is NaN or infinite.")


def _one(table: Table, ask: LookAsk, model: str) -> float | None:
    return missing.row(table, ask.namespace, ask.matchers, model).get(math.inf)


def _without_series() -> str:
    return f"send requests, or {_where_to_look()}"


def _where_to_look() -> str:
    return "check that Seldon's Envoy is up and scraped, and the namespace or prometheus.matchers"
