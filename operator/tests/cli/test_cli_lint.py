"""What lint finds in files without a cluster: every mistake with its line, and what a plan will not do."""

import json
from pathlib import Path

import pytest
import yaml
from factories import stage
from modelrollout.api import spec as api_spec
from modelrollout.cli import linting
from modelrollout.cli import main as plugin
from modelrollout.cli.findings import Finding, Level
from modelrollout.errors import SpecInvalid

CORPUS = Path(__file__).parents[1] / "api" / "corpus"
GOOD = """\
apiVersion: modelrollout.io/v1alpha1
kind: ModelRollout
metadata: {name: fraud, namespace: inference}
spec:
  baseline: {name: fraud-7}
  candidates:
  - name: fraud-8
  strategy:
    canary:
      stages:
      - {weight: 5}
      - {weight: 100}
  guardrails:
  - {name: errors, errorRate: {max: 2%}}
"""


def found(text: str, *levels: Level) -> list[tuple[int, str]]:
    """Lines and sentences of these levels; of all, when none is named."""
    said = linting.check(text, "file").findings
    return [(one.line, one.sentence) for one in said if not levels or one.level in levels]


def with_spec(**fields: object) -> str:
    document = yaml.safe_load(GOOD)
    document["spec"] |= fields
    return yaml.safe_dump(document, sort_keys=False)


def stages(*planned: object) -> dict[str, object]:
    return {"strategy": {"canary": {"stages": list(planned)}}}


# --- what breaks a rule -----------------------------------------------------------------------------------------------


def test_a_good_file_is_clean() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize("path", sorted((CORPUS / "good").glob("*.yaml")), ids=lambda path: path.stem)
def test_what_the_api_server_takes_has_no_errors(path: Path) -> None:
    assert found(path.read_text(), Level.ERROR) == []


@pytest.mark.parametrize("path", sorted((CORPUS / "bad").glob("*.yaml")), ids=lambda path: path.stem)
def test_what_the_api_server_refuses_is_refused_in_the_operators_words(path: Path) -> None:
    text = path.read_text()
    said = found(text, Level.ERROR)

    with pytest.raises(SpecInvalid) as refused:
        api_spec.parse(yaml.safe_load(text)["spec"])
    assert str(refused.value).partition(" (and ")[0] in [told for _, told in said]
    assert all(0 < line <= len(text.splitlines()) for line, _ in said)


def test_every_mistake_has_its_own_line() -> None:
    text = GOOD.replace("{weight: 5}", "{weight: 500}").replace("fraud-7", "Fraud").replace("2%", "2")
    text = text.replace("- name: fraud-8", "- nome: fraud-8")

    assert found(text) == [
        (5, 'spec.baseline.name: "Fraud": not a name of an object: use lower-case letters, digits and dashes'),
        (7, "spec.candidates[0].name: required: add it"),
        (7, "spec.candidates[0].nome: no such field: check the spelling, or remove it"),
        (11, "spec.strategy.canary.stages[0].weight: 500: must be at most 100"),
        (14, "spec.guardrails[0].errorRate.max: 2: must be a string: put it in quotes"),
    ]


LONG = "a" * 64
BESIDE = {
    "1: ModelRollout of modelrollout.io/v1 is not known: this version knows ModelRollout of modelrollout.io/v1alpha1": (
        "v1alpha1", "v1"
    ),
    "2: Rollout of modelrollout.io/v1alpha1 is not known: write kind ModelRollout": ("ModelRollout\n", "Rollout\n"),
    "5: specs: no such field: check the spelling, or remove it": ("spec:\n", "spec: {}\nspecs:\n"),
    "3: metadata.name: must be a string: put it in quotes": ("name: fraud,", "name: 7,"),
    "3: metadata.name: required: add it": ("name: fraud,", ""),
    f'3: metadata.name: "{LONG}": it is also the Experiment\'s name, so it has at most 63 lower-case letters, digits '
    "and dashes: shorten it, or set spec.experiment.name": ("name: fraud,", f"name: {LONG},"),
    "8: spec.candidates[0].name: it stands there twice, remove one of them": (
        "  - name: fraud-8\n", "  - name: fraud-8\n    name: fraud-9\n"
    ),
    "6: no YAML: found character '\\t' that cannot start any token: mend it there or just before": (
        "  candidates:", "\tcandidates:"
    ),
}  # fmt: skip


