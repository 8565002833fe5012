"""How fast and how well both arms answer: Envoy's metrics, which the guardrails read, and the servers' beside them."""

from about import ARMS, ENVOY, MARKS, MODELS, RANGE, ROLLOUT, by_arm
from grafana import Dashboard, Panel, Row, Target, graph

COMPLETED = by_arm(f"rate(envoy_cluster_upstream_rq_completed{{{ENVOY}}}{RANGE})")
ERRORS = by_arm(f'rate(envoy_cluster_upstream_rq_xx{{{ENVOY}, envoy_response_code_class="5"}}{RANGE})')
RETRIED = by_arm(f"rate(envoy_cluster_upstream_rq_retry_success{{{ENVOY}}}{RANGE})")
SUM = by_arm(f"rate(envoy_cluster_upstream_rq_time_sum{{{ENVOY}}}{RANGE})")
COUNT = by_arm(f"rate(envoy_cluster_upstream_rq_time_count{{{ENVOY}}}{RANGE})")
BUCKETS = by_arm(f"rate(envoy_cluster_upstream_rq_time_bucket{{{ENVOY}}}{RANGE})").replace("(model)", "(model, le)", 1)


def quantile(of_hundred: int) -> Panel:
    return graph(
        f"p{of_hundred}",
        f"{of_hundred} of 100 requests took no longer, as the buckets tell it.",
        Target(f"histogram_quantile({of_hundred / 100:g}, {BUCKETS})", "{{model}}"),
        unit="ms",
    )


CLIENTS: list[Panel] = [
    graph(
        "Requests", "Final answers each second, one per client request.", Target(COMPLETED, "{{model}}"), unit="reqps"
    ),
    graph(
        "Errors",
        "Share of the answers that are errors of the server (5xx).",
        Target(f"({ERRORS} or 0 * {COMPLETED}) / {COMPLETED}", "{{model}}"),
        unit="percentunit",
        defaults={"min": 0},
    ),
    graph(
        "Saved by a retry",
        "Share of the requests that succeeded only after a retry: clients saw no error, the arm made one.",
        Target(f"{RETRIED} / {COMPLETED}", "{{model}}"),
        unit="percentunit",
        defaults={"min": 0},
    ),
    quantile(50),
    quantile(95),
    quantile(99),
    graph(
        "Mean time",
        "Mean time of a client's request.",
        Target(f"{SUM} / {COUNT}", "{{model}}"),
        unit="ms",
        width=12,
    ),
    graph(
        "Share of the requests",
        "What each arm answered, beside the weight that it is known to have.",
        Target(f"{COMPLETED} / on () group_left () sum({COMPLETED})", "{{model}} answered"),
        Target(f"modelrollout_weight{{{ROLLOUT}}} / 100", "{{arm}} weight"),
        unit="percentunit",
        width=12,
        defaults={"min": 0, "max": 1},
    ),
]
REPLICAS: list[Panel] = [
    graph(
        "Attempts",
        "What Seldon's agents answered each second, retries counted one by one.",
        Target(f"sum by (model, code) (rate(seldon_model_infer_total{{{MODELS}}}{RANGE}))", "{{model}} {{code}}"),
        unit="reqps",
        width=12,
    ),
    graph(
        "Attempts by replica",
        "The same, by replica of the server: one that answers less than the others is ill or slow.",
        Target(
            f"sum by (model, instance) (rate(seldon_model_infer_total{{{MODELS}}}{RANGE}))",
            "{{model}} {{instance}}",
        ),
        unit="reqps",
        width=12,
    ),
]
NETWORKS: list[Panel] = [
    graph(
        "Time in the model, p99",
        "99 of 100 well-formed requests were answered within this time by the model itself.",
        Target(
            f"histogram_quantile(0.99, sum by (model, le) (rate(direction_predict_seconds_bucket{{{MODELS}}}{RANGE})))",
            "{{model}}",
        ),
        unit="s",
    ),
    graph(
        "Refused inputs",
        "Requests refused with 400 each second, by what was wrong with the input.",
        Target(
            f"sum by (model, reason) (rate(direction_bad_input_total{{{MODELS}}}{RANGE})) > 0 or vector(0)",
            "{{model}} {{reason}}",
        ),
        unit="reqps",
    ),
    graph(
        "Broken",
        "Requests for which the network computed no probability each second, and loads that were refused.",
        Target(f"sum by (model) (rate(direction_bad_output_total{{{MODELS}}}{RANGE}))", "{{model}} no output"),
        Target(f"sum by (model) (rate(direction_load_failed_total{{{MODELS}}}{RANGE}))", "{{model}} not loaded"),
        unit="ops",
    ),
]

DASHBOARD = Dashboard(
    uid="modelrollout-performance",
    title="ModelRollout / Model performance",
    description="How fast and how well the baseline and the candidate of a rollout answer.",
    rows=[
        Row("As clients see it", CLIENTS),
        Row("Behind Envoy", REPLICAS),
        Row("In the models of this project", NETWORKS),
    ],
    variables=ARMS,
    annotations=MARKS,
)
