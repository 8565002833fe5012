"""Where do clients' requests go? Their split against the written weights, and never a verdict on the candidate.

Between the ends the sample-ratio test speaks. At weight 0 and 100 there is no ratio to test: one arm should get
nothing, and still gets what clients send who pin it by `x-seldon-route`. There the rule is: its share must fall below
half of what it was, over requests of which it would have answered 30 had nothing changed.

Weights deal requests out, and counted is what was answered. Of a slow model's answers many are to requests of the
weights before, and others are still to come. What is answered, and how many more requests are under way than before,
make what was dealt; unless answers are streamed, for these count from their beginning and stay under way to their end.
So neither test says anything that only one of the two shows.
"""

from math import log

from modelrollout.api.contract import seconds
from modelrollout.api.reasons import Reason
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import ArmShare, ObservedShare, RolloutStatus, Traffic
from modelrollout.judge import split
from modelrollout.plan.actions import Level
from modelrollout.plan.draft import Draft
from modelrollout.plan.steering import NUDGED_SCALE
from modelrollout.plan.world import LookData, World

SPLIT_ALARM = log(1000)  # alpha 0.1 %: an alarm about the split says nothing of the candidate
LEAST_TO_CLEAR = 50  # requests in a look that agree with the written split end the alarm
LEAST_TO_TELL = 30.0  # of so many, fewer than half come by chance once in a thousand times

Bounds = tuple[int, int]
"""The fewest and the most requests that an arm was dealt."""


def compare(draft: Draft, spec: RolloutSpec, world: World, look: LookData) -> Draft:
    """The draft after what this look showed of the split: first a nudge, then an alarm, and its end.

    A counter's last known value at the beginning of a block can be one scrape old: a block that begins sooner after
    the weights came into force still holds requests of the time before.
    """
    arms = (look.baseline, look.candidate)
    requests, under_way = [round(arm.requests) for arm in arms], [round(arm.under_way) for arm in arms]
    draft = _changed(draft, observed=_observed(draft.status.traffic.wanted, requests))
    traffic = draft.status.traffic
    if traffic.applied_at is None or look.since < traffic.applied_at + world.scrape_seconds:
        return draft
    if idle(traffic):
        return _at_an_end(draft, spec, requests, under_way)
    return _between(draft, requests, under_way)


def idle(traffic: Traffic) -> ArmShare | None:
    """The arm that should get nothing; None when both should get something."""
    return next((share for share in traffic.wanted if share.weight == 0), None)


def is_awaited(status: RolloutStatus) -> bool:
    """True after an outcome that clients' requests have yet to confirm: the looks go on until they have."""
    return status.outcome is not None and status.look_due_at is not None


def has_fallen(spec: RolloutSpec, status: RolloutStatus) -> bool:
    """True when the newest stretch of requests shows that the arm without weight gets less than half of before."""
    (_, most), (least, _) = _without_and_with_weight(status.traffic)
    return _can_tell(spec, status, most + least) and not _is_half_of_before(spec, status, most, most + least)


def least_weight(spec: RolloutSpec, status: RolloutStatus) -> int:
    """The smallest weight above 0 that the candidate may have in force now; 0 before the first stage.

    Until a whole look was made with the weights of a stage, those of the stage before may still be in force.
    """
    stage = status.stage
    if stage is None:
        return 0
    last, own = _weights(spec)[stage.index : stage.index + 2]
    if stage.weight_before is not None:
        last = stage.weight_before
    is_known = last == 0 or stage.soaked_seconds > seconds(spec.analysis.interval)
    return own if is_known else last


def settled(draft: Draft) -> Draft:
    """The draft without alarm; after an outcome there is nothing more to look at."""
    draft = _changed(draft, mismatch=False)
    return draft if draft.status.outcome is None else draft.change(look_due_at=None)


def contradiction(traffic: Traffic) -> str:
    """What clients' requests showed, beside what was written, and what to look at."""
    candidate, total = traffic.wanted[-1], sum(traffic.seen)
    said = "Clients' traffic contradicts the written weights"
    if total:
        share = 100 * traffic.seen[-1] / total
        said += f": {candidate.name} answered {share:.1f} % of {total:,} requests, and its weight is {candidate.weight}"
    return f"{said}: check that Seldon's scheduler reaches Envoy, and whether clients pin an arm by x-seldon-route"


def _between(draft: Draft, requests: list[int], under_way: list[int]) -> Draft:
    traffic = draft.status.traffic
    if traffic.mismatch and sum(requests) >= LEAST_TO_CLEAR and _log_e(traffic.wanted, requests) < 0:
        return settled(_begun(draft, requests, under_way))
    draft = _gathered(draft, requests, under_way)
    closest = _closest(draft.status.traffic)
    return _contradicted(draft) if _log_e(traffic.wanted, closest) >= SPLIT_ALARM else draft


