"""The user's own counters over one block: for guardrails on shares (ratio) and on means.

They live in other processes than Envoy's, so trouble with them is the trouble of one guardrail and never of the whole
look. A block counts only when the counters of both arms were seen at both of its ends and did not break in between.
Then every number of both arms speaks of the same time, blocks that touch never count anything twice, and nothing is
counted of which nobody knows when it began. Otherwise the guardrail has a gap with a sentence, and its block is left
out, for both arms; the other guardrails go on. One rule each:

    Prometheus does not answer, or refuses   the block is left out
    no series of either arm                  left out: the metric or its label is not there
    no series of one arm, at both ends       0: nothing of it was labelled yet
    a total first seen in the block          left out; counting starts at its end. Good, bad ones and sums may be born
                                             late, for many exporters show them with the first event: they start from 0
    an arm not seen at the block's beginning left out; counting starts at its end
    an arm not seen at the block's end       left out, and so is the next
    a replica back after a long silence      left out
    a new replica, or version of a model     counted from 0
    a counter that began again               left out: each counter would lose another part. Counters never fall, so one
                                             that fell began again. A sum may fall; the count beside it says for it
                                             whether it began again, and so do the squares
    NaN or infinity                          left out
    several series                           summed: they are replicas and versions

More events than outcomes, for the exporter showed them a moment apart, are cut; a mean of no values has no sum.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout import errors
from modelrollout.observe import missing
from modelrollout.observe.batching import Question, Reader, Table
from modelrollout.observe.counters import Counter
from modelrollout.observe.evidence import (
    LONGEST_BLOCK_SECONDS,
    CountedArms,
    LookAsk,
    MeanAsk,
    NoData,
    RatioAsk,
    Reason,
)
from modelrollout.observe.queries import Template
from modelrollout.plan.world import ArmSums


@dataclass(frozen=True)
class _Read:
    """What one counter's four queries say."""

    counter: Counter
    at_start: Table
    at_end: Table
    newborn: Table
    grown: Table


async def read_counted(reader: Reader, ask: LookAsk) -> dict[str, CountedArms | NoData]:
    """What each guardrail's own counters say of the block, or why nothing. Never raises for what Prometheus does."""
    found = await asyncio.gather(*(_read_one(reader, ask, name) for name in ask.counters))
    return dict(zip(ask.counters, found, strict=True))


async def _read_one(reader: Reader, ask: LookAsk, name: str) -> CountedArms | NoData:
    asked = ask.counters[name]
    if ask.until - ask.since > LONGEST_BLOCK_SECONDS:
        return NoData(Reason.TOO_OLD, "The last look is too long ago to read on from it: counting starts here.")
    templates = _templates(asked)
    try:
        read = await asyncio.gather(
            *(_read_counter(reader, ask, Counter(selector, asked.label), how) for selector, how in templates)
        )
        trouble = _unlabelled(read[0], ask) or _unseen(read, ask) or await _returned(reader, ask, read)
    except errors.MetricsError as error:
        return missing.of_guardrail(name, error)
    trouble = trouble or _broken(read, ask)
    if trouble is not None:
        return NoData(trouble.reason, f"Guardrail {name}: {trouble.message}")
    baseline, candidate = (_sums(asked, [_one(one.grown, one, ask, arm) for one in read]) for arm in _arms(ask))
    return CountedArms(baseline, candidate)


def _templates(asked: RatioAsk | MeanAsk) -> list[tuple[str, Template]]:
    """The guardrail's counters, the total first, and how each is read."""
    if isinstance(asked, RatioAsk):
        return [(asked.total, Template.UNBROKEN), (asked.part, Template.UNBROKEN)]
    return [(asked.total, Template.UNBROKEN), (asked.sum, Template.CHANGE), (asked.squares, Template.UNBROKEN)]


async def _read_counter(reader: Reader, ask: LookAsk, counter: Counter, how: Template) -> _Read:
    block, lately = ask.until - ask.since, 2 * ask.scrape_seconds
    tables = await asyncio.gather(
        _table(reader, ask, counter, Template.FRESH, ask.since, lately),
        _table(reader, ask, counter, Template.FRESH, ask.until, lately),
        _table(reader, ask, counter, Template.NEWBORN, ask.until, block),
        _table(reader, ask, counter, how, ask.until, block),
    )
    return _Read(counter, *tables)


