"""What all dashboards share: which rollout they are about, its arms, and marks where something happened."""

from grafana import ALL, BLUE, DATASOURCE, HIDDEN, RED, Json, annotation, variable

ROLLOUT = 'namespace="$namespace", modelrollout="$modelrollout"'
"""Matchers of the rollout that is looked at."""
ENVOY = 'namespace=~"$where", envoy_cluster_name=~"($baseline|$candidate)_[0-9]+_(http|grpc)"'
"""Matchers of both arms in Envoy's metrics."""
MODELS = 'namespace=~"$where", model=~"$baseline|$candidate"'
"""Matchers of both arms in the models' own metrics."""
RANGE = "[$__rate_interval]"

NAMESPACE = variable("namespace", "Namespace", "label_values(modelrollout_info, namespace)")
MODELROLLOUT = variable(
    "modelrollout", "ModelRollout", 'label_values(modelrollout_info{namespace="$namespace"}, modelrollout)'
)
BASELINE = variable("baseline", "Baseline", f"label_values(modelrollout_info{{{ROLLOUT}}}, baseline)", **HIDDEN)
CANDIDATE = variable("candidate", "Candidate", f"label_values(modelrollout_info{{{ROLLOUT}}}, candidate)", **HIDDEN)
WHERE = variable("where", "Seldon's namespace", "label_values(up, namespace)", **ALL)
GUARDRAIL = variable(
    "guardrail", "Guardrail", f"label_values(modelrollout_guardrail_samples{{{ROLLOUT}}}, guardrail)", **ALL
)

ONE: tuple[Json, ...] = (DATASOURCE, NAMESPACE, MODELROLLOUT)
ARMS: tuple[Json, ...] = (*ONE, BASELINE, CANDIDATE, WHERE)

MARKS: tuple[Json, ...] = (
    annotation(
        "Stage", BLUE, f"changes(modelrollout_stage{{{ROLLOUT}}}[1m]) > 0", "The rollout entered another stage."
    ),
    annotation(
        "Ended", RED, f"sum by (outcome) (increase(modelrollout_outcomes_total{{{ROLLOUT}}}[1m])) > 0", "{{outcome}}"
    ),
)


def by_arm(expr: str) -> str:
    """Envoy's series, whose label has version and protocol, summed by the name of the model."""
    return f'sum by (model) (label_replace({expr}, "model", "$1", "envoy_cluster_name", "(.+)_[0-9]+_(http|grpc)"))'
