"""The operator's own metrics, all in one list, so that names and labels are decided once."""

from prometheus_client import Counter, Histogram

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
