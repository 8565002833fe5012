"""What a person with kubectl sees of a ModelRollout on a real API server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from modelrollout.api.status import (
    ArmShare,
    Condition,
    GuardrailStatus,
    HistoryEntry,
    Phase,
    RolloutStatus,
    StageForecast,
    StageStatus,
    Traffic,
    Verdict,
)

from e2e.stack import CommandError, Stack

pytestmark = pytest.mark.stack

GOOD = Path(__file__).parent / "corpus" / "good"
SINCE = "2026-01-02T03:04:05Z"

STATUS = RolloutStatus(
    observed_generation=1,
    phase=Phase.PROGRESSING,
    message="Stage 2 of 4 at 25 %: errors passed, p95-latency is undecided.",
    attempt=1,
    stage=StageStatus(index=1, started_at=SINCE, soaked_seconds=720.5, looks=24, arm_requests=[12655, 4210]),
    stage_summary="2/4",
    traffic=Traffic(
        wanted=[ArmShare(name="baseline-predictor", weight=75), ArmShare(name="enhanced-predictor", weight=25)],
        candidate_weight=25,
        written_at=1700000000.25,
    ),
    next_look_at="2026-01-02T03:16:35Z",
    verdict=Verdict.INCONCLUSIVE,
    guardrails=[
        GuardrailStatus(
            name="errors",
            verdict=Verdict.PASS,
            ratio=1.07,
            interval="[0.62, 1.71]",
            interval_low=0.62,
            interval_high=1.71,
            dispersion=1.4,
            evidence=100,
            evidence_for="Pass",
            fail_in="35m (90 %: 1h17m)",
            query='sum(increase(a_total{model=~"b(_[0-9]+)?"}[5m]))',
        )
    ],
    forecast=[StageForecast(stage=1, weight=5, guardrail="errors", pass_in="1h48m", pass_by="4h25m", fail_in="35m")],
    warnings=["no bucket edge near 250ms: put one there"],
    conditions=[
        Condition(type="Ready", status="False", reason="StageInProgress", last_transition_time=SINCE),
        Condition(type="Reconciling", status="True", reason="StageInProgress", last_transition_time=SINCE),
    ],
    history=[HistoryEntry(time=SINCE, reason="StageEntered", message="Weight 25.", attempt=1, weight=25)],
    kopf={"progress": {"anything": {"retries": 1}}},
)


@pytest.fixture(scope="module", autouse=True)
def _rollout_in_its_second_stage(stack: Stack) -> Iterator[None]:
    stack.kubectl("create", "--validate=strict", "-f", str(GOOD / "minimal.yaml"))
    patch = json.dumps({"status": STATUS.model_dump(mode="json", exclude_none=True)})
    stack.kubectl("patch", "modelrollout", "financial-predictor", "--subresource=status", "--type=merge", "-p", patch)
    yield
    stack.kubectl("delete", "-f", str(GOOD / "minimal.yaml"))


def _table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in text.splitlines()]


def test_the_definition_is_established_and_structural(stack: Stack) -> None:
    definition = json.loads(stack.kubectl("get", "crd", "modelrollouts.modelrollout.io", "-o", "json"))

    conditions = {condition["type"]: condition["status"] for condition in definition["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("name", ["modelrollouts", "modelrollout", "mro", "rollouts", "rollout", "mlops"])
def test_one_screen_says_where_the_rollout_stands_under_every_name(stack: Stack, name: str) -> None:
    heads, row = _table(stack.kubectl("get", name))

    assert heads == ["NAME", "PHASE", "STAGE", "WEIGHT", "CANDIDATE", "AGE"]
    assert row[:-1] == ["financial-predictor", "Progressing", "2/4", "25", "enhanced-predictor"]


@pytest.mark.parametrize("name", ["ro", "all"])
def test_the_names_of_others_are_left_to_them(stack: Stack, name: str) -> None:
    try:
        shown = stack.kubectl("get", name)
    except CommandError as refusal:
        shown = str(refusal)

    assert "financial-predictor" not in shown


def test_the_screen_of_every_phase_fits_a_terminal(stack: Stack) -> None:
    rollout = yaml.safe_load((GOOD / "minimal.yaml").read_text())
    name = rollout["metadata"]["name"] = "financial-predictor-2"  # longer than that of any example
    path = stack.settings.directory / "second.yaml"
    path.write_text(yaml.safe_dump(rollout))
    stack.kubectl("create", "-f", str(path))

    screens = {}
    for phase in Phase:
        told = {"phase": phase, "stageSummary": "20/20", "traffic": {"candidateWeight": 100}}
        patch = json.dumps({"status": told})
        stack.kubectl("patch", "mro", name, "--subresource=status", "--type=merge", "--patch", patch)
        screens[phase] = stack.kubectl("get", "mro", name)
    stack.kubectl("delete", "-f", str(path))

    assert [phase for phase, text in screens.items() if phase not in text] == []
    assert max(len(line) for text in screens.values() for line in text.splitlines()) <= 80


def test_wide_adds_why_and_what_next(stack: Stack) -> None:
    heads, row = _table(stack.kubectl("get", "mro", "-o", "wide"))

    assert heads == [
        *("NAME", "PHASE", "STAGE", "WEIGHT", "CANDIDATE", "BASELINE"),
        *("VERDICT", "REASON", "EXPERIMENT", "NEXT", "MESSAGE", "AGE"),
    ]
    # No experiment is named in the spec, and kubectl leaves the cell empty.
    assert row[6:-1] == ["Inconclusive", "StageInProgress", STATUS.next_look_at, STATUS.message]


def test_rollouts_are_selected_by_phase_on_the_server(stack: Stack) -> None:
    progressing = stack.kubectl("get", "mro", "-A", "--field-selector", "status.phase=Progressing", "-o", "name")
    paused = stack.kubectl("get", "mro", "-A", "--field-selector", "status.phase=Paused", "-o", "name")

    assert progressing.split() == ["modelrollout.modelrollout.io/financial-predictor"]
    assert paused == ""


def test_status_is_read_back_as_it_was_written_and_spec_writes_leave_it_alone(stack: Stack) -> None:
    change = json.dumps({"status": {"phase": "Healthy"}, "spec": {"paused": True}})
    stack.kubectl("patch", "mro", "financial-predictor", "--type=merge", "-p", change)

    rollout = json.loads(stack.kubectl("get", "mro", "financial-predictor", "-o", "json"))

    assert rollout["spec"]["paused"] is True
    assert RolloutStatus.model_validate(rollout["status"]) == STATUS


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("", "Moves traffic from a baseline model to a candidate"),
        (".spec.strategy.canary.stages.soak", "The least time in this stage"),
        (".spec.guardrails.latency.maxIncrease", "Default: 20%"),
        (".spec.guardrails.ratio.maxDrop", "Default: 2pp"),
        (".spec.guardrails.mean.range.min", "No value is below this"),
        (".spec.prometheus.secretRef.name", "ca.crt for a private CA"),
        (".status.conditions.reason", "One word for machines"),
    ],
)
def test_explain_describes_every_field(stack: Stack, field: str, words: str) -> None:
    text = stack.kubectl("explain", f"modelrollout{field}")

    assert words in " ".join(text.split())
