"""The status of a ModelRollout: everything needed to go on after a crash, and to explain every decision.

The status is the only database. Times are RFC 3339 in UTC; evaluation times of looks are Unix seconds, because
looks lie on a grid of exact seconds and text would invite rounding.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from modelrollout.api.contract import BY_NAME, Contract

LONGEST_QUERY = 2048  # room for names and matchers of usual length; a longer query is left out


class Phase(StrEnum):
    """A summary for people; automation reads the conditions."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    HEALTHY = "Healthy"
    ROLLING_BACK = "RollingBack"
    DEGRADED = "Degraded"


class Verdict(StrEnum):
    """What a guardrail says of the candidate."""

    PASS = "Pass"
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    NO_DATA = "NoData"


class Outcome(StrEnum):
    """How an attempt ended."""

    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"


class ArmShare(Contract):
    """One arm and its part of the traffic."""

    name: str = Field(max_length=63, description="The arm.")
    weight: int = Field(ge=0, le=100, description="Percent of traffic.")


class ObservedShare(Contract):
    """What an arm really got."""

    name: str = Field(max_length=63, description="The arm.")
    percent: float = Field(description="Percent of the requests that the arms answered in the newest look.")
    requests: int = Field(description="Requests that the arm answered in the newest look.")


class Traffic(Contract):
    """Weights: wanted, written, confirmed and seen."""

    wanted: list[ArmShare] = Field([], max_length=16, description="Weights that the plan wants.")
    candidate_weight: int = Field(0, description="Weight of the candidate that is known to be in force.")
    observed: list[ObservedShare] = Field([], max_length=16, description="Shares that clients' traffic showed.")
    written_at: float | None = Field(None, description="When the weights were last written, Unix seconds.")
    applied_at: float | None = Field(None, description="When Seldon was last known to have taken them, Unix seconds.")
    scale: int = Field(1, description="The weights were written times this, to make Seldon act again.")
    experiment_uid: str | None = Field(None, max_length=64, description="The Experiment that was written.")
    seen: list[int] = Field([], max_length=16, description="Requests per arm since then: baseline, then candidates.")
    under_way: list[int] = Field(
        [], max_length=16, description="How many more requests per arm are under way now than then; below 0: fewer."
    )
    mismatch: bool = Field(False, description="Clients' traffic contradicts the written weights.")


class ArmEvidence(Contract):
    """What one arm showed since the last gate."""

    samples: int = Field(0, description="Requests; with ratio and mean, what the models counted.")
    rate: float | None = Field(
        None, description="Share of them that count against the arm (0-1); with mean, the mean of their values."
    )


class GuardrailStatus(Contract):
    """Where one guardrail stands."""

    name: str = Field(max_length=63, description="The guardrail.")
    verdict: Verdict = Field(Verdict.INCONCLUSIVE, description="Pass, Fail, Inconclusive or NoData.")
    message: str = Field("", max_length=1024, description="The verdict in one sentence.")
    estimate: str = Field("", max_length=128, description="What was measured, for people.")
    limit: str = Field("", max_length=128, description="What is allowed, for people.")
    baseline: ArmEvidence = Field(ArmEvidence(), description="The baseline since the last gate.")
    candidate: ArmEvidence = Field(ArmEvidence(), description="The candidate since the last gate.")
    ratio: float | None = Field(None, description="Candidate's rate over baseline's, block by block (Mantel-Haenszel).")
    interval: str = Field("", max_length=128, description="Where the truth lies, for people, like [0.62, 1.71].")
    interval_low: float | None = Field(None, description="Lower end of the interval, valid at every look.")
    interval_high: float | None = Field(None, description="Upper end of the interval, valid at every look.")
    dispersion: float | None = Field(None, description="How many times more the traffic scattered than requests alone.")
    evidence: int = Field(0, ge=0, le=100, description="Percent of the evidence that a decision needs.")
    evidence_for: str = Field("", max_length=16, description="The decision that the evidence leans to: Pass or Fail.")
    always_valid_p_value: float | None = Field(
        None, alias="alwaysValidPValue", description="For 'the candidate is not worse', valid at every look."
    )
    fail_in: str = Field(
        "", max_length=64, description="How soon a harmful candidate would fail: half of them, and 90 % of them."
    )
    pass_in: str = Field(
        "", max_length=64, description="How soon a healthy candidate would pass: half of them, and 90 % of them."
    )
    query: str = Field(
        "", max_length=LONGEST_QUERY, description="PromQL that shows what each arm did in the last interval."
    )


