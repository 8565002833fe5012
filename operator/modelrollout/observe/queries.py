"""PromQL text (pure). Evidence is increments of counters between two evaluation times.

`rate()`, `increase()` and a plain difference are wrong for that: with pods dying and scrapes failing they miss a
third of the events or count twice as many. The form used here never counts an event that did not happen, and adjacent
blocks add up: what one block could not see yet, the next one does. A query is evaluated at the end of its block.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from modelrollout.observe.counters import Counter
from modelrollout.observe.sources import Source

ANCHOR_SECONDS = 600.0
"""W: how old the last sample before a block may be. After a longer silence the block is dropped, see `returned`."""
MEMORY_SECONDS = 86_400.0
"""How long before the block a series that was silent is remembered, and so not taken for a newborn one."""
MOST_NAMESPACE_CHARACTERS = 1000
"""The selector stands in a query up to three times and a query in a URL, which proxies cut at 8 kB."""


class Template(Enum):
    """What can be asked about arms; the values name it in our own metrics."""

    FRESH = "fresh"
    NEWBORN = "newborn"
    ANCHORED = "anchored"
    RETURNED = "returned"
    COMPLETED = "completed"
    RETRIED = "retried"
    SERVER_ERRORS = "server_errors"
    UNDER_WAY = "under_way"
    BUCKETS = "buckets"
    UNBROKEN = "unbroken"
    CHANGE = "change"


@dataclass(frozen=True)
class Scope:
    """Which series are meant: those of some namespaces, or whatever the user's own matchers say instead."""

    namespaces: frozenset[str]
    matchers: str | None = None


def text(
    template: Template,
    source: Source | Counter,
    scope: Scope,
    window_seconds: float,
    edges: Collection[float] | None = None,
) -> str:
    """The query for `template`. The window is two scrapes for FRESH, else the length of the block.

    `edges` are the upper limits of the buckets to read, without which infinity is read too; None reads all of them.
    """
    by, more = _by(source, scope), list[str]()
    if template is Template.BUCKETS:
        by, more = [*by, "le"], [] if edges is None else [le({*edges, math.inf})]
    arm = f'{source.arm_label}=~"{source.arm_pattern}"'
    return _form(template)(select(_metric(template, source), scope, arm, more), by, window_seconds)


def _form(template: Template) -> Callable[[str, Iterable[str], float], str]:
    match template:
        case Template.FRESH:
            return fresh
        case Template.NEWBORN:
            return newborn
        case Template.ANCHORED:
            return anchored
        case Template.RETURNED:
            return returned
        case Template.UNBROKEN:
            return unbroken
        case Template.CHANGE | Template.UNDER_WAY:
            return change
    return increments


def _metric(template: Template, source: Source | Counter) -> str:
    if isinstance(source, Counter):
        return source.selector
    match template:
        case Template.COMPLETED:
            return source.completed
        case Template.RETRIED:
            return source.retried
        case Template.SERVER_ERRORS:
            return source.server_errors
        case Template.UNDER_WAY:
            return source.under_way
        case Template.BUCKETS:
            return source.buckets
    return source.alive


def increments(selector: str, by: Iterable[str], block_seconds: float) -> str:
    """How much the counters grew in the block; what stands after `or` is a counter that began again or is newborn.

    One that began again and has overtaken its old value within the same block looks as if it had only grown: then the
    old value is missing from the block. It is never too much.
    """
    return f"sum by ({', '.join(by)}) ({grown(selector, block_seconds)})"


def grown(selector: str, block_seconds: float) -> str:
    """The same for each series by itself."""
    last = f"last_over_time({selector}[{duration(block_seconds)}])"
    return f"({last} - {_anchor(selector, block_seconds)}) >= 0 or {last}"


def unbroken(selector: str, by: Iterable[str], block_seconds: float) -> str:
    """How much the counters grew in the block, minus infinity where one of them began again; newborn ones from zero.

    For counters that must agree with each other: each would lose another part of what it counted before the restart.
    """
    last, anchor = f"last_over_time({selector}[{duration(block_seconds)}])", _anchor(selector, block_seconds)
    grown = f"({last} - {anchor}) >= 0 or {last} unless {anchor} or 0 * {last} - Inf"
    return f"sum by ({', '.join(by)}) ({grown})"


def change(selector: str, by: Iterable[str], block_seconds: float) -> str:
    """How much sums and gauges changed in the block, up or down; newborn ones from zero.

    Whether sums began again they cannot say themselves: a counter beside them must (`unbroken`).
    """
    return f"sum by ({', '.join(by)}) ({changed(selector, block_seconds)})"


def changed(selector: str, block_seconds: float) -> str:
    """The same for each series by itself."""
    last = f"last_over_time({selector}[{duration(block_seconds)}])"
    return f"{last} - {_anchor(selector, block_seconds)} or {last}"


