"""The operator's own metrics, all in one list, so that names and labels are decided once."""

from dataclasses import dataclass
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

from modelrollout import __version__

# Reading Prometheus. asks / queries is what batching saves.
ASKS = Counter("modelrollout_prometheus_asks_total", "What looks asked for, one per rollout and template", ["template"])
QUERIES = Counter("modelrollout_prometheus_queries_total", "Queries sent to Prometheus", ["template"])
QUERY_FAILURES = Counter("modelrollout_prometheus_query_failures_total", "Queries that gave no answer", ["error"])
QUERY_SECONDS = Histogram(
    "modelrollout_prometheus_query_seconds",
    "Time from sending a query to its parsed answer, in seconds",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

# Talking to the API server.
API_CALLS = Counter("modelrollout_api_calls_total", "Calls to the API server", ["verb", "resource"])
STATUS_WRITES = Counter("modelrollout_status_writes_total", "Times that a rollout's status was written")

# Looking and deciding.
LOOKS = Counter("modelrollout_looks_total", "Looks that were made", ["outcome"])
LOOK_LAG_SECONDS = Histogram(
    "modelrollout_look_lag_seconds",
    "Time from when a look was due to its decision, in seconds",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
VERDICT_TO_WRITE_SECONDS = Histogram(
    "modelrollout_verdict_to_write_seconds",
    "Time from a decision that moves weights to the Experiment written, in seconds",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
DECISIONS = Counter("modelrollout_decisions_total", "What was decided, by reason", ["reason"])
RECONCILE_ERRORS = Counter("modelrollout_reconcile_errors_total", "Reconciliations that failed", ["error"])
ATTEMPT_DURATION_SECONDS = Histogram(
    "modelrollout_attempt_duration_seconds",
    "Time from an attempt's beginning to its end, in seconds",
    ["outcome"],
    buckets=(60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800),
)

# This process.
LEADER = Gauge("modelrollout_leader", "1 in the replica that runs the rollouts, 0 in one that waits")
BUILD_INFO = Gauge("modelrollout_build_info", "Always 1; the label says which version runs", ["version"])
BUILD_INFO.labels(__version__).set(1)


@dataclass(frozen=True)
class Series:
    """A metric that each rollout has for as long as it exists. Every one has the labels of `OBJECT` first."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"


OBJECT = ("namespace", "modelrollout")

# Where a rollout stands.
INFO = Series(
    "modelrollout_info",
    "Always 1; the labels say where the rollout stands",
    ("phase", "baseline", "candidate", "experiment"),
)
CONDITION = Series(
    "modelrollout_condition",
    "1 when the condition is True, 0 when it is False, absent while Unknown",
    ("type", "reason"),
)
ATTEMPT = Series("modelrollout_attempt", "Runs of the plan so far")
STAGE = Series("modelrollout_stage", "Stage that the rollout is in, from 1; 0 before the first")
STAGES = Series("modelrollout_stages", "Stages of the plan")
LAST_LOOK = Series("modelrollout_last_look_timestamp_seconds", "Evidence up to here has been counted, Unix seconds")
LOOK_DUE = Series(
    "modelrollout_look_due_timestamp_seconds", "When the next look is due, Unix seconds; absent when no look is to come"
)

# Its traffic, in percent of the weights and as shares (0-1) of what was answered.
WEIGHT = Series("modelrollout_weight", "Percent of traffic that is known to be in force", ("arm", "role"))
WEIGHT_WANTED = Series("modelrollout_weight_wanted", "Percent of traffic that the plan wants", ("arm", "role"))
OBSERVED_SHARE = Series(
    "modelrollout_observed_share_ratio",
    "Share of the requests of the newest look that the arm answered",
    ("arm", "role"),
)

# Its guardrails, since the last gate.
VERDICT = Series(
    "modelrollout_guardrail_verdict", "Always 1; the label is the present verdict", ("guardrail", "verdict")
)
EVIDENCE = Series(
    "modelrollout_guardrail_evidence_ratio",
    "Share of the evidence that a decision needs; 0 for the verdict that it does not lean to",
    ("guardrail", "toward"),
)
RATIO = Series("modelrollout_guardrail_ratio", "Candidate's rate over baseline's, block by block", ("guardrail",))
INTERVAL_LOW = Series(
    "modelrollout_guardrail_interval_low", "Lower end of the interval, valid at every look", ("guardrail",)
)
INTERVAL_HIGH = Series(
    "modelrollout_guardrail_interval_high", "Upper end of the interval, valid at every look", ("guardrail",)
)
P_VALUE = Series(
    "modelrollout_guardrail_p_value",
    "For 'the candidate is not worse', valid at every look",
    ("guardrail",),
)
RATE = Series(
    "modelrollout_guardrail_rate",
    "Share of the requests that count against the arm (0-1); with mean, the mean of their values",
    ("guardrail", "role"),
)
SAMPLES = Series("modelrollout_guardrail_samples", "Requests, or what the models counted", ("guardrail", "role"))

# What happened to it, since this process began to run it.
OUTCOMES = Series("modelrollout_outcomes_total", "Attempts that ended so", ("outcome",), "counter")
ACTIONS = Series(
    "modelrollout_actions_total", "What people told it, and what came of it", ("verb", "result"), "counter"
)
WEIGHTS_PUT_RIGHT = Series(
    "modelrollout_weights_put_right_total", "Times that somebody else's change of the weights was undone", (), "counter"
)

OF_ROLLOUTS = tuple(value for value in list(globals().values()) if isinstance(value, Series))
