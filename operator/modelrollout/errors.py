"""Every error of ours, in one tree.

    RolloutError
    ├── SpecInvalid              final until the spec changes
    ├── SettingsInvalid          final until the operator is started with other settings
    ├── ClusterConflict          somebody else wrote first: read again and decide again
    ├── ClusterUnavailable       the API server gave no answer: try again
    │   └── ClusterDenied        ... because our rights do not suffice
    ├── TargetMissing            an object that should exist does not
    └── MetricsError             Prometheus gave no evidence; every look tries again
        ├── MetricsUnavailable   it did not answer: refused, unknown name, time-out, TLS, 5xx
        ├── MetricsDenied        it answered 401 or 403: the token or password is not accepted
        ├── MetricsMalformed     something answered, but not as the Prometheus API does
        └── QueryRefused         it does not parse or cannot evaluate the PromQL it was sent

Expected outcomes (no data, hold, Inconclusive) are values, never errors.
A message is one sentence for people: what was wrong, with the field or address, and the cure where there is one.
It holds no number that changes from look to look, because it may stand in a condition.
"""


class RolloutError(Exception):
    """Base of every error of ours; its text is a sentence that a user may read."""


class SpecInvalid(RolloutError):
    """The spec cannot be followed. Final until the spec changes."""


class SettingsInvalid(RolloutError):
    """The operator cannot run with these settings. Final until it is started with others."""


class ClusterConflict(RolloutError):
    """Somebody else wrote first: read again and decide again."""


class ClusterUnavailable(RolloutError):
    """The API server gave no answer, or refused for a reason that may pass."""


class ClusterDenied(ClusterUnavailable):
    """The operator has no right to do this."""


class TargetMissing(RolloutError):
    """An object that should exist does not."""


class MetricsError(RolloutError):
    """Prometheus gave no evidence at this look. It is never guilt and never a pass; the next look tries again."""


class MetricsUnavailable(MetricsError):
    """Prometheus did not answer."""


class MetricsDenied(MetricsError):
    """Prometheus, or a proxy before it, does not accept who we are."""


class MetricsMalformed(MetricsError):
    """Something answered that does not speak the Prometheus API, or spoke it in a way that we cannot use."""


class QueryRefused(MetricsError):
    """Prometheus does not parse or cannot evaluate a query; the text is its own, shortened."""
