"""What is kept of a traffic run is all of it, to the last bit; what cannot be kept or read is said in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2e.traffic import results
from e2e.traffic.records import Answer, Outcome
from e2e.traffic.results import Form, Results, ResultsError

FORMS = [pytest.param("csv"), pytest.param("parquet")]
WORDS = st.sampled_from(["", "NA", "nan", "None", "1", "01", "True", " a ", 'a,"b"\n\r\n;c', "é", "baseline"])
NUMBERS = st.floats(allow_nan=False)
ANSWERS = st.builds(
    Answer, NUMBERS, WORDS, st.integers(0, 599), NUMBERS, WORDS, WORDS, WORDS, st.booleans(), st.booleans()
)
OUTCOMES = st.builds(Outcome, NUMBERS, NUMBERS, WORDS, WORDS, WORDS, st.booleans(), NUMBERS)
MARKS = st.tuples(NUMBERS, WORDS)
AN_ANSWER = Answer(1_763_700_000.123456, "baseline", 200, 0.1 + 0.2)


@pytest.mark.parametrize("form", FORMS)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    answers=st.lists(ANSWERS, max_size=5), outcomes=st.lists(OUTCOMES, max_size=5), marks=st.lists(MARKS, max_size=3)
)
def test_what_is_read_equals_what_was_written(
    tmp_path: Path, form: Form, answers: list[Answer], outcomes: list[Outcome], marks: list[tuple[float, str]]
) -> None:
    results.write(tmp_path, answers, outcomes, form, marks)

    assert results.read(tmp_path) == Results(tuple(answers), tuple(outcomes), tuple(marks))


@pytest.mark.parametrize("form", FORMS)
def test_files_are_named_after_their_form_and_those_of_the_other_go(tmp_path: Path, form: Form) -> None:
    (other,) = set(get_args(Form)) - {form}
    results.write(tmp_path, [], [], other)

    written = results.write(tmp_path / "." / "", [AN_ANSWER], [], form)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)
    assert {path.suffix for path in written} == {f".{form}"}
    assert results.read(tmp_path).answers == (AN_ANSWER,)


def test_numbers_that_are_none_stay_so(tmp_path: Path) -> None:
    results.write(tmp_path, [], [Outcome(1.0, 2.0, "baseline", "1", "", True, float("nan"))])

    assert results.read(tmp_path).outcomes[0].profit != results.read(tmp_path).outcomes[0].profit


def test_results_stay_as_they_were_when_new_ones_cannot_be_written(tmp_path: Path) -> None:
    results.write(tmp_path, [AN_ANSWER], [])

    with pytest.raises(ResultsError, match="cannot be written to"):
        results.write(tmp_path, [AN_ANSWER, Answer(1.0, "no text: \ud800", 200, 1.0)], [])

    assert results.read(tmp_path).answers == (AN_ANSWER,)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_file_in_the_place_of_the_directory_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(ResultsError, match=r"taken .*choose another directory"):
        results.write(tmp_path / "taken", [], [])


def test_an_unknown_form_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="'xlsx'; choose csv or parquet"):
        results.write(tmp_path, [], [], "xlsx")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "something else\n1\n",
        "at,arm,code,seconds,version,client,climate,is_sticky,is_garbage\nnoon,a,200,1,1,c,u,false,false\n",
        "at,arm,code,seconds,version,client,climate,is_sticky,is_garbage\n1.0,a,200,1,1,c,u,perhaps,false\n",
        "at,arm,code,seconds,version,client,climate,is_sticky,is_garbage\n1.0,a\n",
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    results.write(tmp_path, [], [])
    (tmp_path / "answers.csv").write_text(text)

    with pytest.raises(ResultsError, match=r"answers\.csv is not what was written"):
        results.read(tmp_path)


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    results.write(tmp_path, [], [], "parquet")
    (tmp_path / "outcomes.parquet").write_bytes(b"PAR1")

    with pytest.raises(ResultsError, match=r"outcomes\.parquet is not what was written"):
        results.read(tmp_path)


def test_a_directory_without_results_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"holds no answers\.csv or answers\.parquet"):
        results.read(tmp_path)
