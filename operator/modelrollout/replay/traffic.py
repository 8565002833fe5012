"""The past traffic of two models, and what the operator would have known of the baseline before it."""

from collections.abc import Sequence
from dataclasses import replace

from modelrollout.api.contract import seconds
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import EngineState
from modelrollout.asking import Forgotten, Refused
from modelrollout.judge.refusals import Refusal
from modelrollout.observe import looks, views
from modelrollout.observe.batching import Reader
from modelrollout.observe.evidence import LookAsk
from modelrollout.observe.history import HistoryAsk, read_windows
from modelrollout.observe.past import Block
from modelrollout.plan import engine
from modelrollout.plan.world import LookData, NoData
from modelrollout.replay import reading, splitting

Seen = list[LookData | NoData]


async def read(
    spec: RolloutSpec, ask: LookAsk, blocks: Sequence[Block], label: str | None, now: float
) -> tuple[list[EngineState], Seen]:
    """The guardrails before their first look, and what every block saw; at least one saw something.

    Both arms may be one model: then its replicas are the arms, told apart by `label` or by the first label that does.
    Raises Refused for models that Prometheus does not know, Forgotten when it knows neither, or gives no answer.
    """
    interval = seconds(spec.analysis.interval)
    is_one_model = ask.baseline == ask.candidate
    asks = await splitting.split(ask, label) if is_one_model else [ask]
    opened = await _opened(spec, asks[0], now)
    found = [await reading.read(with_edges(one, opened), blocks, interval) for one in asks]
    seen = list(map(splitting.joined, *found)) if is_one_model else found[0]
    looked = [views.look(one) for one in seen]
    if all(isinstance(one, NoData) for one in looked):
        raise await _unknown(ask, looked[0], now)
    return opened, looked


def with_edges(ask: LookAsk, opened: list[EngineState]) -> LookAsk:
    """The same question for the bucket edges that the guardrails compare."""
    return replace(ask, edges_ms=engine.edges_wanted(opened))


async def _opened(spec: RolloutSpec, ask: LookAsk, now: float) -> list[EngineState]:
    """Every guardrail, with what the baseline's hour and day before the first block say. Raises Forgotten."""
    reader = Reader()
    try:
        hour = await looks.read_history(reader, ask.connection, ask.namespace, ask.baseline, ask.since, ask.matchers)
        asked = HistoryAsk(
            ask.connection, ask.namespace, ask.baseline, ask.since, seconds(spec.analysis.interval), ask.matchers
        )
        return engine.open_all(spec, views.history(hour), await read_windows(reader, asked))
    except Refusal as refusal:
        raise Forgotten(f"The guardrails cannot begin: {refusal}. {await reading.begins(ask, now)}") from refusal
    finally:
        await reader.close()


async def _unknown(ask: LookAsk, first: LookData | NoData, now: float) -> Refused:
    """Why no block had anything to judge: a model never was, or the past is gone."""
    told = first.message if isinstance(first, NoData) else ""
    known = [at is not None for at in (await reading.first_samples(ask, now)).values()]
    kind = Refused if any(known) and not all(known) else Forgotten
    return kind(f"No block can be judged. {told} {await reading.begins(ask, now)}")