async def _table(
    reader: Reader, ask: LookAsk, counter: Counter, template: Template, at: float, window_seconds: float
) -> Table:
    question = Question(ask.connection, template, at, window_seconds, counter.matchers(ask.matchers), counter)
    return await reader.table(question, ask.namespace)


# --- why a block is left out ------------------------------------------------------------------------------------------


def _unlabelled(total: _Read, ask: LookAsk) -> NoData | None:
    if any(
        _state(table, total, ask, arm) is not None for table in (total.at_start, total.at_end) for arm in _arms(ask)
    ):
        return None
    return NoData(
        Reason.NO_SERIES,
        f"Prometheus has no series of {total.counter.selector} for {missing.models(list(_arms(ask)))}: check that the"
        f" metric is scraped, its label {total.counter.arm_label}, and the namespace or prometheus.matchers.",
    )


def _unseen(read: list[_Read], ask: LookAsk) -> NoData | None:
    """An arm that was not there at one end of the block, although it was at the other, or a while before."""
    for place, one in enumerate(read):
        for arm in _arms(ask):
            start, end = (_state(table, one, ask, arm) for table in (one.at_start, one.at_end))
            if end is False or (start is not None and end is None):
                return NoData(
                    Reason.STALE_ARM,
                    f"The newest sample of {one.counter.selector} for model {arm} is older than two scrapes:"
                    " check that it is scraped, and prometheus.scrapeInterval.",
                )
            if end and (start is False or (start is None and place == 0)):
                return NoData(
                    Reason.RE_ANCHORED,
                    f"Prometheus did not see {one.counter.selector} of model {arm} when this block began:"
                    " counting starts here.",
                )
    return None


async def _returned(reader: Reader, ask: LookAsk, read: list[_Read]) -> NoData | None:
    """Whether something would be counted from zero that did not begin at zero; one more query, but only at births."""
    for one in read:
        born = [arm for arm in _arms(ask) if _one(one.newborn, one, ask, arm)]
        if not born:
            continue
        table = await _table(reader, ask, one.counter, Template.RETURNED, ask.until, ask.until - ask.since)
        if back := [arm for arm in born if _one(table, one, ask, arm)]:
            return NoData(
                Reason.RE_ANCHORED,
                f"Series of {one.counter.selector} for {missing.models(back)} came back after a long silence:"
                " counting starts here.",
            )
    return None


def _broken(read: list[_Read], ask: LookAsk) -> NoData | None:
    for one in read:
        for arm in _arms(ask):
            grown = _one(one.grown, one, ask, arm)
            if grown == -math.inf:
                return NoData(
                    Reason.RE_ANCHORED,
                    f"{one.counter.selector} of model {arm} began again in this block: counting starts here.",
                )
            if not math.isfinite(grown):
                return NoData(Reason.NOT_FINITE, f"{one.counter.selector} of model {arm} is NaN or infinite.")
    return None


# --- what it counted --------------------------------------------------------------------------------------------------


def _sums(asked: RatioAsk | MeanAsk, grown: list[float]) -> ArmSums:
    total = grown[0]
    if isinstance(asked, MeanAsk):
        return ArmSums(total, grown[1], grown[2]) if total > 0 else ArmSums(0.0, 0.0, 0.0)
    part = min(grown[1], total)
    bad = total - part if asked.part_is_good else part
    return ArmSums(total, bad, bad)


def _state(table: Table, read: _Read, ask: LookAsk, arm: str) -> bool | None:
    """True: its newest sample is fresh. False: there was one lately. None: there is none."""
    fresh = _cells(table, read, ask, arm).get(math.inf)
    return None if fresh is None else fresh > 0


def _one(table: Table, read: _Read, ask: LookAsk, arm: str) -> float:
    return _cells(table, read, ask, arm).get(math.inf, 0.0)


def _cells(table: Table, read: _Read, ask: LookAsk, arm: str) -> Mapping[float, float]:
    return missing.row(table, ask.namespace, read.counter.matchers(ask.matchers), arm)


def _arms(ask: LookAsk) -> tuple[str, str]:
    return ask.baseline, ask.candidate
