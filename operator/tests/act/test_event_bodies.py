"""Events as the API server takes them."""

from modelrollout.act import events
from modelrollout.plan.actions import Level, Notice

ROLLOUT = {"metadata": {"name": "predictor", "namespace": "models", "uid": "u-1", "resourceVersion": "42"}}


def test_a_notice_becomes_an_event_about_the_rollout() -> None:
    notice = Notice("RolledBack", "Rolled back at stage 1 of 4", Level.WARNING)

    assert events.body(ROLLOUT, notice, 1_700_000_000.25, "operator-0") == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": "predictor-", "namespace": "models"},
        "eventTime": "2023-11-14T22:13:20.250000Z",
        "type": "Warning",
        "reason": "RolledBack",
        "action": "RolledBack",
        "note": "Rolled back at stage 1 of 4",
        "reportingController": "modelrollout.io/operator",
        "reportingInstance": "operator-0",
        "regarding": {
            "apiVersion": "modelrollout.io/v1alpha1",
            "kind": "ModelRollout",
            "name": "predictor",
            "namespace": "models",
            "uid": "u-1",
            "resourceVersion": "42",
        },
    }


def test_a_note_is_as_long_as_the_api_server_takes() -> None:
    assert len(events.body(ROLLOUT, Notice("NoData", "x" * 5000), 0.0, "operator-0")["note"]) == 1024
