"""The object that is replayed: checked, so that what follows need not doubt it (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from modelrollout.api import spec as api_spec
from modelrollout.api.reasons import Reason
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import HistoryEntry, RolloutStatus
from modelrollout.asking import Refused
from modelrollout.plan import hashes


@dataclass(frozen=True)
class Rollout:
    """A ModelRollout as it was written down; namespace is empty when the object names none."""

    name: str
    namespace: str
    spec: RolloutSpec
    status: RolloutStatus

    @property
    def ending(self) -> HistoryEntry | None:
        """The entry of the history that ended the attempt; None while it runs."""
        ends = {Reason.ROLLED_BACK.value, Reason.PROMOTED.value}
        return next((one for one in self._told() if one.reason in ends), None)

    @property
    def policy_change(self) -> HistoryEntry | None:
        """The newest change of guardrails or analysis within the attempt."""
        return next((one for one in self._told() if one.reason == Reason.POLICY_CHANGED), None)

    def _told(self) -> list[HistoryEntry]:
        return [one for one in self.status.history if one.attempt == self.status.attempt]


def read(found: Any) -> Rollout:
    """The rollout in an object as the API server gives it. Raises Refused, and SpecInvalid for its spec."""
    if not isinstance(found, Mapping) or found.get("kind") != "ModelRollout":
        kind = found.get("kind") if isinstance(found, Mapping) else type(found).__name__
        raise Refused(
            f"this is no ModelRollout but {kind}: give one object, as kubectl get rollout NAME -o yaml prints it"
        )
    metadata, spec = found.get("metadata") or {}, found.get("spec")
    if not isinstance(spec, Mapping):
        raise Refused("this ModelRollout has no spec: give the whole object")
    try:
        status = RolloutStatus.model_validate(found.get("status") or {}, extra="ignore")
    except ValidationError as broken:
        raise Refused(f"its status cannot be read ({broken.errors()[0]['msg']}): give the object unchanged") from broken
    return Rollout(str(metadata.get("name", "")), str(metadata.get("namespace", "")), api_spec.parse(spec), status)


def check_replayable(rollout: Rollout) -> None:
    """Raises Refused when the status does not say what was judged, or by which rules."""
    status, changed = rollout.status, rollout.policy_change
    counted = sum(blocks.count for blocks in status.blocks)
    if not status.looks:
        raise Refused(f"rollout {rollout.name} has no look to replay: its status must say what was judged")
    if not status.blocks:
        raise Refused(f"rollout {rollout.name} has no record of its blocks: its attempt began before there was one")
    if counted < status.looks:
        raise Refused(
            f"rollout {rollout.name} was disturbed too often: its record has {counted} of its {status.looks} looks"
        )
    if changed is not None:
        raise Refused(
            f"the guardrails or the analysis were changed at {changed.time}, in the middle of the attempt: "
            "what they were before is not known any more"
        )
    if (hashes.policy(rollout.spec), hashes.revision(rollout.spec)) != (status.policy_hash, status.revision):
        raise Refused("the spec is not the one that was judged: undo its changes, or give the object as it was then")
