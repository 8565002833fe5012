"""A study of the traffic that a real Prometheus remembers: what is read, what wins over it, what is refused."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from modelrollout.__main__ import main, parser
from modelrollout.plan.draft import timestamp
from modelrollout.simulate import studies
from modelrollout.simulate.qualities import Errors, Latency, Recorded, Values
from modelrollout.simulate.studies import Study
from prometheus_bench import EDGES_MS, Cluster, Exported, Labelled, Prometheus, running_prometheus
from prometheus_bench import past as series_of

pytestmark = pytest.mark.stack

NAMESPACE = "studied"
END = 1_760_000_000.0
DAY, HOURS_2 = 1440, 120  # scrapes, one a minute
SINCE, UNTIL = timestamp(END - 7200), timestamp(END)
RESTART, SILENT = 60, range(30, 33)  # scrapes of the last two hours
ROLLOUT = """
apiVersion: modelrollout.io/v1alpha1
kind: ModelRollout
metadata: {name: predictor, namespace: studied}
spec:
  baseline: {name: usual}
  candidates: [{name: better}]
  strategy: {canary: {stages: [{weight: 20}, {weight: 100}]}}
  guardrails:
    - {name: errors, errorRate: {}}
    - {name: answers, errorRate: {of: Answers}}
    - {name: p95, latency: {}}
    - {name: accuracy, ratio: {good: good_total, total: labelled_total}}
    - {name: alarms, ratio: {bad: good_total, total: labelled_total}}
    - {name: profit, mean: {count: labelled_total, sum: profit_sum, sumOfSquares: profit_squares}}
    - {name: absent, ratio: {good: nothing_total, total: labelled_total}}
    - {name: watched, ratio: {good: good_total, total: labelled_total}, action: Report}
