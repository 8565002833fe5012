"""Each alert with promtool itself: it fires when it should, keeps silent when it should, and has its runbook."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from exported import METRICS, names_of

from e2e.stack import paths, tools

RULES = paths.CHART / "files" / "alerts.yaml"
RUNBOOKS = paths.ROOT / "docs" / "runbooks"
ALERTS = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
MINE = {"namespace": "models", "modelrollout": "predictor"}
OPERATOR = {"namespace": "tools", "job": "modelrollout"}


def of(name: str, labels: dict[str, str] = MINE, **more: str) -> str:
    """A series as promtool writes it."""
    return name + "{" + ", ".join(f'{key}="{value}"' for key, value in (labels | more).items()) + "}"


def condition(kind: str, reason: str) -> str:
    return of("modelrollout_condition", type=kind, reason=reason)


def phase(name: str) -> str:
    return of("modelrollout_info", phase=name, baseline="old", candidate="new", experiment="predictor")


def pod(name: str, number: int) -> str:
    return of(name, OPERATOR, instance=f"10.0.0.{number}:8080")


def late(seconds: str, values: str) -> dict[str, str]:
    """Looks of which as many were decided within `seconds`; all of them within 30 s."""
    lag = "modelrollout_look_lag_seconds_bucket"
    return {of(lag, OPERATOR, le=seconds): values, of(lag, OPERATOR, le="30.0"): "0+100x60",
            of(lag, OPERATOR, le="+Inf"): "0+100x60"}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Series by name with a value each minute, and whether the alert fires at a time."""

    alert: str
    at: str
    series: dict[str, str]
    labels: dict[str, str] | None = field(default_factory=lambda: MINE)
    """Of the alert that fires, beside its severity; None: it keeps silent."""

    @property
    def evaluated_every(self) -> str:
        """A day minute by minute takes promtool seconds."""
        return "15m" if "h" in self.at else "1m"


