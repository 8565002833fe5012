"""One model as two arms: its replicas, told apart by a label, cannot differ. A rule that fails one of them errs."""

from dataclasses import replace

from modelrollout import errors
from modelrollout.asking import Forgotten, Refused
from modelrollout.observe.batching import Reader
from modelrollout.observe.evidence import Arms, CountedArms, LookAsk, LookData, NoData
from modelrollout.observe.prometheus import Sample
from modelrollout.observe.queries import ANCHOR_SECONDS, duration
from modelrollout.observe.sources import ENVOY, REPLICA_LABELS
from modelrollout.replay.reading import everything


async def split(ask: LookAsk, label: str | None) -> list[LookAsk]:
    """What to ask of each half: the two busiest values of the label, or of the first label that tells replicas apart.

    Raises Refused when nothing does, Forgotten when Prometheus gives no answer.
    """
    labels = (label,) if label else REPLICA_LABELS
    for name in labels:
        values = await _busiest(ask, name)
        if len(values) > 1:
            return [_only(ask, name, value) for value in values[:2]]
    raise Refused(
        f"no label {' or '.join(labels)} of {ENVOY.completed} tells replicas of model {ask.baseline} apart: "
        "give one with --split, or name another model as the candidate"
    )


def joined(baseline: LookData, candidate: LookData) -> LookData:
    """The look at both halves: one arm of each, or why there is none."""
    halves = (baseline.arms, candidate.arms)
    trouble = next((half for half in halves if isinstance(half, NoData)), None)
    if trouble is not None or isinstance(baseline.arms, NoData) or isinstance(candidate.arms, NoData):
        return replace(baseline, arms=trouble or baseline.arms)
    counted = {name: _counted(found, candidate.counted[name]) for name, found in baseline.counted.items()}
    return replace(baseline, arms=Arms(baseline.arms.baseline, candidate.arms.candidate), counted=counted)


def _counted(baseline: CountedArms | NoData, candidate: CountedArms | NoData) -> CountedArms | NoData:
    if isinstance(baseline, NoData):
        return baseline
    return candidate if isinstance(candidate, NoData) else CountedArms(baseline.baseline, candidate.candidate)


async def _busiest(ask: LookAsk, label: str) -> list[str]:
    """The label's values at the end, busiest first; values without any request are absent."""
    last = f"last_over_time({everything(ask, ENVOY.completed, ask.baseline)}[{duration(ANCHOR_SECONDS)}])"
    reader = Reader()
    try:
        samples = await reader.query(ask.connection, f"sum by ({label}) ({last})", ask.until)
    except errors.QueryRefused as refused:
        raise Refused(str(refused)) from refused
    except errors.MetricsError as error:
        raise Forgotten(str(error)) from error
    finally:
        await reader.close()
    return [one.labels[label] for one in sorted(samples, key=_requests) if label in one.labels and one.value > 0]


def _requests(sample: Sample) -> float:
    return -sample.value


def _only(ask: LookAsk, label: str, value: str) -> LookAsk:
    own = ask.matchers if ask.matchers is not None else f'namespace="{ask.namespace}"'
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return replace(ask, matchers=f'{own}, {label}="{quoted}"')
