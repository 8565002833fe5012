"""The picture of a traffic run can be read whatever the run was."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from e2e.traffic import figures, panels, report, results
from e2e.traffic.records import NO_ANSWER, Answer, Outcome

START = 1_763_700_000.0
OVER_TIME = ("Share of traffic", "Accuracy, by the time", "Profit so far")
PANELS = (*OVER_TIME, "Latency", "Accuracy, with", "Accuracy by regime")
Run = tuple[list[Answer], list[Outcome]]


def a_run(arms: tuple[str, ...], requests: int = 400, labels: int = 400, regime: str = "bull") -> Run:
    """The arms take turns, two requests a second; two of three predictions come true."""
    turns = list(itertools.islice(itertools.cycle(arms), requests))
    answers = [Answer(START + n / 2, arm, 200, 0.002 + 1e-5 * n, climate="usual") for n, arm in enumerate(turns)]
    told = [
        Outcome(START + n / 2, START + n / 2 + 3, arm, "1", regime, n % 3 > 0, float(n % 7 - 2))
        for n, arm in enumerate(turns[:labels])
    ]
    return answers, told


RUNS: dict[str, Run] = {
    "nothing at all": ([], []),
    "labels alone": ([], a_run(("baseline",))[1]),
    "one request": a_run(("baseline",), 1, 0),
    "nobody answered": ([Answer(START + n, "", NO_ANSWER, 30.0) for n in range(20)], []),
    "one arm without labels": a_run(("baseline",), labels=0),
    "one label": a_run(("baseline", "enhanced"), labels=1),
    "labels without regimes": a_run(("baseline", "enhanced"), regime=""),
    "all at once": ([Answer(START, "a", 200, 0.0)] * 50, [Outcome(START, START, "a", "1", "bull", True, 0.0)] * 50),
    "two arms": a_run(("baseline", "enhanced")),
    "ten arms": a_run(tuple(f"model-{n}" for n in range(10))),
    "forty arms with odd names": a_run(tuple(f"$m_{n}^2$ is a very long name: é {n}" for n in range(40)), 900, 900),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.filterwarnings("error")
def test_every_run_gives_a_picture(tmp_path: Path, name: str) -> None:
    marks = [(START - 60, "before"), (START + 1, "$5 %$"), *((START + 9 * n, f"decision {n}") for n in range(20))]

    report.draw(tmp_path / "report.png", *RUNS[name], "A $title$", marks)

    with Image.open(tmp_path / "report.png") as picture:
        width, height = picture.size
        assert picture.format == "PNG"
    assert 1500 <= width <= 1700
    assert 1100 <= height <= 2600


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("nothing at all", {"No requests were sent.": 2, "No labels have arrived.": 4}),
        ("nobody answered", {"Nobody got an answer to use.": 1, "No labels have arrived.": 4, "20 failed (30 s)": 1}),
        ("labels alone", {"No requests were sent.": 2}),
        ("one arm without labels", {"No labels have arrived.": 4, "none failed": 1}),
        ("one label", {"Every arm has fewer than 20 labels: too few for a curve.": 1, "only 1 label": 2}),
        ("labels without regimes", {"The labels do not say which regime ruled.": 1}),
        ("two arms", {"66.5 % of 200": 2, "66.5 %\n(200)": 2, "◇ 66.5 %": 2}),
    ],
)
def test_a_panel_says_what_it_shows_or_why_it_is_empty(name: str, sentences: dict[str, int]) -> None:
    picture = report.figure(*RUNS[name])

    said = words(picture)
    assert {sentence: said.count(sentence) for sentence in sentences} == sentences
    for title in PANELS:
        assert [axes for axes in picture.axes if axes.get_title(loc="left").startswith(title)], title


def test_axes_have_units() -> None:
    picture = report.figure(*RUNS["two arms"])

    units = {axes.get_title(loc="left").split(",")[0]: (axes.get_xlabel(), axes.get_ylabel()) for axes in picture.axes}
    assert units["Share of traffic"][1] == "percent of requests"
    assert units["Latency"][0].startswith("ms")
    assert units["Profit so far (bands: 1 standard error)"] == ("seconds since the first request", "sum, basis points")


def test_an_arm_has_one_colour_in_every_panel() -> None:
    picture = report.figure(*RUNS["two arms"])

    looks = panels.run_of(*columns(RUNS["two arms"])).looks
    assert set(looks) == {"baseline", "enhanced", ""}
    for arm in ("baseline", "enhanced"):
        holders = [axes for axes in picture.axes if looks[arm].colour.lower() in colours(axes)]
        assert len(holders) == 7, arm  # the head, three panels by time, two by arm, the table


def test_arms_are_told_apart_by_colour_and_then_by_hatch_and_dash() -> None:
    run = panels.run_of(*columns(RUNS["forty arms with odd names"]))

    looks = [run.looks[arm] for arm in run.arms]
    assert len(looks) + run.left_out == 40
    assert len({(look.colour, look.hatch) for look in looks}) == len(looks)
    assert len({(look.colour, look.dash) for look in looks}) == len(looks)


def test_marks_go_through_every_panel_by_time_and_have_words_once() -> None:
    marks = [(START + 50, "25 %"), (START + 60, "climate: volatile"), (START + 1e6, "much later")]

    picture = report.figure(*RUNS["two arms"], marks=marks)

    said = words(picture)
    assert (said.count("25 %"), said.count("climate: volatile"), said.count("much later")) == (1, 1, 0)
    for title in OVER_TIME:
        (axes,) = (axes for axes in picture.axes if axes.get_title(loc="left").startswith(title))
        assert [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1] == [50.0, 60.0]


def test_words_of_marks_do_not_touch_each_other(tmp_path: Path) -> None:
    marks = [(START + 4 * n, f"decision number {n}") for n in range(12)]

    picture = report.figure(*RUNS["two arms"], marks=marks)
    picture.savefig(tmp_path / "laid-out.png")

    boxes = [text.get_window_extent() for text in picture.findobj(Text) if text.get_text().startswith("decision")]
    assert len(boxes) >= 5
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_a_climate_is_named_where_it_changes() -> None:
    answers, outcomes = RUNS["two arms"]
    turned = [Answer(one.at, one.arm, 200, one.seconds, climate="crash") for one in answers[200:]]

    assert "crash" in words(report.figure(answers[:200] + turned, outcomes))
    assert "usual" not in words(report.figure(answers, outcomes))


def test_the_picture_is_drawn_again_from_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results.write(tmp_path, *RUNS["two arms"], marks=[(START + 5, "25 %")])

    assert report.main([str(tmp_path), "--title", "Again"]) == 0

    assert capsys.readouterr().out.strip() == str(tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as again:
        report.draw(tmp_path / "first.png", *RUNS["two arms"], "Again", [(START + 5, "25 %")])
        with Image.open(tmp_path / "first.png") as first:
            assert again.convert("RGB").tobytes() == first.convert("RGB").tobytes()


@pytest.mark.parametrize("there", ["", "answers.csv"])
def test_what_cannot_be_drawn_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: str
) -> None:
    if there:
        (tmp_path / there).write_text("?")

    assert report.main([str(tmp_path)]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert str(tmp_path) in said.err


def words(picture: Any) -> list[str]:
    return [text.get_text() for text in picture.findobj(Text)]


def columns(run: Run) -> tuple[figures.Asked, figures.Told]:
    return figures.asked(run[0]), figures.told(run[1])


def colours(axes: Any) -> set[str]:
    """Of everything that is filled or drawn on these axes and in their legend."""
    inks = [patch.get_facecolor() for patch in axes.patches] + [line.get_color() for line in axes.lines]
    legend = axes.get_legend()
    inks += [patch.get_facecolor() for patch in legend.get_patches()] if legend else []
    return {to_hex(ink) for ink in inks}
