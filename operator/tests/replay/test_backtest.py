"""A spec over the past of two models, or of one model's halves, in a real Prometheus."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import replay_past
import yaml
from modelrollout.__main__ import main
from modelrollout.plan.draft import timestamp
from prometheus_bench import Prometheus
from replay_past import BEGIN, ERRORS, LATENCY

pytestmark = pytest.mark.stack

Backtest = Callable[..., tuple[int, str]]

SINCE, UNTIL = timestamp(BEGIN), timestamp(BEGIN + 1800)


@pytest.fixture
def backtest(prometheus: Prometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Backtest:
    def run(candidate: str, *more: str, since: str = SINCE, until: str = UNTIL, **spec: Any) -> tuple[int, str]:
        file = tmp_path / "rollout.yaml"
        file.write_text(yaml.safe_dump(replay_past.raw(candidate, **spec)))
        address = [] if "--prometheus" in more else ["--prometheus", prometheus.address]
        code = main(["backtest", "-f", str(file), "--from", since, "--to", until, *address, *more])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def told(answer: tuple[int, str]) -> dict[str, Any]:
    code, said = answer
    assert code == 0, said
    found: dict[str, Any] = json.loads(said)
    return found


def test_a_slow_model_would_have_failed_and_the_cause_is_named(backtest: Backtest) -> None:
    code, said = backtest("slow")
    report = told(backtest("slow", "--json"))

    assert code == 0
    assert said.splitlines()[-1] == f"Fail at {report['failedAt']} because of latency."
    assert SINCE < report["failedAt"] < timestamp(BEGIN + 600)
    assert report["guardrails"]["latency"]["failedAt"] == report["failedAt"]
    assert report["guardrails"]["errors"]["failedAt"] is None
    assert [one["verdict"] for one in report["verdicts"]][-1] == "Fail"


def test_a_good_model_would_have_passed_and_silent_blocks_are_left_out(backtest: Backtest) -> None:
    report = told(backtest("good", "--json"))

    passed = [rail["passedAt"] for rail in report["guardrails"].values()]
    assert report["failedAt"] is None
    assert report["passedAt"] == max(passed)
    assert report["looks"] + report["leftOut"] == 60
    assert report["leftOut"] > 0
    assert "older than two scrapes" in report["why"]


def test_a_block_after_a_silence_brings_what_the_silence_hid(backtest: Backtest) -> None:
    report = told(backtest("good", "--json", guardrails=[ERRORS]))

    # 120 scrapes of half an hour, four of which never came
    assert report["leftOut"] == 2
    assert report["guardrails"]["errors"]["candidateSamples"] == 120 * 200


def test_every_look_is_shown_when_asked_for(backtest: Backtest) -> None:
    code, said = backtest("good", "--all", guardrails=[ERRORS])

    assert code == 0
    assert [line.split()[0] for line in said.splitlines() if line[0].isdigit()][:58] == [str(n) for n in range(1, 59)]


def test_a_model_against_itself_is_told_apart_by_a_label_and_does_not_fail(backtest: Backtest) -> None:
    report = told(backtest("slow", "--candidate", "old", "--json"))

    assert (report["baseline"], report["candidate"]) == ("old", "old")
    assert report["failedAt"] is None
    assert report["passedAt"] is not None
    by_name = told(backtest("slow", "--candidate", "old", "--split", "instance", "--json"))
    assert by_name == report


def test_a_known_weight_serves_guardrails_that_judge_once_per_look(backtest: Backtest) -> None:
    analysis = {"interval": "30s", "clustered": True}
    without = told(backtest("slow", "--json", analysis=analysis, guardrails=[LATENCY]))
    known = told(backtest("slow", "--weight", "20", "--json", analysis=analysis, guardrails=[LATENCY]))

    assert without["failedAt"] is None  # whose slow requests are too many is not known without the shares
    assert known["failedAt"] is not None


def test_looks_of_half_the_interval_find_the_same(backtest: Backtest) -> None:
    report = told(backtest("slow", "--json", analysis={"interval": "15s"}))

    assert report["looks"] + report["leftOut"] == 120
    assert report["failedAt"] is not None


REFUSED: dict[str, tuple[list[str], dict[str, str], str]] = {
    "times reversed": ([], {"since": UNTIL, "until": SINCE}, "is not before --to"),
    "no time": ([], {"since": "yesterday"}, "--from is 'yesterday': write a time like 2026-11-20T00:00Z"),
    "the future": ([], {"until": "2999-01-01T00:00Z"}, "lies in the future"),
    "too short": ([], {"until": timestamp(BEGIN + 10)}, "must be 1 to 100,000 looks of 30 s each"),
    "too long": ([], {"since": "2020-01-01T00:00Z"}, "must be 1 to 100,000 looks of 30 s each"),
    "an unknown candidate": (["--candidate", "nobody"], {}, "Prometheus has no samples of model nobody since"),
    "one model that nothing tells apart": (["--baseline", "slow"], {}, "tells replicas of model slow apart"),
    "a label that tells nothing apart": (
        ["--candidate", "old", "--split", "namespace"],
        {},
        "no label namespace of envoy_cluster_upstream_rq_completed tells replicas of model old apart",
    ),
    "a label for two models": (["--split", "pod"], {}, "--split is for one model against itself"),
    "a weight of everything": (["--weight", "100"], {}, "--weight is '100'"),
    "no address": (["--prometheus", "localhost:9090"], {}, "it must begin with http:// or https://"),
    "no token": (["--token-file", "/no/such/token"], {}, "/no/such/token cannot be read"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_judged_is_refused_in_a_sentence(case: str, backtest: Backtest) -> None:
    options, times, sentence = REFUSED[case]
    code, said = backtest("slow", *options, **times)

    assert sentence in said
    assert (code, len(said.splitlines())) == (2, 1), said


def test_a_past_that_prometheus_does_not_know_says_from_when_it_does(backtest: Backtest) -> None:
    times = {"since": timestamp(BEGIN - 200_000), "until": timestamp(BEGIN - 190_000)}
    code, said = backtest("slow", guardrails=[ERRORS], **times)

    oldest = timestamp(BEGIN + 5 + replay_past.SCRAPE * replay_past.FIRST)
    assert code == 3, said
    assert f"Prometheus has samples of model slow from {oldest[:-6]}" in said, said


def test_a_baseline_without_a_past_cannot_choose_its_buckets(backtest: Backtest) -> None:
    times = {"since": timestamp(BEGIN - 7200), "until": UNTIL}
    code, said = backtest("slow", **times)

    assert code == 3
    assert "the baseline's latency histogram is not known yet" in said


def test_a_prometheus_that_is_not_there_is_told_apart(backtest: Backtest) -> None:
    code, said = backtest("slow", "--prometheus", "http://127.0.0.1:9", guardrails=[ERRORS])

    assert said == "Prometheus at http://127.0.0.1:9 refuses the connection: is it running, on this port?\n"
    assert code == 3