class Artefact(Contract):
    """What an arm serves."""

    name: str = Field(max_length=63, description="The arm.")
    hash: str = Field(max_length=64, description="Hash of what makes Seldon load a new version.")


class EngineState(Contract):
    """What the judge remembers of one guardrail."""

    name: str = Field(max_length=63, description="The guardrail.")
    rule: str = Field(max_length=4096, description="The rule as it was when its evidence began, with the chosen edges.")
    state: str = Field(max_length=8192, description="The e-processes, packed.")


class JudgedBlocks(Contract):
    """Blocks of equal length that were judged one after the other: what `replay` reads again."""

    stage: int = Field(ge=0, description="Which stage they belong to, from 0; an approval's to the stage before it.")
    gate: bool = Field(False, description="Before the first of them, evidence to pass began anew.")
    since: float = Field(description="When the first of them began, Unix seconds.")
    seconds: float = Field(0.0, description="How long each of them is.")
    count: int = Field(0, ge=0, description="How many they are; 0 when the stage has not been looked at yet.")
    weight: int | None = Field(None, description="Weight of the candidate in all of them; empty when it changed.")


class Pause(Contract):
    """A person holds the rollout."""

    by: str = Field("", max_length=256, description="Who.")
    reason: str = Field("", max_length=256, description="Why.")
    since: str = Field(max_length=32, description="Since when.")


class Result(StrEnum):
    """What became of something that a person told the rollout to do."""

    DONE = "Done"
    REFUSED = "Refused"


class HandledAction(Contract):
    """The newest `modelrollout.io/action` that was acted on, or refused."""

    verb: str = Field(max_length=16, description="What was told; empty when it was not understood.")
    token: str = Field(max_length=64, description="Its token: acted on once.")
    text: str = Field(max_length=1024, description="The whole annotation as it was read.")
    by: str = Field("", max_length=256, description="Who said it: as told, or the field manager that wrote it.")
    manager: str = Field("", max_length=128, description="Field manager that wrote the annotation.")
    reason: str = Field("", max_length=256, description="Why, in the words of who said it.")
    result: Result = Field(description="Done or Refused.")
    message: str = Field(max_length=1024, description="What was done, or why not and what to do, in one sentence.")
    time: str = Field(max_length=32, description="When it was handled.")
    attempt: int = Field(0, description="Attempt that it met.")
    stage: int = Field(0, description="Stage that it met, from 1; 0 before the first.")


class StageStatus(Contract):
    """The stage that the rollout is in."""

    index: int = Field(0, ge=0, description="Which stage, from 0.")
    started_at: str = Field(max_length=32, description="When its weight was first wanted.")
    soaked_seconds: float = Field(0.0, description="Time in it, counted in looks that were made.")
    looks: int = Field(0, description="Looks made in it.")
    arm_requests: list[int] = Field([], max_length=16, description="Requests in it: baseline, then candidates.")
    approved_by: str = Field("", max_length=256, description="Who approved; empty until somebody does.")
    expires_at: float | None = Field(None, description="When the approval's deadline is over, Unix seconds.")
    weight_before: int | None = Field(
        None,
        description=(
            "Entered by hand: the smallest weight above 0 that may still have been in force then, 0 for none. "
            "Empty: that of the stage before."
        ),
    )
    warnings: list[Annotated[str, Field(max_length=512)]] = Field(
        [], max_length=16, description="What this stage will probably not do as it goes, with the cure."
    )


class StageForecast(Contract):
    """What the baseline's traffic can decide in one stage, and how soon."""

    stage: int = Field(ge=1, description="Which stage, from 1.")
    weight: int = Field(ge=0, le=100, description="Percent of traffic that the candidate has in it.")
    guardrail: str = Field("", max_length=63, description="The guardrail that is slowest to pass.")
    pass_in: str = Field("", max_length=32, description="Half of the healthy candidates pass within this time.")
    pass_by: str = Field("", max_length=32, description="90 % of the healthy candidates pass within this time.")
    fail_in: str = Field("", max_length=32, description="Half of the harmful candidates fail within this time.")
    fail_by: str = Field("", max_length=32, description="90 % of the harmful candidates fail within this time.")