@pytest.mark.parametrize("said", BESIDE)
def test_what_is_wrong_beside_the_spec_is_found(said: str) -> None:
    assert said in [f"{line}: {sentence}" for line, sentence in found(GOOD.replace(*BESIDE[said]))]


def test_a_date_is_text_as_it_is_to_the_api_server() -> None:
    assert found(GOOD.replace("fraud-8", "2026-01-01")) == []


def test_other_objects_are_left_out_and_lists_are_looked_into() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(GOOD), {"kind": "Secret"}]}
    file = linting.check(f"# a comment alone\n---\n{yaml.safe_dump(listed)}---\n- no object\n---\n", "file")

    assert ([one.manifest.name for one in file.rollouts], len(file.others), file.findings) == (["fraud"], 1, [])


# --- what several cannot share ----------------------------------------------------------------------------------------


def in_common(second: str) -> list[str]:
    files = [linting.check(GOOD, "a.yaml"), linting.check(second, "b.yaml")]
    return [f"{one.place}: {one.sentence}" for one in linting.across([one for file in files for one in file.rollouts])]


def test_two_rollouts_share_no_name_no_experiment_and_no_baseline() -> None:
    other = GOOD.replace("name: fraud,", "name: loans,")

    assert in_common(GOOD) == ["b.yaml:3: rollout fraud is declared twice, first in a.yaml:1: remove one of them"]
    assert in_common(other.replace("spec:", "spec:\n  experiment: {name: fraud}")) == [
        "b.yaml:5: Experiment fraud is moved by rollout fraud (a.yaml:1) already: an Experiment has one rollout, "
        "choose another spec.experiment.name"
    ]
    assert in_common(other) == [
        "b.yaml:5: model fraud-7 is the baseline of rollout fraud (a.yaml:1) already: a model can be the default of "
        "one Experiment only, choose another baseline"
    ]
    assert in_common(other.replace("fraud-7", "loans-1")) == []
    assert in_common(GOOD.replace("inference", "elsewhere")) == []


# --- what will not do what was meant ----------------------------------------------------------------------------------

RATIO = {"name": "accuracy", "ratio": {"good": "g", "total": "t", "labelDelay": "24h"}}
QUERY = {"name": "queue", "query": {"promql": "max(queue_depth)", "max": "5"}}
ABSOLUTE = {"name": "errors", "errorRate": {"max": "2%"}}
AHEAD = {
    "errors compares with the baseline, which has no traffic at weight 100: nothing can fail there; add a guardrail "
    "with an absolute limit, or a stage of weight 95 before it": {"guardrails": [{"name": "errors", "errorRate": {}}]},
    "advance has no effect in the last stage, which ends with its soak: leave it out": stages(
        stage(5), stage(100, advance="OnSoak")
    ),
    "minRequests has no effect with advance OnPass: leave it out, or set advance to OnSoak": stages(
        stage(5, minRequests=9), stage(100)
    ),
    "advance OnSoak has no effect before weight 100, which always needs Pass: leave it out": stages(
        stage(5, advance="OnSoak"), stage(100)
    ),
    "soak 10s is shorter than analysis.interval 30s: the stage lasts one look in any case": stages(
        stage(5, soak="10s"), stage(100)
    ),
    "maxDuration 59s leaves room for one look every 30s: allow at least ten looks": stages(
        stage(5, soak="30s", maxDuration="59s"), stage(100)
    ),
    "accuracy begins labelDelay 24h after the attempt, and by then stage 1 has reached its maxDuration: raise that "
    "maxDuration, or let the guardrail only report": {"guardrails": [ABSOLUTE, RATIO]},
    "queue names no model, so the candidate may not be what it guards: put {{model}} into a matcher": {
        "guardrails": [ABSOLUTE, QUERY]
    },
    "no guardrail rolls back, the worst that can happen is a pause: set action Rollback on one of them": {
        "guardrails": [{**ABSOLUTE, "action": "Pause"}]
    },
    "noDataDeadline 30s is less than two looks of 30s: one failed scrape is enough for onNoData Rollback, allow at "
    "least 5m": {"analysis": {"onNoData": "Rollback", "noDataDeadline": "30s"}},
    "analysis.interval 5s is shorter than scrapeInterval 15s: some looks find nothing new, look every 15s or less "
    "often": {"analysis": {"interval": "5s"}, "prometheus": {"scrapeInterval": "15s"}},
    "matchers take the place of the namespace matcher and name no namespace: models of the same name elsewhere would "
    "be counted in": {"prometheus": {"matchers": 'cluster="a"'}},
    "credentials go to an http:// address, where others can read them: use https://": {
        "prometheus": {"address": "http://p:9090", "secretRef": {"name": "s"}}
    },
}  # fmt: skip


