"""Why there is no data, in the words that looks of every kind share."""

from collections.abc import Mapping

from modelrollout import errors
from modelrollout.observe.batching import Table
from modelrollout.observe.evidence import NoData, Reason

_REASONS: Mapping[type[errors.MetricsError], Reason] = {
    errors.MetricsUnavailable: Reason.UNREACHABLE,
    errors.MetricsDenied: Reason.DENIED,
    errors.MetricsMalformed: Reason.MALFORMED,
    errors.QueryRefused: Reason.QUERY_REFUSED,
}


def no_answer(error: errors.MetricsError) -> NoData:
    """Prometheus itself gave nothing."""
    return NoData(_REASONS[type(error)], str(error))


def of_guardrail(name: str, error: errors.MetricsError) -> NoData:
    """The same for what one guardrail asked: a refused query is its own fault, so it says whose."""
    if isinstance(error, errors.QueryRefused):
        return NoData(Reason.QUERY_REFUSED, f"Guardrail {name}: {error}")
    return no_answer(error)


def models(names: list[str]) -> str:
    """One or two models, for a sentence."""
    return f"model {names[0]}" if len(names) == 1 else f"models {' and '.join(names)}"


def row(table: Table, namespace: str, matchers: str | None, model: str) -> Mapping[float, float]:
    """What the table says of the model, by upper edge; empty when nothing."""
    return table.get(("" if matchers is not None else namespace, model), {})