def growth(selector: str, by: Iterable[str], step_seconds: float) -> str:
    """How much the counters grew in one window of a history; nothing where a scrape failed or one began again.

    Evidence must not lose such windows; a history may, and this is cheap over a whole day.
    """
    return f"sum by ({', '.join(by)}) (({selector} - {selector} offset {duration(step_seconds)}) >= 0)"


def fresh(selector: str, by: Iterable[str], two_scrapes_seconds: float) -> str:
    """1 where the newest sample is younger than two scrapes, 0 where there was one lately, nothing elsewhere.

    Not `timestamp()`: one failed scrape marks a series stale, and it would give nothing for an arm that is fresh.
    """
    labels = ", ".join(by)
    return (
        f"group by ({labels}) (last_over_time({selector}[{duration(two_scrapes_seconds)}]))"
        f" or 0 * group by ({labels}) (last_over_time({selector}[{duration(ANCHOR_SECONDS)}]))"
    )


def newborn(selector: str, by: Iterable[str], block_seconds: float) -> str:
    """How many series have samples in the block and none in W before it: these `increments` counts from zero."""
    return f"count by ({', '.join(by)}) ({_newborn(selector, block_seconds)})"


def anchored(selector: str, by: Iterable[str], block_seconds: float) -> str:
    """How many series have a sample in W before the block; without any, nobody knows where counting began."""
    return f"count by ({', '.join(by)}) ({_anchor(selector, block_seconds)})"


def returned(selector: str, by: Iterable[str], block_seconds: float) -> str:
    """How many of the `newborn` ones are none: they were there before, fell silent for longer than W and came back.

    Counted from zero they would bring in everything they ever counted, so their block must be dropped.
    Asked only where `newborn` found something, because a day of samples is dear.
    """
    before = duration(block_seconds + ANCHOR_SECONDS)
    remembered = f"last_over_time({selector}[{duration(MEMORY_SECONDS)}] offset {before})"
    return f"count by ({', '.join(by)}) (({_newborn(selector, block_seconds)}) and {remembered})"


def _newborn(selector: str, block_seconds: float) -> str:
    return f"last_over_time({selector}[{duration(block_seconds)}]) unless {_anchor(selector, block_seconds)}"


def _anchor(selector: str, block_seconds: float) -> str:
    return f"last_over_time({selector}[{duration(ANCHOR_SECONDS)}] offset {duration(block_seconds)})"


def duration(seconds: float) -> str:
    """PromQL's way to write a duration, to the millisecond: 30s, 1500ms."""
    milliseconds = round(seconds * 1000)
    if milliseconds <= 0:
        raise ValueError(f"a PromQL duration must be positive, not {seconds} s")
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def _by(source: Source | Counter, scope: Scope) -> list[str]:
    """Names of models are unique only within a namespace. With the user's matchers the namespace is their business."""
    return [source.arm_label] if scope.matchers is not None else ["namespace", source.arm_label]


def select(metric: str, scope: Scope, arm: str, more: Iterable[str] = ()) -> str:
    """The metric's series in `scope` that the matcher `arm` lets through, and the metric's own matchers and `more`."""
    name, _, own = metric.partition("{")
    place = scope.matchers.strip().strip(",") if scope.matchers is not None else _namespaces(scope.namespaces)
    return f"{name}{{{', '.join(part for part in (place, arm, own.removesuffix('}'), *more) if part)}}}"


def _namespaces(namespaces: frozenset[str]) -> str:
    """Many namespaces would make the URL too long: then all are read, and the reader picks out its own."""
    alternatives = "|".join(sorted(namespaces))  # DNS labels: nothing in them means anything to a regular expression
    if len(alternatives) > MOST_NAMESPACE_CHARACTERS:
        return 'namespace!=""'
    return f'namespace="{alternatives}"' if len(namespaces) == 1 else f'namespace=~"{alternatives}"'


def literal(name: str) -> str:
    """The name in a regular expression in PromQL, where it stands for itself."""
    return re.sub(r"([^a-zA-Z0-9_-])", r"[\1]", name)


def le(edges: Collection[float]) -> str:
    """The matcher of the buckets with these upper edges, however they are written."""
    spellings = dict.fromkeys(spelling for edge in sorted(edges) for spelling in _spellings(edge))
    return f'le=~"{"|".join(spellings)}"'.replace("\\", "\\\\")


def _spellings(edge: float) -> list[str]:
    """The ways in which exporters and Prometheus 2 and 3 write one edge: 10 and 10.0, 1800000 and 1.8e+06."""
    if math.isinf(edge):
        return [r"\+Inf"]
    plain = f"{edge:.15g}" if edge < 1e15 else repr(edge)
    ways = [plain, plain if "." in plain else plain + ".0", f"{edge:g}"]
    return [way.replace(".", r"\.").replace("+", r"\+") for way in dict.fromkeys(ways)]
