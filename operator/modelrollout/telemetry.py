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
