"""Kubernetes Events: what happened, in the sentences of the plan. They are for people and never for decisions."""

import logging
from datetime import UTC, datetime

from modelrollout import errors, telemetry
from modelrollout.cluster import EVENT, ROLLOUT, Cluster, Object
from modelrollout.plan.actions import Notice

CONTROLLER = "modelrollout.io/operator"
LONGEST = 1024  # the API server takes no more

log = logging.getLogger(__name__)


async def emit(cluster: Cluster, rollout: Object, notice: Notice, now: float, reporter: str) -> None:
    """Post the Event. One that cannot be posted is logged and forgotten: the history has it too."""
    telemetry.DECISIONS.labels(notice.reason).inc()
    metadata = rollout["metadata"]
    log.info("%s/%s %s: %s", metadata["namespace"], metadata["name"], notice.reason, notice.message)
    try:
        await cluster.create(EVENT, metadata["namespace"], body(rollout, notice, now, reporter))
    except errors.RolloutError as failed:
        log.warning("event of %s/%s not posted: %s", metadata["namespace"], metadata["name"], failed)


def body(rollout: Object, notice: Notice, now: float, reporter: str) -> Object:
    """The Event of events.k8s.io/v1."""
    metadata = rollout["metadata"]
    return {
        "apiVersion": EVENT.api_version,
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
        "eventTime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": notice.level.value,
        "reason": notice.reason,
        "action": notice.reason,
        "note": notice.message[:LONGEST],
        "reportingController": CONTROLLER,
        "reportingInstance": reporter,
        "regarding": {
            "apiVersion": ROLLOUT.api_version,
            "kind": "ModelRollout",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
    }
