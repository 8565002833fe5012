from __future__ import annotations

from modelrollout.cluster import Object
from modelrollout.leading import leases
from modelrollout.leading.election import LEASE_SECONDS, Lease

NOW = 1_700_000_000.25
THEN = "2023-11-14T22:13:20.250000Z"


def lease(spec: Object | None) -> Object:
    metadata = {"name": "it", "namespace": "ml", "resourceVersion": "7", "labels": {"team": "risk"}}
    return {"metadata": metadata, **({} if spec is None else {"spec": spec})}


def test_a_lease_that_somebody_made_empty_is_free() -> None:
    assert leases.read(lease(None)) == Lease("7", "", LEASE_SECONDS, 0)
    assert leases.read(lease({"holderIdentity": None, "leaseDurationSeconds": 0})) == Lease("7", "", LEASE_SECONDS, 0)


def test_a_new_lease_is_held_from_the_start() -> None:
    body = leases.first("ml", "it", "me", NOW)

    assert body["metadata"] == {"name": "it", "namespace": "ml"}
    assert body["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 8,
        "acquireTime": THEN,
        "renewTime": THEN,
        "leaseTransitions": 0,
    }


def test_taking_a_lease_counts_a_transition_and_keeps_what_others_wrote_on_it() -> None:
    found = lease({"holderIdentity": "other", "leaseTransitions": 4, "acquireTime": "a", "strategy": "s"})

    body = leases.held(leases.read(found), "me", NOW)

    assert body["metadata"] == found["metadata"]
    assert body["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 8,
        "acquireTime": THEN,
        "renewTime": THEN,
        "leaseTransitions": 5,
        "strategy": "s",
    }


def test_renewing_changes_the_time_alone() -> None:
    spec = {"holderIdentity": "me", "leaseDurationSeconds": 8, "leaseTransitions": 4, "acquireTime": "a"}

    assert leases.held(leases.read(lease(spec)), "me", NOW)["spec"] == {**spec, "renewTime": THEN}


def test_a_lease_that_is_given_back_keeps_its_count_and_has_no_holder() -> None:
    spec = {"holderIdentity": "me", "leaseTransitions": 4}

    assert leases.given_back(leases.read(lease(spec)), NOW)["spec"] == {"leaseTransitions": 4, "renewTime": THEN}
