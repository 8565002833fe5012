"""Every reason that conditions, Events and the history use, with the sentence that explains it."""

from enum import StrEnum


class ConditionType(StrEnum):
    """The conditions of a ModelRollout. The first three are kstatus', which Helm, Flux and Argo CD read."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SPEC_VALID = "SpecValid"
    CANDIDATES_READY = "CandidatesReady"
    TRAFFIC_SYNCED = "TrafficSynced"
    METRICS_AVAILABLE = "MetricsAvailable"
    GUARDRAILS_PASSING = "GuardrailsPassing"
    PAUSED = "Paused"


class Reason(StrEnum):
    """One word for machines; `MEANING` has the sentence for people."""

    # How it goes
    ATTEMPT_STARTED = "AttemptStarted"
    STAGE_STARTED = "StageStarted"
    PROGRESSING = "Progressing"
    PROMOTED = "Promoted"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"
    POLICY_CHANGED = "PolicyChanged"
    # What a person said
    ABORTED = "Aborted"
    UNDONE = "Undone"
    RESUMED = "Resumed"
    APPROVED = "Approved"
    APPROVAL_EXPIRED = "ApprovalExpired"
    SKIPPED = "Skipped"
    PROMOTED_BY_HAND = "PromotedByHand"
    RETRIED = "Retried"
    RESTARTED = "Restarted"
    ACTION_REFUSED = "ActionRefused"
    # Why it stays
    PAUSED_BY_SPEC = "PausedBySpec"
    PAUSED_BY_HAND = "PausedByHand"
    AWAITING_APPROVAL = "AwaitingApproval"
    GUARDRAIL_FAILED = "GuardrailFailed"
    INCONCLUSIVE = "Inconclusive"
    NO_DATA = "NoData"
    MODEL_MISSING = "ModelMissing"
    MODEL_NOT_READY = "ModelNotReady"
    NO_BASELINE_HISTORY = "NoBaselineHistory"
    SOAKING = "Soaking"
    JUDGING = "Judging"
    # What is wrong
    SPEC_INVALID = "SpecInvalid"
    EXPERIMENT_NOT_OWNED = "ExperimentNotOwned"
    EXPERIMENT_REFUSED = "ExperimentRefused"
    BASELINE_TAKEN = "BaselineTaken"
    WEIGHTS_CHANGED = "WeightsChanged"
    NOT_APPLIED = "NotApplied"
    SPLIT_NOT_AS_WRITTEN = "SplitNotAsWritten"
    NOT_CONFIRMED = "NotConfirmed"
    # What is well
    VALID = "Valid"
    ALL_READY = "AllReady"
    AS_WRITTEN = "AsWritten"
    AVAILABLE = "Available"
    NOT_LOOKED_YET = "NotLookedYet"
    NONE_FAILED = "NoneFailed"
    NOT_PAUSED = "NotPaused"
    NOTHING_TO_DO = "NothingToDo"
    NOT_STALLED = "NotStalled"


MEANING: dict[Reason, str] = {
    Reason.ATTEMPT_STARTED: "A run of the plan has begun from weight 0.",
    Reason.STAGE_STARTED: "The candidate's weight moves to that of the next stage.",
    Reason.PROGRESSING: "The plan is being followed.",
    Reason.PROMOTED: "The candidate has taken over.",
    Reason.ROLLING_BACK: "All traffic is going back to the baseline.",
    Reason.ROLLED_BACK: "All traffic is back on the baseline.",
    Reason.SUPERSEDED: "The models or the plan changed, so a new attempt has replaced this one.",
    Reason.POLICY_CHANGED: "Guardrails or analysis changed; the next look uses them.",
    Reason.ABORTED: "A person ended the attempt; all traffic goes back to the baseline.",
    Reason.UNDONE: "A person took the promotion back; all traffic goes back to the baseline.",
    Reason.RESUMED: "A person let the rollout go on.",
    Reason.APPROVED: "The approval was given.",
    Reason.APPROVAL_EXPIRED: "Nobody approved before the deadline; approval.onDeadline decided.",
    Reason.SKIPPED: "A person sent the rollout to the next stage without waiting for soak or evidence.",
    Reason.PROMOTED_BY_HAND: "A person took the candidate to 100 % without waiting for evidence.",
    Reason.RETRIED: "A person asked for a new attempt after a rollback.",
    Reason.RESTARTED: "A person asked for a new attempt.",
    Reason.ACTION_REFUSED: "What a person told the rollout to do did nothing; the message says why.",
    Reason.PAUSED_BY_SPEC: "spec.paused is true.",
    Reason.PAUSED_BY_HAND: "A person holds the rollout.",
    Reason.AWAITING_APPROVAL: "The stage waits for a person's approval.",
    Reason.GUARDRAIL_FAILED: "A guardrail failed.",
    Reason.INCONCLUSIVE: "A stage reached maxDuration without a verdict.",
    Reason.NO_DATA: "There is nothing to judge: the weights are held, neither for nor against the candidate.",
    Reason.MODEL_MISSING: "A Seldon Model that the spec names does not exist.",
    Reason.MODEL_NOT_READY: "A Seldon Model is not ready, so it gets no new traffic.",
    Reason.NO_BASELINE_HISTORY: "The baseline has served too few requests to choose the latency buckets to compare.",
    Reason.SOAKING: "The soak time of the stage is not over.",
    Reason.JUDGING: "The guardrails are still undecided.",
    Reason.SPEC_INVALID: "The spec cannot be followed.",
    Reason.EXPERIMENT_NOT_OWNED: "The Experiment belongs to somebody else.",
    Reason.EXPERIMENT_REFUSED: "Seldon refused the Experiment.",
    Reason.BASELINE_TAKEN: "The baseline is the default of another Experiment.",
    Reason.WEIGHTS_CHANGED: "Somebody else changed the Experiment; it was put right.",
    Reason.NOT_APPLIED: "The weights are written and Seldon has not taken them up yet.",
    Reason.SPLIT_NOT_AS_WRITTEN: "Clients' traffic contradicts the written weights.",
    Reason.NOT_CONFIRMED: "Seldon says that it took the weights; clients' requests have yet to confirm it.",
    Reason.VALID: "The spec can be followed.",
    Reason.ALL_READY: "All models are ready.",
    Reason.AS_WRITTEN: "The written weights are in force.",
    Reason.AVAILABLE: "Prometheus answers with what was asked for.",
    Reason.NOT_LOOKED_YET: "No look has been made yet.",
    Reason.NONE_FAILED: "No guardrail has failed.",
    Reason.NOT_PAUSED: "Nothing holds the rollout.",
    Reason.NOTHING_TO_DO: "The rollout has ended.",
    Reason.NOT_STALLED: "The rollout can go on by itself.",
}
