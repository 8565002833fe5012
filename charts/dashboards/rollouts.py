"""The fleet, one rollout, and the operator itself."""

from about import MARKS, ONE, RANGE, ROLLOUT
from grafana import (
    BLUE,
    GREEN,
    GREY,
    RED,
    YELLOW,
    Dashboard,
    Panel,
    Row,
    Target,
    bars,
    colored,
    graph,
    line_at,
    mapped,
    number,
    table,
    timeline,
)

RUNNING = 'modelrollout_info{phase=~"Progressing|Promoting|RollingBack"}'
WEIGHTS = (
    "modelrollout_info * on (namespace, modelrollout) group_left () "
    'max by (namespace, modelrollout) (modelrollout_weight{role="candidate"}) or modelrollout_info * 0'
)
VERDICTS = {"1": ("Pass", GREEN), "2": ("Inconclusive", BLUE), "3": ("NoData", GREY), "4": ("Fail", RED)}
VERDICT = " or ".join(
    f'max by (guardrail) (modelrollout_guardrail_verdict{{{ROLLOUT}, verdict="{word}"}}) * {value}'
    for value, (word, _) in VERDICTS.items()
)
DONE, DONE_LINE = line_at(1)


def lag(quantile: float) -> str:
    return f"histogram_quantile({quantile}, sum by (le) (rate(modelrollout_look_lag_seconds_bucket{RANGE})))"


def slowest(metric: str) -> str:
    return f"histogram_quantile(0.99, sum by (le) (rate({metric}_bucket{RANGE})))"


