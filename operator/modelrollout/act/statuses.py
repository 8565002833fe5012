"""Writes to the rollout's own status, and when they are worth one."""

from typing import Any

from modelrollout import telemetry
from modelrollout.api.status import RolloutStatus, Verdict
from modelrollout.cluster import ROLLOUT, Cluster, Object
from modelrollout.plan import grid


async def write(cluster: Cluster, rollout: Object, status: RolloutStatus) -> Object:
    """The rollout with this status, if nobody wrote to it since it was read. Raises ClusterConflict."""
    telemetry.STATUS_WRITES.inc()
    body = {**rollout, "status": dump(status)}
    return await cluster.replace_status(ROLLOUT, rollout["metadata"]["namespace"], body)


def dump(status: RolloutStatus) -> dict[str, Any]:
    """The status as the API server keeps it."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def is_worth_writing(status: RolloutStatus, written: RolloutStatus, uid: str) -> bool:
    """True on every decision and verdict, and once in a round of looks: evidence can be read again for any time."""
    is_round = grid.rounds(status.looks, uid) > grid.rounds(written.looks, uid)
    return is_round or _verdicts(status) != _verdicts(written) or has_decided(status, written)


def has_decided(status: RolloutStatus, written: RolloutStatus) -> bool:
    """True when more changed than the evidence and its verdicts."""
    return _decided(status) != _decided(written)


def _verdicts(status: RolloutStatus) -> list[Verdict]:
    return [status.verdict, *(one.verdict for one in status.guardrails)]


def _decided(status: RolloutStatus) -> dict[str, Any]:
    """What decisions change, without what every look changes."""
    return status.model_dump(
        exclude={
            "arm_requests": True,
            "blocks": True,
            "engine": {"__all__": {"state"}},
            "kopf": True,
            "last_look_at": True,
            "look_due_at": True,
            "looks": True,
            "next_look_at": True,
            "guardrails": {"__all__": set(type(status.guardrails[0]).model_fields) - {"name"}}
            if status.guardrails
            else True,
            "stage": {"arm_requests", "looks", "soaked_seconds", "warnings"},
            "traffic": {"observed", "seen", "under_way"},
            "verdict": True,
        }
    )
