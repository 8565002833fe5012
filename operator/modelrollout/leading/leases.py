"""The Lease of coordination.k8s.io as plain objects: read into a record, and the bodies that are written. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from modelrollout.cluster import LEASE, Object
from modelrollout.leading.election import LEASE_SECONDS, Lease


def read(found: Object) -> Lease:
    """The record. A Lease without a usable duration, as somebody may write by hand, gets ours."""
    spec: dict[str, Any] = found.get("spec") or {}
    return Lease(
        version=found["metadata"]["resourceVersion"],
        holder=spec.get("holderIdentity") or "",
        seconds=spec.get("leaseDurationSeconds") or LEASE_SECONDS,
        transitions=spec.get("leaseTransitions") or 0,
        found=found,
    )


def first(namespace: str, name: str, me: str, now: float) -> Object:
    """The body of a new Lease, held from `now` on (Unix seconds)."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": LEASE.api_version, "kind": "Lease", "metadata": metadata, "spec": _taken(me, 0, now)}


def held(lease: Lease, me: str, now: float) -> Object:
    """The body with which `me` renews the Lease, or takes it: that is a transition."""
    before: dict[str, Any] = lease.found.get("spec") or {}
    if lease.holder != me:
        return {**lease.found, "spec": {**before, **_taken(me, lease.transitions + 1, now)}}
    return {**lease.found, "spec": {**before, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": _micro_time(now)}}


def given_back(lease: Lease, now: float) -> Object:
    """The body without a holder: whoever looks next may take it at once."""
    kept = {key: value for key, value in lease.found.get("spec", {}).items() if key != "holderIdentity"}
    return {**lease.found, "spec": {**kept, "renewTime": _micro_time(now)}}


def _taken(me: str, transitions: int, now: float) -> dict[str, Any]:
    return {
        "holderIdentity": me,
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": _micro_time(now),
        "renewTime": _micro_time(now),
        "leaseTransitions": transitions,
    }


def _micro_time(now: float) -> str:
    """Only for people to read: no decision rests on another machine's clock."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