def _at_an_end(draft: Draft, spec: RolloutSpec, requests: list[int], under_way: list[int]) -> Draft:
    """One stretch of requests after the other is judged, so that pinned clients who leave are noticed."""
    has_told = has_fallen(spec, draft.status) or _has_stayed(spec, draft.status)
    draft = (_begun if has_told else _gathered)(draft, requests, under_way)
    if has_fallen(spec, draft.status):
        return settled(draft)
    return _contradicted(draft) if _has_stayed(spec, draft.status) else draft


def _contradicted(draft: Draft) -> Draft:
    traffic = draft.status.traffic
    if traffic.mismatch:
        return draft
    if traffic.scale == 1:
        message = f"{contradiction(traffic)}; the same split is written again in other numbers"
        return _nudged(draft.noticing(Reason.SPLIT_NOT_AS_WRITTEN, message, Level.WARNING))
    draft = _changed(draft, mismatch=True)
    return draft.noticing(Reason.SPLIT_NOT_AS_WRITTEN, contradiction(traffic), Level.WARNING)


def _nudged(draft: Draft) -> Draft:
    """The same split in other numbers. The weights of this stage were not in force: its soak begins anew."""
    stage = draft.status.stage
    draft = _changed(draft, scale=NUDGED_SCALE, applied_at=None, seen=[])
    if stage is None or draft.status.outcome is not None:
        return draft
    return draft.change(stage=stage.model_copy(update={"soaked_seconds": 0.0}))


def _begun(draft: Draft, requests: list[int], under_way: list[int]) -> Draft:
    """A stretch of requests begins with this look."""
    return _changed(draft, seen=requests, under_way=under_way)


def _gathered(draft: Draft, requests: list[int], under_way: list[int]) -> Draft:
    """The look belongs to the stretch of those before, if there were any since the weights came into force."""
    traffic = draft.status.traffic
    if not traffic.seen:
        return _begun(draft, requests, under_way)
    seen = [sum(pair) for pair in zip(traffic.seen, requests, strict=True)]
    return _changed(
        draft, seen=seen, under_way=[sum(pair) for pair in zip(_under_way(traffic), under_way, strict=True)]
    )


def _under_way(traffic: Traffic) -> list[int]:
    return traffic.under_way or [0] * len(traffic.wanted)


def _dealt(traffic: Traffic) -> list[Bounds]:
    """How many requests of the stretch each arm was dealt, as its answers alone say, and with those under way."""
    pairs = zip(traffic.seen or [0] * len(traffic.wanted), _under_way(traffic), strict=True)
    return [(max(0, answered + min(0, more)), answered + max(0, more)) for answered, more in pairs]


def _closest(traffic: Traffic) -> list[int]:
    """The requests per arm, of all that may have been dealt, that contradict the weights least; none if some agree."""
    (baseline_least, baseline_most), (least, most) = _dealt(traffic)
    share = traffic.wanted[-1].weight / 100
    if least > share * (baseline_most + least):
        return [baseline_most, least]
    if most < share * (baseline_least + most):
        return [baseline_least, most]
    return [0, 0]


def _has_stayed(spec: RolloutSpec, status: RolloutStatus) -> bool:
    """True when the newest stretch shows that the arm without weight still gets half of before, or more."""
    (least, _), (_, most) = _without_and_with_weight(status.traffic)
    return _can_tell(spec, status, least + most) and _is_half_of_before(spec, status, least, least + most)


def _without_and_with_weight(traffic: Traffic) -> tuple[Bounds, Bounds]:
    baseline, candidate = _dealt(traffic)
    return (baseline, candidate) if traffic.wanted[0].weight == 0 else (candidate, baseline)


def _can_tell(spec: RolloutSpec, status: RolloutStatus, total: int) -> bool:
    return total * _share_before(spec, status) >= LEAST_TO_TELL


def _is_half_of_before(spec: RolloutSpec, status: RolloutStatus, got: int, total: int) -> bool:
    """True when so many of the requests are at least half of what the arm without weight would have got before."""
    return 2 * got >= total * _share_before(spec, status)


def _share_before(spec: RolloutSpec, status: RolloutStatus) -> float:
    """The share (0-1) that the arm without weight had before; of those that it may have had, the smallest."""
    stage = status.stage
    assert stage is not None
    if status.traffic.wanted[0].weight == 0:
        return 1 - _weights(spec)[stage.index] / 100  # weights rise, so whatever was in force left it at least this
    return least_weight(spec, status) / 100


def _weights(spec: RolloutSpec) -> list[int]:
    return [0, *(planned.weight for planned in spec.stages)]


def _observed(wanted: list[ArmShare], requests: list[int]) -> list[ObservedShare]:
    total = sum(requests)
    return [
        ObservedShare(name=share.name, percent=round(100 * count / total, 1) if total else 0.0, requests=count)
        for share, count in zip(wanted, requests, strict=True)
    ]


def _changed(draft: Draft, **fields: object) -> Draft:
    return draft.change(traffic=draft.status.traffic.model_copy(update=fields))


def _log_e(wanted: list[ArmShare], requests: list[int]) -> float:
    """Evidence that the requests were not split as wanted."""
    return float(split.log_e([requests], [[share.weight / 100 for share in wanted]])[0])
