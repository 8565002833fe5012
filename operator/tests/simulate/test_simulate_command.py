"""The user's tool: one readable table, and one sentence for what cannot be followed."""

import argparse
import re
from pathlib import Path

import pytest
from modelrollout.simulate import answers, command, studies
from modelrollout.simulate.asking import Unclear

FEW = ("--runs", "12", "--hours", "1", "--requests-per-second", "200")
ROLLOUT = """
apiVersion: modelrollout.io/v1alpha1
kind: ModelRollout
metadata: {name: fraud}
spec:
  baseline: {name: fraud-1}
  candidates: [{name: fraud-2}]
  strategy:
    canary:
      stages:
        - {weight: 5, advance: OnSoak, soak: 10m, minRequests: 50}
        - {weight: 25, maxDuration: 6h}
        - {weight: 100}
  guardrails:
    - {name: errors, errorRate: {maxRatio: 2.0}, critical: true}
    - {name: p95, latency: {maxIncrease: 10%}}
    - {name: accuracy, ratio: {good: good_total, total: labelled_total, maxDrop: 1pp}}
    - {name: cost, mean: {count: n, sum: s, sumOfSquares: q, maxIncrease: 5%}}
    - {name: memory, query: {promql: up, max: "3"}}
    - {name: watched, errorRate: {}, action: Report}
  analysis: {interval: 15s, alpha: 1%}
"""
UNCLEAR = {
    "a share without a unit": (("--baseline-errors", "1"), "--baseline-errors is '1': give a share above 0%"),
    "a share of everything": (("--baseline-errors", "100%"), "--baseline-errors is '100%': give a share"),
    "no harm at all": (("--candidate-errors", "0.5%"), "--candidate-errors is '0.5%': that is no harm"),
    "better quality": (
        ("--guard", "quality", "--candidate-quality", "95%"),
        "--candidate-quality is '95%': that is no harm, give a share below --baseline-quality",
    ),
    "falling stages": (("--stages", "25,5"), "--stages is '25,5': give rising whole percentages"),
    "a stage of everything": (("--stages", "5,100"), "--stages is '5,100': give rising whole percentages"),
    "half a percent": (("--weight", "2.5"), "--weight is '2.5': give a whole number from 1 to 99"),
    "weight and stages": (("--weight", "5", "--stages", "5,25"), "--weight is '5': --stages says it all"),
    "no time between looks": (("--interval", "0s"), "--interval is '0s': give a duration of at least 1s"),
    "a number of seconds": (("--interval", "30"), "--interval is '30': give a duration"),
    "no runs": (("--runs", "0"), "--runs is '0': give a whole number from 1 to 100000"),
    "no traffic": (("--requests-per-second", "nan"), "--requests-per-second is 'nan': give a number above 0"),
    "negative hours": (("--hours", "-1"), "--hours is '-1': give a number above 0"),
    "alpha of nothing": (("--alpha", "0%"), "--alpha is '0%': give a share above 0%"),
    "no such file": (("-f", "/nowhere.yaml"), "--file is '/nowhere.yaml': it cannot be read"),
    "a picture of another kind": (("--picture", "out.jpg"), "--picture is 'out.jpg': give the name of a PNG file"),
    "a picture nowhere": (("--picture", "/nowhere/out.png"), "--picture is '/nowhere/out.png': there is no folder"),
    "a latency beyond all buckets": (
        ("--guard", "latency", "--baseline-latency", "2h"),
        "guardrail p95-latency cannot be judged on this traffic",
    ),
}


