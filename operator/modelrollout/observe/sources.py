"""Where evidence comes from: every metric that a look reads stands in this file, and nowhere else.

Now: Seldon's Envoy. Its label `envoy_cluster_name` is `<model>_<version>_http` or `_grpc`, and the version goes up
with every edit of the Model, so the versions and protocols of one model are summed by the model's name.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Metric names of one exporter, and how to tell from a label's value which model it is about."""

    name: str
    arm_label: str
    arm_pattern: str
    """The whole label value, as both RE2 and Python read it; the first group is the model's name."""
    alive: str
    """A counter that stands at 0 before the first request: it says which arms are scraped at all."""
    completed: str
    """Final answers, one per client request."""
    retried: str
    """Requests that succeeded only after a retry: clients saw no error, the arm made one."""
    server_errors: str
    """Selector of final answers that are errors of the server."""
    troubled: str
    """Selector of the last two together, for people: each look reads them one by one."""
    under_way: str
    """Requests that were handed to the arm and are not over yet: goes up and down."""
    buckets: str
    """Histogram of the time of client requests, in milliseconds."""

    def model_of(self, label_value: str) -> str | None:
        """The model's name, which may itself hold `_`; None when the value is about no model."""
        match = re.fullmatch(self.arm_pattern, label_value)
        return match[1] if match else None


ENVOY = Source(
    name="Envoy",
    arm_label="envoy_cluster_name",
    arm_pattern="(.+)_[0-9]+_(http|grpc)",
    alive="envoy_cluster_upstream_rq_total",
    completed="envoy_cluster_upstream_rq_completed",
    retried="envoy_cluster_upstream_rq_retry_success",
    server_errors='envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}',
    troubled='{__name__=~"envoy_cluster_upstream_rq_(retry_success|xx)", envoy_response_code_class=~"5|"}',
    under_way="envoy_cluster_upstream_rq_active",
    buckets="envoy_cluster_upstream_rq_time_bucket",
)

REPLICA_ANSWERS = "seldon_model_infer_total"
"""What Seldon's agents answered, each beside one replica of a server. Read for a baseline's history only."""
REPLICA_ERRORS = (
    'seldon_model_infer_total{code=~"5..|Unknown|DeadlineExceeded|ResourceExhausted|Unimplemented|Internal|Unavailable'
    '|DataLoss"}'
)
"""Those of them that are errors of the server, over REST and over gRPC."""
REPLICA_LABELS = ("pod", "instance", "server_replica")
"""Labels that may tell replicas apart, the most telling first."""
