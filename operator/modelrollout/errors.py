"""The errors of ModelRollout. Expected outcomes are values; these are broken promises.

    RolloutError
    ├── SpecInvalid           final until the spec changes
    ├── MetricsUnavailable    Prometheus gave no answer: try at the next look
    ├── MetricsMalformed      Prometheus answered, but not what was asked for
    ├── ClusterConflict       somebody else wrote first: read again and decide again
    ├── ClusterUnavailable    the API server gave no answer: try again
    └── TargetMissing         an object that should exist does not

Every message is one sentence that names what was being done, the value and the cure.
"""


class RolloutError(Exception):
    """Base of all errors of ModelRollout."""


class SpecInvalid(RolloutError):
    """The spec cannot be followed. Final until the spec changes."""


class MetricsUnavailable(RolloutError):
    """Prometheus gave no answer. Neither guilt nor a pass."""


class MetricsMalformed(RolloutError):
    """Prometheus answered, but not with what was asked for."""


class ClusterConflict(RolloutError):
    """Somebody else wrote first: read again and decide again."""


class ClusterUnavailable(RolloutError):
    """The API server gave no answer, or refused for a reason that may pass."""


class TargetMissing(RolloutError):
    """An object that should exist does not."""
