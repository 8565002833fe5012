"""The same thing again whenever it changes: in its place on a terminal, line by line anywhere else."""

from typing import Any

import pytest
from modelrollout.cli import watching
from modelrollout.cli.screen import Screen

CHANGES: list[dict[str, Any] | None] = [None, {"a": 1}, None, {"a": 2}]


def text_of(found: Any) -> str:
    return "\n".join(["head", *(f"{key} is {value}" for key, value in found.items()), "foot"])


def test_a_file_gets_only_lines_that_are_new(capsys: pytest.CaptureFixture[str]) -> None:
    assert watching.show(CHANGES, text_of, Screen()) == 0

    assert capsys.readouterr().out == "head\na is 1\nfoot\na is 2\n"


def test_a_terminal_is_drawn_anew_also_when_only_time_passed_and_keeps_the_newest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watching.show(CHANGES, text_of, Screen(80, 24, is_terminal=True))

    shown = capsys.readouterr().out
    assert shown.count("\x1b[H\x1b[J") == 3
    assert shown.endswith("\x1b[?25h\x1b[?1049lhead\na is 2\nfoot\n")


def test_a_terminal_is_given_back_when_the_watch_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> Any:
        yield {"a": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watching.show(broken(), text_of, Screen(80, 24, is_terminal=True))

    assert capsys.readouterr().out.endswith("\x1b[?25h\x1b[?1049lhead\na is 1\nfoot\n")


def test_what_does_not_fit_the_screen_is_counted_and_the_top_stays(capsys: pytest.CaptureFixture[str]) -> None:
    many = {f"line{number}": number for number in range(30)}

    watching.show([many], text_of, Screen(80, 10, is_terminal=True))

    drawn = capsys.readouterr().out.split("\x1b[H\x1b[J")[1].split("\x1b")[0].splitlines()
    assert len(drawn) <= 9
    assert drawn[0] == "head"
    assert drawn[-1] == "... 24 more lines: enlarge the window"


def test_machines_get_every_change_whole(capsys: pytest.CaptureFixture[str]) -> None:
    watching.show_whole(CHANGES, text_of)

    assert capsys.readouterr().out == "head\na is 1\nfoot\nhead\na is 2\nfoot\n"