def options(*arguments: str) -> argparse.Namespace:
    """The options as the program's parser reads them."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(("arguments", "sentence"), UNCLEAR.values(), ids=UNCLEAR)
def test_what_cannot_be_followed_gets_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command.run(options(*arguments))

    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err.startswith(sentence)
    assert said.err.count("\n") == 1


def test_the_table_tells_both_candidates_and_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    code = command.run(options(*FEW, "--candidate-errors", "3%", "--stages", "5,50"))

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[0].startswith("12 rollouts of each candidate: 200 requests per second, a look every 30 s for 1 h")
    assert "stages 5, 50 %, alpha 5 %" in lines[0]
    assert lines[1] == "guardrails: errors (baseline: errors 1 %)"
    head = lines.index(next(line for line in lines if "healthy candidate" in line))
    assert lines[head].split("   ")[-1].strip() == "candidate with errors 3%"
    names = [line[:22].strip() for line in lines[head + 1 : head + 6]]
    assert names == ["rolled back", "undecided after 1 h", "reached 100 %", "left 5 %", "left 50 %"]
    assert "promised: at most 5 %" in lines[head + 1]
    assert "12 of 12 in " in lines[head + 1]


def test_other_tools_stand_beside_ours_and_the_picture_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "out.png"

    code = command.run(options(*FEW, "--peers", "--picture", str(place)))

    said = capsys.readouterr().out
    assert code == 0
    assert place.read_bytes()[:4] == b"\x89PNG"
    for name in ("Argo-style", "Flagger-style", "z per look", "Kayenta /min"):
        assert f"{name} rolls back" in said
    argo = next(line for line in said.splitlines() if line.startswith("Argo-style"))
    assert "12 of 12 in" in argo.split("rolls back")[1]


def test_a_file_gives_guardrails_stages_and_analysis(tmp_path: Path) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(ROLLOUT)

    study = studies.read(options("-f", str(file), *FEW))

    assert [one.rule.name for one in study.judge.guarded] == ["errors", "p95", "accuracy", "cost"]
    assert [one.sign for one in study.judge.guarded] == [1.0, 1.0, 1.0, -1.0]
    assert study.judge.guarded[0].critical
    assert (study.judge.alpha, study.world.interval_seconds) == (0.01, 15.0)
    assert [(step.share, step.soak_minutes, step.min_requests) for step in study.steps] == [
        (0.05, 10, 50),
        (0.25, 5, None),
    ]
    assert study.judge.planned_looks == (24 + 6 + 24) * 240
    assert [harm.words for harm in study.harms] == [
        "twice the errors",
        "answers 20 % slower",
        "quality 2 pp lower",
        "a mean 5 % higher",
    ]
    assert study.notes == (
        "guardrail memory is a plain query and is not simulated",
        "guardrail watched does not roll back (Report) and is not simulated",
    )


def test_a_file_is_simulated_and_its_harm_is_found(tmp_path: Path) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(ROLLOUT)
    study = studies.read(options("-f", str(file), *FEW, "--candidate-errors", "5%", "--candidate-slower", "50%"))

    said = answers.text(study, answers.answer(study, with_peers=False))

    assert "candidate with errors 5% and answers 50% slower" in said
    assert "12 of 12 in" in said


def test_who_stays_undecided_is_told_what_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    few = ("--runs", "10", "--hours", "0.5", "--requests-per-second", "20")

    command.run(options(*few, "--guard", "errors", "--guard", "latency", "--harm-after", "20m"))

    said = capsys.readouterr().out
    assert re.search(r"^  wait for errors +10 ", said, re.MULTILINE)
    assert "Harm begins after 20m;" in said


def test_what_the_file_decides_is_not_taken_from_an_option(tmp_path: Path) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(ROLLOUT)

    with pytest.raises(Unclear, match="--interval is '5s': the file decides that"):
        studies.read(options("-f", str(file), "--interval", "5s"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: Deployment", "it holds no ModelRollout"),
        ("a: [1", "it is no YAML"),
        (ROLLOUT.replace("weight: 25", "weight: 3"), "weights must rise from stage to stage"),
        (ROLLOUT.split("  guardrails:")[0], "guardrails"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_sentence(
    tmp_path: Path, text: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(text)

    assert command.run(options("-f", str(file))) == 2

    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_every_trouble_that_may_be_asked_for_is_known() -> None:
    assert set(command.TROUBLES) == {*studies.TROUBLES, "sessions"}


def test_trouble_is_what_was_asked_for() -> None:
    study = studies.read(options("--trouble", "bursts", "--trouble", "missed", "--trouble", "sessions", "--clustered"))

    assert (study.world.trouble.bursts, study.world.trouble.missed, study.world.trouble.resets) == (True, 0.2, 0.0)
    assert study.world.sessions == 20


@pytest.mark.parametrize(
    ("minutes", "said"), [(0.5, "30s"), (2.5, "2.5m"), (10.0, "10m"), (125.0, "2h05m"), (float("inf"), "longer")]
)
def test_times_are_said_as_people_say_them(minutes: float, said: str) -> None:
    assert answers.duration(minutes) == said
