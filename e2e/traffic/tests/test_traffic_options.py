"""The words of the command: bad ones are answered with one sentence, good ones are understood."""

from __future__ import annotations

from pathlib import Path

import pytest
from rolloutmodels.climates import CALM, VOLATILE

from e2e.traffic import options
from e2e.traffic.options import Unclear
from e2e.traffic.turns import Arrivals

LEAST = ["--url", "http://127.0.0.1:9000", "--model", "blue"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--url x --model blue", "--url is 'x': give an address such as http://127.0.0.1:9000."),
        ("--model blue", "the following arguments are required: --url."),
        ("--url http://h", "one of the arguments --model --experiment is required."),
        ("--experiment e", "--experiment not allowed with argument --model."),
        ("--experiment a/b", "--experiment is 'a/b': give a name of letters, digits, dots and dashes."),
        ("--per-second 0", "--per-second is '0': give a number above 0 up to 10000."),
        ("--per-second nan", "--per-second is 'nan': give a number above 0 up to 10000."),
        ("--seconds inf", "--seconds is 'inf': give a number above 0 up to 86400."),
        ("--seed -1", f"--seed is '-1': give a whole number from 0 to {2**63 - 1}."),
        ("--clients 1.5", "--clients is '1.5': give a whole number from 1 to 1000."),
        ("--windows 33", "--windows is '33': give a whole number from 1 to 32."),
        ("--sticky 20%", "--sticky is '20%': give a share from 0 to 1."),
        ("--garbage -0.1", "--garbage is '-0.1': give a share from 0 to 1."),
        ("--label-delay -1", "--label-delay is '-1': give a number from 0 to 86400."),
        ("--label-repeat 0.1", "--label-repeat is 0.1: it goes with --feedback; give that too."),
        ("--metrics-port 0", "--metrics-port is '0': give a whole number from 1 to 65535."),
        ("--format xml", "--format is 'xml': give csv or parquet."),
        ("--arrivals late", "--arrivals is 'late': give steady or poisson."),
        ("--out /dev/null", "--out is '/dev/null': give a directory."),
        (
            "--scenario calm,storm@9",
            "--scenario is 'calm,storm@9': Scenario 'calm,storm@9' names 'storm'; "
            "the climates are usual, calm, volatile, crash, winter.",
        ),
        ("--colour red", "unrecognized arguments: --colour red."),
    ],
)
def test_a_bad_word_is_named_with_its_value_and_the_cure(words: str, sentence: str) -> None:
    given = words.split() if "--url" in words or words == "--model blue" else [*LEAST, *words.split()]
    with pytest.raises(Unclear) as unclear:
        options.read(given)

    assert str(unclear.value) == sentence


def test_the_least_that_can_be_said() -> None:
    asked = options.read(LEAST)

    assert (asked.url, asked.model, asked.experiment) == ("http://127.0.0.1:9000", "blue", "")
    assert (asked.labelling.feedback_model, dict(asked.labelling.arms)) == ("", {})
    assert asked.traffic().headers == {}
    assert asked.traffic().model == "blue"


def test_all_that_can_be_said(tmp_path: Path) -> None:
    words = (
        "--url http://h:1/ --experiment e --feedback f --per-second 7.5 --seconds 30 --seed 9 "
        "--scenario calm,volatile@60 --arrivals poisson --clients 4 --windows 8 --sticky 0.5 --garbage 0.1 "
        "--label-delay 1 --label-spread 2 --label-loss 0.1 --label-repeat 0.2 --cost-bp 3 --metrics-port 9100 "
        f"--out {tmp_path} --format csv"
    )
    asked = options.read(words.split())
    traffic = asked.traffic()

    assert (traffic.url, traffic.model, traffic.headers) == ("http://h:1", "e", {"Seldon-Model": "e.experiment"})
    assert (traffic.per_second, traffic.longest_seconds, traffic.seed) == (7.5, 30, 9)
    assert (traffic.clients, traffic.windows, traffic.sticky, traffic.garbage) == (4, 8, 0.5, 0.1)
    assert (traffic.arrivals, traffic.scenario.phases) == (Arrivals.POISSON, ((0.0, CALM), (60.0, VOLATILE)))
    labelling = asked.labelling
    assert (labelling.feedback_model, labelling.delay_seconds, labelling.spread_seconds) == ("f", 1, 2)
    assert (labelling.lost, labelling.repeated, labelling.cost) == (0.1, 0.2, 3)
    assert (asked.metrics_port, asked.out, asked.form) == (9100, tmp_path, "csv")
