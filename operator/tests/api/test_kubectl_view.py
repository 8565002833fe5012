"""What a person with kubectl sees of a ModelRollout on a real API server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from apiserver import ApiServer
from modelrollout.api.status import (
    ArmShare,
    Condition,
    GuardrailStatus,
    HistoryEntry,
    Phase,
    RolloutStatus,
    StageStatus,
    Traffic,
    Verdict,
)

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
    guardrails=[GuardrailStatus(name="errors", verdict=Verdict.PASS, ratio=1.07, evidence=100, evidence_for="Pass")],
    conditions=[
        Condition(type="Ready", status="False", reason="StageInProgress", last_transition_time=SINCE),
        Condition(type="Reconciling", status="True", reason="StageInProgress", last_transition_time=SINCE),
    ],
    history=[HistoryEntry(time=SINCE, reason="StageEntered", message="Weight 25.", attempt=1, weight=25)],
    kopf={"progress": {"anything": {"retries": 1}}},
)


@pytest.fixture(scope="module")
def kubectl(api_server: ApiServer) -> Iterator[ApiServer]:
    """The server with the minimal rollout, in its second stage."""
    api_server.kubectl("create", "--validate=strict", "-f", str(GOOD / "minimal.yaml"))
    patch = json.dumps({"status": STATUS.model_dump(mode="json", exclude_none=True)})
    api_server.kubectl(
        "patch", "modelrollout", "financial-predictor", "--subresource=status", "--type=merge", "-p", patch
    )
    yield api_server
    api_server.kubectl("delete", "-f", str(GOOD / "minimal.yaml"))


def _table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in text.splitlines()]


def test_the_definition_is_established_and_structural(api_server: ApiServer) -> None:
    definition = json.loads(api_server.kubectl("get", "crd", "modelrollouts.modelrollout.io", "-o", "json").stdout)

    conditions = {condition["type"]: condition["status"] for condition in definition["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("name", ["modelrollouts", "modelrollout", "mro", "rollouts", "rollout", "mlops"])
def test_one_screen_says_where_the_rollout_stands_under_every_name(kubectl: ApiServer, name: str) -> None:
    heads, row = _table(kubectl.kubectl("get", name).stdout)

    assert heads == ["NAME", "PHASE", "STAGE", "WEIGHT", "BASELINE", "CANDIDATE", "AGE"]
    assert row[:-1] == ["financial-predictor", "Progressing", "2/4", "25", "baseline-predictor", "enhanced-predictor"]


@pytest.mark.parametrize("name", ["ro", "all"])
def test_the_names_of_others_are_left_to_them(kubectl: ApiServer, name: str) -> None:
    assert "financial-predictor" not in kubectl.kubectl("get", name, check=False).stdout


def test_the_screen_is_no_wider_than_a_terminal_when_names_are_short(kubectl: ApiServer) -> None:
    rollout = yaml.safe_load((GOOD / "minimal.yaml").read_text())
    rollout["metadata"]["name"] = "fraud"
    rollout["spec"] |= {"baseline": {"name": "fraud-7"}, "candidates": [{"name": "fraud-8"}]}
    path = kubectl.directory / "short.yaml"
    path.write_text(yaml.safe_dump(rollout))
    kubectl.kubectl("create", "-f", str(path))

    text = kubectl.kubectl("get", "mro", "fraud").stdout
    kubectl.kubectl("delete", "-f", str(path))

    assert max(len(line) for line in text.splitlines()) <= 80


def test_wide_adds_why_and_what_next(kubectl: ApiServer) -> None:
    heads, row = _table(kubectl.kubectl("get", "mro", "-o", "wide").stdout)

    assert heads == [
        *("NAME", "PHASE", "STAGE", "WEIGHT", "BASELINE", "CANDIDATE"),
        *("VERDICT", "REASON", "EXPERIMENT", "NEXT", "MESSAGE", "AGE"),
    ]
    # No experiment is named in the spec, and kubectl leaves the cell empty.
    assert row[6:-1] == ["Inconclusive", "StageInProgress", STATUS.next_look_at, STATUS.message]


def test_rollouts_are_selected_by_phase_on_the_server(kubectl: ApiServer) -> None:
    progressing = kubectl.kubectl("get", "mro", "-A", "--field-selector", "status.phase=Progressing", "-o", "name")
    paused = kubectl.kubectl("get", "mro", "-A", "--field-selector", "status.phase=Paused", "-o", "name")

    assert progressing.stdout.split() == ["modelrollout.modelrollout.io/financial-predictor"]
    assert paused.stdout == ""


def test_status_is_read_back_as_it_was_written_and_spec_writes_leave_it_alone(kubectl: ApiServer) -> None:
    change = json.dumps({"status": {"phase": "Healthy"}, "spec": {"paused": True}})
    kubectl.kubectl("patch", "mro", "financial-predictor", "--type=merge", "-p", change)

    rollout = json.loads(kubectl.kubectl("get", "mro", "financial-predictor", "-o", "json").stdout)

    assert rollout["spec"]["paused"] is True
    assert RolloutStatus.model_validate(rollout["status"]) == STATUS


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("", "Moves traffic from a baseline model to a candidate"),
        (".spec.strategy.canary.stages.soak", "The least time in this stage"),
        (".spec.guardrails.latency.maxIncrease", "Default: 20%"),
        (".spec.prometheus.secretRef.name", "ca.crt for a private CA"),
        (".status.conditions.reason", "One word for machines"),
    ],
)
def test_explain_describes_every_field(kubectl: ApiServer, field: str, words: str) -> None:
    text = kubectl.kubectl("explain", f"modelrollout{field}").stdout

    assert words in " ".join(text.split())