class HistoryEntry(Contract):
    """One decision that was taken."""

    time: str = Field(max_length=32, description="When.")
    reason: str = Field(max_length=64, description="What, as in the Event.")
    message: str = Field(max_length=1024, description="Why, in one sentence with the numbers.")
    attempt: int = Field(description="Attempt it belongs to.")
    weight: int = Field(description="The candidate's weight that followed.")
    by: str = Field("", max_length=256, description="On whose word; empty: the operator's own.")
    requests: list[int] = Field(
        [], max_length=16, description="Judged in the attempt until then: baseline, then candidates; empty: not known."
    )


class Condition(Contract):
    """A condition as Kubernetes knows it."""

    type: str = Field(max_length=64, description="What the condition is about.")
    status: str = Field(max_length=8, description="True, False or Unknown.")
    reason: str = Field(max_length=64, description="One word for machines.")
    message: str = Field("", max_length=1024, description="One sentence for people.")
    last_transition_time: str = Field(max_length=32, description="When the status last changed.")
    observed_generation: int = Field(0, description="Generation of the spec that this speaks of.")


class RolloutStatus(Contract):
    """Where the rollout stands, why, and what happens next."""

    observed_generation: int = Field(0, description="Generation of the spec that this speaks of.")
    phase: Phase = Field(Phase.PENDING, description="Summary for people.")
    message: str = Field("", max_length=1024, description="Where it stands, in one sentence.")
    attempt: int = Field(0, description="Runs of the plan so far; one for each new candidate, baseline or plan.")
    revision: str = Field("", max_length=64, description="Hash of what makes an attempt: arms and stages.")
    artefacts: list[Artefact] = Field([], max_length=16, description="What each arm served when the attempt began.")
    policy_hash: str = Field("", max_length=64, description="Hash of guardrails and analysis as last applied.")
    followed: str = Field(
        "", max_length=32768, description="The last valid spec, followed while the present one is not; not for people."
    )
    outcome: Outcome | None = Field(None, description="How the attempt ended; empty while it runs.")
    stage: StageStatus | None = Field(None, description="The stage that the rollout is in.")
    stage_summary: str = Field("", max_length=16, description="Stage and number of stages, like 2/4.")
    experiment: str = Field("", max_length=63, description="The Seldon Experiment whose weights are moved.")
    traffic: Traffic = Field(Traffic(), description="Weights: wanted, written, confirmed and seen.")
    last_look_at: float | None = Field(None, description="Evidence up to here has been counted, Unix seconds.")
    looks: int = Field(0, description="Looks whose evidence has been counted in this attempt.")
    arm_requests: list[int] = Field(
        [], max_length=16, description="Requests in them: baseline, then candidates; empty: not counted from the first."
    )
    look_due_at: float | None = Field(None, description="When the next look is due, Unix seconds.")
    next_look_at: str | None = Field(None, max_length=32, description="The same for people.")
    no_data_since: float | None = Field(None, description="Looks have found nothing since then, Unix seconds.")
    pause: Pause | None = Field(None, description="Set while a person holds the rollout.")
    last_handled_action: HandledAction | None = Field(None, description="What a person told last, and what came of it.")
    used_tokens: list[Annotated[str, Field(max_length=64)]] = Field(
        [], max_length=50, description="Tokens of earlier actions, newest first: none of them acts again."
    )
    verdict: Verdict = Field(Verdict.INCONCLUSIVE, description="All guardrails together.")
    guardrails: list[GuardrailStatus] = Field(
        [], max_length=16, description="Where each guardrail stands.", json_schema_extra=BY_NAME
    )
    forecast: list[StageForecast] = Field(
        [], max_length=20, description="How long each stage will need with the traffic of today."
    )
    warnings: list[Annotated[str, Field(max_length=512)]] = Field(
        [], max_length=16, description="What the plan cannot do as it is written, and what would cure it."
    )
    engine: list[EngineState] = Field([], max_length=16, description="What the judge remembers; not for people.")
    blocks: list[JudgedBlocks] = Field(
        [], max_length=100, description="What was judged in this attempt, oldest first; not for people."
    )
    conditions: list[Condition] = Field(
        [],
        max_length=16,
        description="The contract with machines.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    history: list[HistoryEntry] = Field([], max_length=20, description="What was decided, newest first.")
    kopf: dict[str, Any] | None = Field(None, description="Bookkeeping of the operator's framework.")
