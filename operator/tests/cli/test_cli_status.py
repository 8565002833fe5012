"""How a pipeline learns from an exit code what became of a rollout."""

import argparse
from dataclasses import replace

import pytest
from cli_corpus import found
from modelrollout.cli import main, status, views
from modelrollout.cli.refusals import AWAITING, DEGRADED
from modelrollout.cli.screen import Screen
from modelrollout.cli.views import Rollout

HEALTHY: dict[str, int | None] = {
    "empty": None,
    "pending": None,
    "judging": None,
    "progressing": None,
    "nodata": None,
    "paused-by-hand": None,
    "rolling-back": None,
    "promoted": 0,
    "rolled-back": DEGRADED,
    "aborted": DEGRADED,
    "invalid-running": DEGRADED,
    "spec-invalid": DEGRADED,
    "awaiting-approval": AWAITING,
    "refused": AWAITING,
}


def of(name: str) -> Rollout:
    return replace(views.rollout(found(name)), is_current=True)


def options(*words: str) -> argparse.Namespace:
    return main.parser("status").parse_args(["fraud", *words])


def test_the_exit_code_says_how_it_ended(named: str) -> None:
    assert status.ended(of(named), "healthy") == HEALTHY[named]


@pytest.mark.parametrize(
    ("name", "goal", "code"),
    [
        ("rolled-back", "degraded", 0),
        ("paused-by-hand", "paused", 0),
        ("awaiting-approval", "paused", 0),
        ("judging", "progressing", 0),
        ("promoted", "degraded", DEGRADED),
        ("rolling-back", "degraded", None),
    ],
)
def test_what_is_awaited_can_be_another_phase(name: str, goal: str, code: int | None) -> None:
    assert status.ended(of(name), goal) == code


def test_the_status_of_an_older_spec_ends_nothing() -> None:
    assert status.ended(replace(of("promoted"), is_current=False), "healthy") is None


def test_a_reason_that_stays_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    rollout = replace(of("rolling-back"), message="Rolled back at stage 1 of 3 (5 %)")
    say = status.speaker(Screen(), "table")

    for phase in ("RollingBack", "RollingBack", "Degraded"):
        say(replace(rollout, phase=phase))

    where = "stage 1/3 at 5 %"
    assert capsys.readouterr().out.splitlines() == [
        f"predictor: RollingBack, {where}: Rolled back at stage 1 of 3 (5 %)",
        f"predictor: Degraded, {where}",
    ]


def test_a_change_fits_the_terminal_and_cannot_steer_it(capsys: pytest.CaptureFixture[str]) -> None:
    status.speaker(Screen(40), "table")(replace(of("promoted"), message="\x1b[2Jnews " * 20))

    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 40


@pytest.mark.parametrize(("words", "is_watched"), [((), True), (("-w",), True), (("--watch=false",), False)])
def test_it_waits_unless_told_otherwise(words: tuple[str, ...], is_watched: bool) -> None:
    assert options(*words).watch is is_watched


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1h30m", 5400), ("0", 0)])
def test_the_timeout_is_a_duration(text: str, seconds: float) -> None:
    assert options("--timeout", text).timeout == seconds


@pytest.mark.parametrize("words", [("--timeout", "soon"), ("--watch=maybe",), ("--for", "ever"), ("-o", "wide")])
def test_what_is_not_understood_ends_with_2_and_says_so(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        options(*words)

    assert ended.value.code == 2
    assert words[-1].removeprefix("--watch=") in capsys.readouterr().err


def test_help_lists_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options("--help")

    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines() if line[:3].strip().isdigit()] == [
        "0",
        "1",
        "2",
        "4",
        "5",
        "6",
    ]