@pytest.mark.parametrize("sentence", AHEAD)
def test_what_was_hardly_meant_is_a_warning(sentence: str) -> None:
    said = found(with_spec(**AHEAD[sentence]))

    assert [told for _, told in said] == [sentence]


def test_what_was_meant_and_is_worth_knowing_is_a_note() -> None:
    planned = stages(stage(5), {"approval": {}}, stage(100))
    said = found(with_spec(**planned, paused=True, analysis={"onInconclusive": "Promote"}), Level.NOTE)

    assert [told for _, told in said] == [
        "stage 2 waits for ever for a person: kubectl modelrollout approve fraud",
        "spec.paused is true: nothing goes on until it is false",
        "onInconclusive Promote lets a candidate go on that no evidence speaks for",
    ]


def test_an_unknown_placeholder_is_an_error() -> None:
    query = {"name": "queue", "query": {"promql": 'max(q{model="{{ candidate }}"})', "max": "5"}}

    assert [told for _, told in found(with_spec(guardrails=[ABSOLUTE, query]), Level.ERROR)] == [
        "{{candidate}} stands for nothing: write {{model}} for the candidate or {{baseline}}"
    ]


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_reads_folders_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep").mkdir()
    bad = tmp_path / "deep" / "bad.yml"
    bad.write_text(GOOD.replace("2%", "2").replace("fraud", "loans"))
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("\x00")

    assert plugin.main(["lint", "-f", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{bad}:14: error: spec.guardrails[0].errorRate.max: 2: must be a string: put it in quotes",
        "2 rollouts in 2 files: 1 error, no warnings",
    ]
    assert plugin.main(["lint", "-f", str(tmp_path / "good.yaml")]) == 0


def test_warnings_fail_only_when_asked_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(with_spec(guardrails=[{"name": "errors", "errorRate": {}}]))

    assert plugin.main(["lint", "-f", str(file), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["level"], one["rollout"]) for one in told["findings"]] == [("warning", "fraud")]
    assert plugin.main(["lint", "-f", str(file), "--strict"]) == 1


def test_nothing_to_check_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text("kind: Secret\n")

    assert plugin.main(["lint", "-f", str(file)]) == 1
    assert capsys.readouterr().err == f"error: {file}: there is no ModelRollout, so nothing was checked\n"
    assert plugin.main(["lint", "-f", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml cannot be read (No such file or directory): give a file, a folder or -" in capsys.readouterr().err


def test_a_finding_of_a_whole_file_has_no_line() -> None:
    assert Finding("a.yaml", 0, Level.ERROR, "").place == "a.yaml"
