"""What a person reads while a run lasts, and what is said about it at the end."""

from __future__ import annotations

import re
import time
from io import StringIO

import pytest
from rich.console import Console
from rolloutmodels.climates import scenario

from e2e.traffic import Answer, Labelling, Outcome, Traffic
from e2e.traffic.labels import Truth
from e2e.traffic.progress import line, table
from e2e.traffic.records import NO_ANSWER
from e2e.traffic.tally import Tally, complaints

URL = "http://127.0.0.1:9"


def answer(code: int = 200, arm: str = "blue", is_garbage: bool = False, seconds: float = 0.010) -> Answer:
    return Answer(time.time() - seconds, arm, code, seconds, "1", is_garbage=is_garbage)


def tallied(*answers: Answer) -> Tally:
    tally = Tally()
    for one in answers:
        tally.answered(one)
    return tally


@pytest.fixture
def traffic() -> Traffic:
    """That has not begun, with 300 answers of two arms and some labels."""
    made = Traffic(URL, "blue", labelling=Labelling(), scenario=scenario("crash"))
    for number in range(300):
        made._note_answer(answer(arm="green" if number % 4 == 0 else "blue"))
    made.sent = 310
    assert made.teller is not None
    made.teller.truth["blue"] = Truth(labelled=100, correct=70)
    return made


def test_the_line_tells_how_it_goes(traffic: Traffic) -> None:
    said = line(traffic, tallied(*[answer(503)] * 3), left=65.2)

    assert said.plain == (
        "1:06 left · 310 sent · blue 75 % p95 10.0 ms, 70.0% right · green 25 % p95 10.0 ms · market crash · 3 failed"
    )
    assert [span.style for span in said.spans] == ["bold red"]


def test_the_line_after_the_last_request(traffic: Traffic) -> None:
    said = line(traffic, Tally(), left=-0.5).plain

    assert said.startswith("last answers · 310 sent")
    assert said.endswith("0 failed")


def test_the_table_has_a_column_for_each_arm_and_fits_on_a_narrow_terminal() -> None:
    answers = [answer(arm="blue")] * 30 + [answer(arm="green", seconds=0.2)] * 10 + [answer(NO_ANSWER, arm="")] * 2
    outcomes = [Outcome(1.0, 2.0, "blue", "1", "bull", number < 7, 5.0) for number in range(10)]
    page = StringIO()
    Console(file=page, width=80).print(table(answers, outcomes))

    rows = [re.split(r"\s{2,}", row.strip()) for row in page.getvalue().splitlines()]
    assert [row for row in rows if len(row) > 1] == [
        ["blue", "green"],
        ["requests", "30 (75.0%)", "10 (25.0%)"],
        ["failed", "0", "0"],
        ["p50, p95, p99", "10.0, 10.0, 10.0 ms", "200.0, 200.0, 200.0 ms"],
        ["labels", "10", "0"],
        ["accuracy", "70.0% [39.7, 89.2]"],
        ["profit each", "+5.0 ± 0.0 bp"],
    ]


# -- the end


def test_a_good_run_gives_nothing_to_complain_about() -> None:
    tally = tallied(answer(), answer(400, is_garbage=True), answer(422, is_garbage=True))

    assert complaints(tally, Traffic(URL, "blue", labelling=Labelling("f")).teller) == []
    assert complaints(tally, None) == []


def test_what_went_wrong_is_said_by_code() -> None:
    tally = tallied(*[answer(503)] * 2, answer(NO_ANSWER, arm=""), *[answer()] * 7, answer(200, is_garbage=True))

    assert complaints(tally, None) == [
        "3 of 11 requests failed: 2 with code 503, 1 without an answer.",
        "1 of the nonsense was not refused with 4xx: 1 with code 200.",
    ]


def test_labels_that_did_not_arrive_are_said() -> None:
    teller = Traffic(URL, "blue", labelling=Labelling("f")).teller
    assert teller is not None
    teller.refused.append("Input 'model' is missing.")
    teller.given_up = 1_200

    assert complaints(tallied(answer()), teller) == [
        "The feedback model refused labels: Input 'model' is missing.",
        "1,200 labels could not be told: no answer, or none that counts, came in time.",
    ]


def test_a_run_without_requests_is_no_good_run() -> None:
    assert complaints(Tally(), None) == ["Nothing was sent."]