"""


@dataclass
class Timed(Cluster):
    """Half of the requests took at most 10 ms, nine of ten at most 25, and all at most 50."""

    def values(self) -> list[tuple[str, str, float]]:
        at_or_below = {edge: 0.0 if edge < 10 else 0.5 if edge < 25 else 0.9 if edge < 50 else 1.0 for edge in EDGES_MS}

        def shared(name: str, labels: str, value: float) -> float:
            edge = labels.rpartition('le="')[2].rstrip('"')
            return self.completed * at_or_below[float(edge)] if name.endswith("_bucket") and edge != "+Inf" else value

        return [(name, labels, shared(name, labels, value)) for name, labels, value in super().values()]


def history() -> Iterator[tuple[float, Exported]]:
    """`usual`: two hours of 600 requests a minute, outcomes known of 60; `swinging`: a day, half of it three times as
    busy; `perfect` makes no error and `idle` answers nothing.
    """
    for minute in range(HOURS_2 + 1):
        if minute in SILENT:
            continue
        at, n = END - 60 * (HOURS_2 - minute), minute - RESTART + 1 if minute >= RESTART else minute + 5000
        yield at, Timed(NAMESPACE, "usual_1_http", 500 * n, 2 * n, 6 * n)
        yield at, Timed(NAMESPACE, "usual_2_grpc", 100 * n, 1 * n, 0)
        yield at, Labelled(NAMESPACE, "usual_2", 60 * n, 54 * n, -6 * n, 15.6 * n)
        yield at, Timed(NAMESPACE, "perfect_1_http", 600 * n)
        yield at, Cluster(NAMESPACE, "idle_1_http")
    requests = 1000
    for minute in range(DAY + 1):
        requests += 60 if minute <= DAY // 2 else 180
        yield END - 60 * (DAY - minute), Cluster(NAMESPACE, "swinging_1_http", requests)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with running_prometheus(tmp_path_factory.mktemp("studied"), series_of(history()), []) as prometheus:
        yield prometheus


@pytest.fixture
def file(tmp_path: Path) -> str:
    place = tmp_path / "rollout.yaml"
    place.write_text(ROLLOUT)
    return str(place)


Read = Callable[..., Study]


@pytest.fixture
def read(prometheus: Prometheus) -> Read:
    return lambda *more: studies.read(options("--prometheus", prometheus.address, "--to", UNTIL, *more))


def options(*more: str) -> argparse.Namespace:
    return parser().parse_args(["simulate", *more])


def test_what_was_read_is_said_in_one_line(prometheus: Prometheus, capsys: pytest.CaptureFixture[str]) -> None:
    few = ("--runs", "5", "--hours", "0.1", "-n", NAMESPACE, "--model", "usual")

    code = main(["simulate", "--prometheus", prometheus.address, "--from", SINCE, "--to", UNTIL, *few])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[0] == (
        f"traffic of usual from {SINCE} to {UNTIL}: 10 requests per second (taken as steady), 1.5 % errors, "
        "p50 10 ms, p95 37.5 ms"
    )
    assert lines[1].startswith("5 rollouts of each candidate: 10 requests per second")
    assert lines[2] == "guardrails: errors (baseline: errors 1.5 %)"


def test_every_guardrail_of_the_file_meets_its_own_past(read: Read, file: str) -> None:
    study = read("-f", file, "--from", SINCE)

    found = study.world.measured
    assert (study.world.per_second, study.world.course) == (10.0, ())
    assert errors(found["errors"]) == (0.015, 1.0)
    assert errors(found["answers"]) == (0.01, 1.0)
    assert errors(found["accuracy"]) == (0.1, 0.1)
    assert errors(found["alarms"]) == (0.9, 0.1)
    profit = found["profit"]
    assert isinstance(profit, Values)
    assert (profit.mean, profit.deviation, profit.part) == pytest.approx((-0.1, 0.5, 0.1))
    latency = found["p95"]
    assert isinstance(latency, Recorded)
    beyond = dict(zip(latency.edges_ms, latency.beyond(), strict=True))
    assert [beyond[edge] for edge in (5, 10, 25, 50)] == pytest.approx([1, 0.5, 0.1, 0])


def errors(quality: object) -> tuple[float, float]:
    assert isinstance(quality, Errors)
    return round(quality.rate, 9), round(quality.part, 9)


def test_a_silence_and_a_restart_cost_windows_and_no_truth(read: Read) -> None:
    study = read("-n", NAMESPACE, "--model", "perfect", "--from", SINCE)

    assert study.world.per_second == 10.0
    # 119 of 120 windows are known, and none seen is not never: half an error in all of them
    quality = study.world.measured["errors"]
    assert isinstance(quality, Errors)
    assert quality.rate == pytest.approx(0.5 / (119 * 600))


def test_a_candidate_with_fewer_errors_than_the_floor_is_no_harmful_one(read: Read) -> None:
    study = read("-n", NAMESPACE, "--model", "perfect", "--from", SINCE)

    (harm,) = study.harms
    baseline = study.world.measured["errors"]
    assert isinstance(baseline, Errors)
    assert harm.words == "errors 1 %"
    assert harm.factors["errors"] * baseline.rate == pytest.approx(0.01)


def test_a_day_of_traffic_gives_its_course_from_the_hour_at_which_it_ends(read: Read) -> None:
    study = read("-n", NAMESPACE, "--model", "swinging")

    assert study.world.per_second == 2.0
    assert study.world.course == pytest.approx([0.5] * 12 + [1.5] * 12, abs=0.02)
    assert "2 requests per second (by the hour 1 to 3)" in study.traffic


def test_options_win_over_what_was_read(read: Read, file: str) -> None:
    said = ("--requests-per-second", "77", "--baseline-errors", "3%", "--baseline-latency", "1s")
    study = read("-f", file, "--from", SINCE, *said, "--baseline-quality", "80%", "--deviation", "2")

    assert study.world.per_second == 77
    assert errors(study.world.measured["errors"]) == (0.03, 1.0)
    assert study.world.measured["p95"] == Latency(1000.0, 0.5, tuple(EDGES_MS))
    assert errors(study.world.measured["accuracy"]) == (0.2, 1.0)
    assert not isinstance(study.world.measured["profit"], Values)


def test_counters_that_are_not_there_leave_the_default_and_say_so(read: Read, file: str) -> None:
    study = read("-f", file, "--from", SINCE)

    assert errors(study.world.measured["absent"]) == (0.1, 1.0)
    assert study.notes == (
        "guardrail watched does not roll back (Report) and is not simulated",
        "Prometheus shows no outcomes for guardrail absent, so 90% is assumed: set --baseline-quality",
    )


def test_harm_that_no_bucket_edge_shows_is_told(read: Read) -> None:
    hidden = read("-n", NAMESPACE, "--model", "swinging", "--guard", "latency")
    shown = read("-n", NAMESPACE, "--model", "usual", "--from", SINCE, "--guard", "latency")

    assert hidden.notes == (
        "answers 20 % slower would stay within one bucket of the histogram that was read, so guardrail p95-latency "
        "cannot see it here: add bucket edges, or give --baseline-latency",
    )
    assert shown.notes == ()


def test_rollouts_on_real_traffic_are_judged(
    prometheus: Prometheus, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--runs", "10", "--hours", "6", "--candidate-errors", "6%", "--candidate-mean", "-0.3")

    code = main(["simulate", "-f", file, "--prometheus", prometheus.address, "--from", SINCE, "--to", UNTIL, *few])

    said = capsys.readouterr().out
    assert code == 0
    assert "p95 (baseline: as recorded, median 10 ms)" in said
    assert "accuracy (baseline: 90 % good, known of 10 % of the requests)" in said
    assert "profit (baseline: mean -0.1, deviation 0.5, known of 10 % of the requests)" in said
    assert "candidate with errors 6% and a mean of -0.3" in said
    rolled_back = next(line for line in said.splitlines() if line.startswith("rolled back"))
    assert "10 of 10 in" in rolled_back


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "an unknown model": (
        ("--model", "nobody"),
        "Prometheus has no series of model nobody in namespace studied from "
        f"{SINCE} to {UNTIL}: check --model and --namespace",
    ),
    "another namespace": (("-n", "elsewhere"), "Prometheus has no series of model usual in namespace elsewhere"),
    "no traffic": (("--model", "idle"), f"model idle had no traffic from {SINCE} to {UNTIL}: choose another time"),
    "a time before everything": (
        ("--from", timestamp(END - 900_000), "--to", timestamp(END - 800_000)),
        "Prometheus has no series of model usual",
    ),
    "times reversed": (("--from", UNTIL, "--to", SINCE), f"--from {UNTIL} is not before --to {SINCE}: swap them"),
    "no time": (("--to", "yesterday"), "--to is 'yesterday': write a time like 2026-11-20T00:00Z"),
    "the future": (("--to", "2999-01-01T00:00Z"), "--to 2999-01-01T00:00Z lies in the future"),
    "no address": (("--prometheus", "localhost:9090"), "--prometheus is 'localhost:9090': it must begin with http"),
    "no token": (("--token-file", "/no/such/token"), "/no/such/token cannot be read"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    case: str, prometheus: Prometheus, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more, sentence = REFUSED[case]
    usual = ("-f", file, "--prometheus", prometheus.address, "--from", SINCE, "--to", UNTIL)

    code = main(["simulate", *usual, *more])

    said = capsys.readouterr()
    assert (code, said.out, said.err.count("\n")) == (2, "", 1), said
    assert said.err.startswith(sentence)


WITHOUT_A_FILE: dict[str, tuple[tuple[str, ...], str]] = {
    "no namespace": (("--model", "usual"), "in which namespace is the baseline? Give it with --namespace"),
    "no model": (("-n", NAMESPACE), "whose traffic is it? Give the baseline with --model"),
}


@pytest.mark.parametrize("case", WITHOUT_A_FILE)
def test_without_a_file_the_baseline_must_be_named(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    more, sentence = WITHOUT_A_FILE[case]

    assert main(["simulate", "--prometheus", "http://127.0.0.1:9", *more]) == 2

    assert capsys.readouterr().err.startswith(sentence)


@pytest.mark.parametrize("option", ["--namespace", "--model", "--from", "--to", "--token-file"])
def test_what_is_about_prometheus_goes_with_it(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", option, "something"]) == 2

    assert capsys.readouterr().err == f"{option} is 'something': it goes with --prometheus, give that too\n"


def test_a_prometheus_that_is_not_there_is_told_apart(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["simulate", "-f", file, "--prometheus", "http://127.0.0.1:9"])

    said = capsys.readouterr().err
    assert said == "Prometheus at http://127.0.0.1:9 refuses the connection: is it running, on this port?\n"
    assert code == 3
