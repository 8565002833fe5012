"""When a status is worth a write: on every decision, and when enough looks have gathered."""

from typing import Any

import pytest
from factories import NOW, spec, status
from modelrollout.act import statuses
from modelrollout.api.status import (
    Condition,
    GuardrailStatus,
    ObservedShare,
    Outcome,
    Phase,
    RolloutStatus,
    Traffic,
    Verdict,
)

UID = "0c2f9f4e-6a55-4b6e-9f0a-1d3b5a7c9e16"  # its rounds end with every fifth look
WRITTEN = status(spec())
STAGE, RAIL = WRITTEN.stage, WRITTEN.guardrails[0]
assert STAGE is not None


def changed(**fields: Any) -> RolloutStatus:
    return WRITTEN.model_copy(update=fields)


def traffic(**fields: Any) -> Traffic:
    return WRITTEN.traffic.model_copy(update=fields)


def rail(**fields: Any) -> list[GuardrailStatus]:
    return [RAIL.model_copy(update=fields)]


LOOKS = {
    "nothing": WRITTEN,
    "a look": changed(
        looks=4,
        arm_requests=[9, 1],
        last_look_at=NOW + 30,
        look_due_at=NOW + 60,
        next_look_at="2023-11-14T22:14:00Z",
        engine=[one.model_copy(update={"state": "other"}) for one in WRITTEN.engine],
        stage=STAGE.model_copy(update={"soaked_seconds": 30.0, "looks": 1, "arm_requests": [9, 1]}),
        guardrails=rail(estimate="0.1 % vs 0.1 %", evidence=40, message=""),
        traffic=traffic(observed=[ObservedShare(name="old", percent=90.0, requests=9)], seen=[9, 1]),
    ),
    "what the framework keeps": changed(kopf={"progress": {}}),
}
DECISIONS = {
    "the fifth look": changed(looks=5),
    "a phase": changed(phase=Phase.PAUSED),
    "an outcome": changed(outcome=Outcome.ROLLED_BACK),
    "a stage": changed(stage=STAGE.model_copy(update={"index": 1})),
    "wanted weights": changed(traffic=traffic(wanted=[])),
    "weights in force": changed(traffic=traffic(applied_at=NOW)),
    "an alarm about the split": changed(traffic=traffic(mismatch=True)),
    "a guardrail's verdict": changed(guardrails=rail(verdict=Verdict.PASS)),
    "the verdict": changed(verdict=Verdict.PASS),
    "silence": changed(no_data_since=NOW),
    "guardrails that are gone": changed(guardrails=[]),
    "a condition": changed(
        conditions=[Condition(type="Ready", status="True", reason="Promoted", last_transition_time="now")]
    ),
}


@pytest.mark.parametrize("new", LOOKS.values(), ids=LOOKS)
def test_no_write_is_made_for(new: RolloutStatus) -> None:
    assert not statuses.is_worth_writing(new, WRITTEN, UID)


@pytest.mark.parametrize("new", DECISIONS.values(), ids=DECISIONS)
def test_a_write_is_made_for(new: RolloutStatus) -> None:
    assert statuses.is_worth_writing(new, WRITTEN, UID)


def test_the_first_status_is_written() -> None:
    assert statuses.is_worth_writing(WRITTEN, RolloutStatus(), UID)


def test_a_dumped_status_reads_back_as_it_was() -> None:
    assert RolloutStatus.model_validate(statuses.dump(WRITTEN)) == WRITTEN