FLEET: list[Panel] = [
    number("Rollouts", "All rollouts that the operator runs.", Target("count(modelrollout_info) or vector(0)")),
    number(
        "Running",
        "Rollouts between their first stage and their end.",
        Target(f"count({RUNNING}) or vector(0)"),
        defaults=colored((None, GREY), (1, BLUE)),
    ),
    number(
        "Paused",
        "Rollouts that wait for a person, a spec or an approval.",
        Target('count(modelrollout_info{phase="Paused"}) or vector(0)'),
        defaults=colored((None, GREY), (1, YELLOW)),
    ),
    number(
        "Degraded",
        "Rollouts that were rolled back, or that cannot go on without a person.",
        Target('count(modelrollout_info{phase="Degraded"}) or vector(0)'),
        defaults=colored((None, GREY), (1, RED)),
    ),
    number(
        "Overdue looks",
        "Rollouts whose look was due more than a minute ago: alert ModelRolloutStuck comes at five.",
        Target("count(time() - modelrollout_look_due_timestamp_seconds > 60) or vector(0)"),
        defaults=colored((None, GREEN), (1, RED)),
    ),
    number(
        "Leader",
        "Replicas of the operator that lead: one for each release.",
        Target("sum(modelrollout_leader)"),
        defaults=colored((None, RED), (1, GREEN)),
    ),
    table(
        "Where each rollout stands",
        "Phase, arms and the percent of traffic that the candidate is known to have.",
        Target(WEIGHTS, table=True),
        renamed={"Value": "candidate's weight"},
        unit="percent",
        width=16,
        height=9,
    ),
    bars(
        "Ends of attempts",
        "Attempts that were promoted, rolled back or superseded, in the time that is shown.",
        "sum by (outcome) (increase(modelrollout_outcomes_total[$__range]))",
        "{{outcome}}",
        height=9,
    ),
    bars(
        "How long attempts take",
        "Median time from an attempt's beginning to its end, of those in the time that is shown.",
        "histogram_quantile(0.5, sum by (outcome, le) "
        "(increase(modelrollout_attempt_duration_seconds_bucket[$__range])))",
        "{{outcome}}",
        unit="s",
    ),
    bars(
        "Told by people",
        "Verbs that were told to rollouts in the time that is shown, and what came of them.",
        "sum by (verb, result) (increase(modelrollout_actions_total[$__range]))",
        "{{verb}} {{result}}",
    ),
    bars(
        "Weights put right",
        "How often somebody else's change of the weights was undone in the time that is shown.",
        "sum by (namespace, modelrollout) (increase(modelrollout_weights_put_right_total[$__range])) > 0",
        "{{namespace}}/{{modelrollout}}",
    ),
]
ONE_ROLLOUT: list[Panel] = [
    number("Attempt", "Runs of the plan so far.", Target(f"modelrollout_attempt{{{ROLLOUT}}}")),
    number("Stage", "The stage that it is in, from 1; 0 before the first.", Target(f"modelrollout_stage{{{ROLLOUT}}}")),
    number("Stages", "Stages of the plan.", Target(f"modelrollout_stages{{{ROLLOUT}}}")),
    number(
        "Next look in",
        "Time until the next look is due; negative when it is overdue, nothing when no look is to come.",
        Target(f"modelrollout_look_due_timestamp_seconds{{{ROLLOUT}}} - time()"),
        unit="s",
    ),
    number(
        "Newest evidence",
        "How old the newest evidence is that was counted.",
        Target(f"time() - modelrollout_last_look_timestamp_seconds{{{ROLLOUT}}}"),
        unit="s",
    ),
    number(
        "Candidate's weight",
        "Percent of traffic that the candidate is known to have.",
        Target(f'modelrollout_weight{{{ROLLOUT}, role="candidate"}}'),
        unit="percent",
    ),
    timeline(
        "Phase",
        "The summary for people; automation reads the conditions.",
        Target(f"max by (phase) (modelrollout_info{{{ROLLOUT}}})", "{{phase}}"),
        width=12,
        defaults=mapped({"1": ("here", BLUE)}),
    ),
    timeline(
        "Conditions",
        "What is True and what is False; nothing while it is not known.",
        Target(f"max by (type) (modelrollout_condition{{{ROLLOUT}}})", "{{type}}"),
        width=12,
        defaults=mapped({"0": ("False", GREY), "1": ("True", GREEN)}),
    ),
    graph(
        "The candidate's traffic",
        "Percent that the plan wants, that is known to be in force, and that clients' requests showed.",
        Target(f'modelrollout_weight_wanted{{{ROLLOUT}, role="candidate"}}', "wanted"),
        Target(f'modelrollout_weight{{{ROLLOUT}, role="candidate"}}', "in force"),
        Target(f'100 * modelrollout_observed_share_ratio{{{ROLLOUT}, role="candidate"}}', "seen"),
        unit="percent",
        width=12,
        defaults={"min": 0, "max": 100},
    ),
    timeline(
        "Verdicts",
        "What each guardrail says of the candidate.",
        Target(VERDICT, "{{guardrail}}"),
        width=12,
        defaults=mapped(VERDICTS),
    ),
    graph(
        "Evidence",
        "How much of the evidence for a decision there is, and for which; at 100 % it is taken.",
        Target(f"modelrollout_guardrail_evidence_ratio{{{ROLLOUT}}}", "{{guardrail}} {{toward}}"),
        unit="percentunit",
        width=12,
        defaults={"min": 0, **DONE},
        custom=DONE_LINE,
    ),
    graph(
        "What counts against each arm",
        "Share of the requests that count against the arm since the last gate; for a mean, the mean itself.",
        Target(f"modelrollout_guardrail_rate{{{ROLLOUT}}}", "{{guardrail}} {{role}}"),
        width=12,
    ),
]
OPERATOR: list[Panel] = [
    table(
        "Replicas",
        "1 in the replica that leads; the others wait.",
        Target("modelrollout_leader + on (instance) group_left (version) 0 * modelrollout_build_info", table=True),
        hidden=("service", "namespace"),
    ),
    graph(
        "Looks",
        "Looks each second, by what they found.",
        Target(f"sum by (outcome) (rate(modelrollout_looks_total{RANGE}))", "{{outcome}}"),
        unit="ops",
    ),
    graph(
        "Look lag",
        "Time from when a look was due to its decision.",
        Target(lag(0.5), "half within"),
        Target(lag(0.99), "99 of 100 within"),
        unit="s",
    ),
    graph(
        "Queries",
        "What looks asked for, and the queries that were sent for it: the difference is what batching saves.",
        Target(f"sum(rate(modelrollout_prometheus_asks_total{RANGE}))", "asked"),
        Target(f"sum(rate(modelrollout_prometheus_queries_total{RANGE}))", "sent"),
        Target(f"sum(rate(modelrollout_prometheus_query_failures_total{RANGE})) or vector(0)", "failed"),
        unit="reqps",
    ),
    graph(
        "Slowest of 100",
        "Time of a query to Prometheus, and from a decision that moves weights to the Experiment written.",
        Target(slowest("modelrollout_prometheus_query_seconds"), "query"),
        Target(slowest("modelrollout_verdict_to_write_seconds"), "write"),
        unit="s",
    ),
    graph(
        "API server",
        "Calls to the API server each second, and writes of statuses among them.",
        Target(f"sum by (verb) (rate(modelrollout_api_calls_total{RANGE}))", "{{verb}}"),
        Target(f"sum(rate(modelrollout_status_writes_total{RANGE}))", "status written"),
        unit="reqps",
    ),
    bars(
        "Decisions",
        "What was decided, by reason, in the time that is shown.",
        "sum by (reason) (increase(modelrollout_decisions_total[$__range]))",
        "{{reason}}",
    ),
    graph(
        "Failed reconciliations",
        "By what went wrong. ClusterConflict is no error: somebody else wrote first.",
        Target(f"sum by (error) (rate(modelrollout_reconcile_errors_total{RANGE})) or vector(0)", "{{error}}"),
        unit="ops",
    ),
    graph(
        "CPU and memory",
        "Of each replica of the operator.",
        Target(
            f"rate(process_cpu_seconds_total{RANGE}) and on (instance) modelrollout_build_info", "cores {{instance}}"
        ),
        Target("process_resident_memory_bytes and on (instance) modelrollout_build_info", "memory {{instance}}"),
        overrides=[
            {
                "matcher": {"id": "byRegexp", "options": "memory.*"},
                "properties": [{"id": "unit", "value": "bytes"}, {"id": "custom.axisPlacement", "value": "right"}],
            }
        ],
    ),
]

DASHBOARD = Dashboard(
    uid="modelrollout-rollouts",
    title="ModelRollout / Rollouts",
    description="Where the rollouts stand, why, and how the operator does.",
    rows=[Row("All rollouts", FLEET), Row("$namespace/$modelrollout", ONE_ROLLOUT), Row("The operator", OPERATOR)],
    variables=ONE,
    annotations=MARKS,
)