OUTCOME, PUT_RIGHT = "modelrollout_outcomes_total", "modelrollout_weights_put_right_total"
ERRORS, DUE = "modelrollout_reconcile_errors_total", "modelrollout_look_due_timestamp_seconds"
HELD, HOLDS = condition("Paused", "PausedByHand"), condition("Paused", "PausedBySpec")
ASKED, BLIND = condition("Paused", "AwaitingApproval"), condition("MetricsAvailable", "NoData")
APART, BAD = condition("TrafficSynced", "SplitNotAsWritten"), condition("SpecValid", "SpecInvalid")
ENDED, PENDING, RUNNING = phase("Healthy"), phase("Pending"), phase("Progressing")
CASES = {
    "an attempt was rolled back": Case(
        "ModelRolloutRolledBack", "10m", {of(OUTCOME, outcome="RolledBack"): "0x5 1x60"}
    ),
    "an attempt was rolled back an hour ago": Case(
        "ModelRolloutRolledBack", "60m", {of(OUTCOME, outcome="RolledBack"): "0x5 1x60"}, None
    ),
    "an attempt was promoted": Case(
        "ModelRolloutRolledBack", "10m", {of(OUTCOME, outcome="Promoted"): "0x5 1x60"}, None
    ),
    "a person paused it yesterday": Case("ModelRolloutPausedTooLong", "24h1m", {HELD: "1x1500"}),
    "first its spec paused it, then a person": Case(
        "ModelRolloutPausedTooLong", "24h1m", {HOLDS: "1x700 stale", HELD: "_x701 1x900"}
    ),
    "a person paused it this morning": Case("ModelRolloutPausedTooLong", "8h", {HELD: "1x1500"}, None),
    "nothing holds it": Case("ModelRolloutPausedTooLong", "24h1m", {condition("Paused", "NotPaused"): "0x1500"}, None),
    "an approval is awaited since yesterday": Case("ModelRolloutPausedTooLong", "24h1m", {ASKED: "1x1500"}, None),
    "an approval is awaited for an hour": Case("ModelRolloutAwaitingApproval", "61m", {ASKED: "1x70"}),
    "an approval is awaited for half an hour": Case("ModelRolloutAwaitingApproval", "30m", {ASKED: "1x70"}, None),
    "a person holds it for an hour": Case("ModelRolloutAwaitingApproval", "61m", {HELD: "1x70"}, None),
    "a look that was due is not made": Case("ModelRolloutStuck", "21m", {of(DUE): "600x60"}),
    "looks are made": Case("ModelRolloutStuck", "60m", {of(DUE): "30+60x60"}, None),
    "no look is to come": Case("ModelRolloutStuck", "60m", {of(DUE): "600x9 stale"}, None),
    "looks find nothing": Case("ModelRolloutNoData", "11m", {BLIND: "0x60", RUNNING: "1x60"}),
    "the last look of a promoted one found nothing": Case(
        "ModelRolloutNoData", "11m", {BLIND: "0x60", ENDED: "1x60"}, None
    ),
    "looks find something": Case(
        "ModelRolloutNoData", "11m", {condition("MetricsAvailable", "Available"): "1x60", RUNNING: "1x60"}, None
    ),
    "clients are split otherwise": Case(
        "ModelRolloutTrafficNotSynced",
        "6m",
        {APART: "0x60", RUNNING: "1x60"},
        {**MINE, "reason": "SplitNotAsWritten"},
    ),
    "weights were written a moment ago": Case(
        "ModelRolloutTrafficNotSynced", "2m", {condition("TrafficSynced", "NotApplied"): "0x60", RUNNING: "1x60"}, None
    ),
    "it has not begun": Case(
        "ModelRolloutTrafficNotSynced", "60m", {condition("TrafficSynced", "NotApplied"): "0x60", PENDING: "1x60"}, None
    ),
    "the weights are in force": Case(
        "ModelRolloutTrafficNotSynced", "6m", {condition("TrafficSynced", "AsWritten"): "1x60", RUNNING: "1x60"}, None
    ),
    "weights were put right": Case("ModelRolloutWeightsChangedByOthers", "10m", {of(PUT_RIGHT): "0x5 1x60"}),
    "weights were put right long ago": Case(
        "ModelRolloutWeightsChangedByOthers", "60m", {of(PUT_RIGHT): "0x5 1x60"}, None
    ),
    "the spec is wrong": Case("ModelRolloutSpecInvalid", "6m", {BAD: "0x60"}),
    "the spec was wrong for a moment": Case(
        "ModelRolloutSpecInvalid", "6m", {BAD: "0x2 stale", condition("SpecValid", "Valid"): "_x3 1x60"}, None
    ),
    "no operator is there": Case("ModelRolloutOperatorDown", "6m", {"up": "1x60"}, {}),
    "the operator went": Case("ModelRolloutOperatorDown", "20m", {pod("modelrollout_build_info", 1): "1x5 stale"}, {}),
    "one of two operators went": Case(
        "ModelRolloutOperatorDown",
        "20m",
        {pod("modelrollout_build_info", 1): "1x5 stale", pod("modelrollout_build_info", 2): "1x60"},
        None,
    ),
    "both replicas wait": Case(
        "ModelRolloutNoLeader",
        "2m",
        {pod("modelrollout_leader", 1): "0x60", pod("modelrollout_leader", 2): "0x60"},
        OPERATOR,
    ),
    "the other replica took over": Case(
        "ModelRolloutNoLeader",
        "20m",
        {pod("modelrollout_leader", 1): "1x5 0x60", pod("modelrollout_leader", 2): "0x5 1x60"},
        None,
    ),
    "looks are decided late": Case("ModelRolloutLookLag", "21m", late("5.0", "0+90x60"), OPERATOR),
    "looks are decided in time": Case("ModelRolloutLookLag", "21m", late("5.0", "0+100x60"), None),
    "the API server does not answer": Case(
        "ModelRolloutReconcileErrors",
        "20m",
        {of(ERRORS, OPERATOR, error="ClusterUnavailable"): "0+1x60"},
        {**OPERATOR, "error": "ClusterUnavailable"},
    ),
    "others write first": Case(
        "ModelRolloutReconcileErrors", "20m", {of(ERRORS, OPERATOR, error="ClusterConflict"): "0+9x60"}, None
    ),
    "one reconciliation failed": Case(
        "ModelRolloutReconcileErrors", "20m", {of(ERRORS, OPERATOR, error="ClusterDenied"): "0x10 1x60"}, None
    ),
}


