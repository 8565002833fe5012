"""Read the blocks of the past from Prometheus, or say from when it has any samples."""

from collections.abc import Sequence
from itertools import chain

from modelrollout import errors
from modelrollout.api.status import JudgedBlocks
from modelrollout.asking import Forgotten, Refused
from modelrollout.observe import evidence, past, queries, views
from modelrollout.observe.batching import Reader
from modelrollout.observe.evidence import LookAsk, Reason
from modelrollout.observe.past import Block
from modelrollout.observe.prometheus import Grid
from modelrollout.observe.sources import ENVOY
from modelrollout.plan import world
from modelrollout.plan.draft import timestamp

FEW = 40  # blocks of which it is cheaper to ask one by one than for a whole grid
TIMES_TO_SEARCH = 500
MINUTE = 60.0
NO_ANSWER = (Reason.UNREACHABLE, Reason.DENIED, Reason.MALFORMED)


def blocks(judged: JudgedBlocks) -> list[Block]:
    """The blocks of one entry of the record."""
    until = judged.since + judged.count * judged.seconds
    return past.blocks(judged.since, until, judged.seconds) if judged.count else []


def until(record: Sequence[JudgedBlocks]) -> float:
    """Where the last block of the record ends, Unix seconds."""
    last = record[-1]
    return round(last.since + max(last.count, 1) * max(last.seconds, 1.0), 3)


async def read(ask: LookAsk, read_blocks: Sequence[Block], seconds: float) -> list[evidence.LookData]:
    """What each block of equal length saw. Raises Forgotten when Prometheus itself gives no answer, Refused for what
    it cannot parse.
    """
    if not read_blocks:
        return []
    reader = past.GridReader(read_blocks[0][0], seconds) if len(read_blocks) > FEW else Reader()
    try:
        found = await past.read_looks(reader, past.over(ask, read_blocks))
    finally:
        await reader.close()
    for one in found:
        if isinstance(one.arms, evidence.NoData) and one.arms.reason in NO_ANSWER:
            raise Forgotten(one.arms.message)
        if isinstance(one.arms, evidence.NoData) and one.arms.reason is Reason.QUERY_REFUSED:
            raise Refused(one.arms.message)
    return found


async def recorded(ask: LookAsk, record: Sequence[JudgedBlocks], now: float) -> list[world.LookData]:
    """What every block of the record saw. Raises Forgotten when Prometheus no longer has one of them."""
    found = [await read(ask, blocks(entry), entry.seconds) for entry in record]
    looks = []
    for one in chain.from_iterable(found):
        look = views.look(one)
        if isinstance(look, world.NoData):
            told = f"The look at {timestamp(one.until)} cannot be read again: {look.message}"
            raise Forgotten(f"{told} {await begins(ask, now)}")
        looks.append(look)
    return looks


async def first_samples(ask: LookAsk, now: float) -> dict[str, float | None]:
    """When Envoy's oldest sample of each arm since the ask began was scraped, None without any; Unix seconds.

    Exact to a minute. Raises Forgotten when Prometheus gives no answer.
    """
    reader, models = Reader(), dict.fromkeys((ask.baseline, ask.candidate))
    try:
        return {model: await _first(reader, ask, model, now) for model in models}
    except errors.MetricsError as error:
        raise Forgotten(str(error)) from error
    finally:
        await reader.close()


async def begins(ask: LookAsk, now: float) -> str:
    """The same in a sentence of each arm."""
    found = await first_samples(ask, now)
    return " ".join(
        f"Prometheus has {'no samples' if at is None else 'samples'} of model {model} "
        f"{f'since {timestamp(ask.since)}' if at is None else f'from {timestamp(at)} on'}."
        for model, at in found.items()
    )


def everything(ask: LookAsk, metric: str, model: str) -> str:
    """The selector of a metric of Envoy's, of all versions of the model."""
    scope = queries.Scope(frozenset({ask.namespace}), ask.matchers)
    return queries.select(metric, scope, f'{ENVOY.arm_label}=~"{model}_[0-9]+_(http|grpc)"')


async def _first(reader: Reader, ask: LookAsk, model: str, now: float) -> float | None:
    """Search the whole time in coarse steps, then the step that was found in finer ones."""
    since, until = ask.since, max(ask.since, now)
    while True:
        step = max(MINUTE, (until - since) / TIMES_TO_SEARCH)
        query = f"count(last_over_time({everything(ask, ENVOY.alive, model)}[{queries.duration(step)}]))"
        rows = await reader.rows(ask.connection, query, Grid(since, until + step, step))
        places = [place for row in rows for place in row.values]
        if not places:
            return None
        until = since + min(places) * step
        if step <= MINUTE:
            return until
        since = until - step