@pytest.mark.stack
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.stack
def test_alerts_fire_when_they_should_and_not_otherwise(tmp_path: Path) -> None:
    files = []
    for every in ("1m", "15m"):
        groups = [group(sentence, case) for sentence, case in CASES.items() if case.evaluated_every == every]
        files.append(tmp_path / f"{every}.yaml")
        told = {"rule_files": [str(RULES)], "evaluation_interval": every, "tests": groups}
        files[-1].write_text(yaml.safe_dump(told), encoding="utf-8")
    done = promtool("test", "rules", *map(str, files))
    assert done.returncode == 0, done.stdout + done.stderr


def group(sentence: str, case: Case) -> dict[str, Any]:
    """One test of promtool."""
    firing: list[dict[str, Any]] = []
    if case.labels is not None:
        state = {"alertname": case.alert, "alertstate": "firing", **ALERTS[case.alert]["labels"], **case.labels}
        firing = [{"labels": of("ALERTS", state), "value": 1}]
    asked = f'ALERTS{{alertname="{case.alert}", alertstate="firing"}}'
    return {
        "name": sentence,
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": [{"expr": asked, "eval_time": case.at, "exp_samples": firing}],
    }


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_tried_both_ways(alert: str) -> None:
    tried = [case for case in CASES.values() if case.alert == alert]
    assert any(case.labels is None for case in tried)
    assert any(case.labels is not None for case in tried)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_it_is_about(alert: str) -> None:
    rule = ALERTS[alert]
    told = rule["annotations"]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert told["runbook_url"] == f"RUNBOOKS/{alert}.md"
    used = set(re.findall(r"\$labels\.(\w+)", told["summary"] + told["description"]))
    for case in CASES.values():
        if case.alert == alert and case.labels is not None:
            assert used <= set(case.labels)


@pytest.mark.parametrize("alert", ALERTS)
def test_the_metrics_of_an_alert_exist(alert: str) -> None:
    assert names_of(ALERTS[alert]["expr"]) <= set(METRICS)


def test_each_alert_has_its_runbook_and_each_runbook_its_alert() -> None:
    pages = {page.stem: page.read_text(encoding="utf-8") for page in RUNBOOKS.glob("*.md") if page.stem != "README"}
    assert set(pages) == set(ALERTS)
    for alert, page in pages.items():
        assert page.startswith(f"# {alert}\n")
        headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
        assert headings == ["What it means", "Why it happens", "What to look at", "What to do"]


PAGE = paths.ROOT / "docs" / "observability.md"
QUERIES = sorted(
    {
        line
        for page in (PAGE, *RUNBOOKS.glob("*.md"))
        for block in re.findall(r"```promql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for line in block.splitlines()
    }
)


def test_the_page_tells_of_every_alert_and_its_severity() -> None:
    told = re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert told == [(alert, rule["labels"]["severity"]) for alert, rule in ALERTS.items()]


@pytest.mark.parametrize("query", QUERIES)
def test_the_queries_of_the_pages_ask_for_what_exists(query: str) -> None:
    assert names_of(query) <= {*METRICS, "up", "process_cpu_seconds_total"}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = str(tools.provide(["promtool"], print)["promtool"])
    return subprocess.run([command, *arguments], capture_output=True, text=True)
