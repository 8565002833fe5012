"""Cells into lines that fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelrollout.cli import layout, spans
from modelrollout.cli.layout import row
from modelrollout.cli.screen import Screen

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=30)


@given(cells=st.lists(TEXT, max_size=6), labels=st.lists(TEXT, min_size=3, max_size=3), width=st.integers(20, 60))
def test_any_text_fits_any_width(cells: list[str], labels: list[str], width: int) -> None:
    short = [label[:8] for label in labels]
    top = row("top", rows=[row(*cells, label=label, rows=[row(*cells)]) for label in short])

    assert [line for line in layout.tree(top, Screen(width)).splitlines() if layout.width(line) > width] == []


def test_rows_that_fit_stand_in_columns() -> None:
    text = layout.table([row("a", "long one", "x"), row("bcd", "b", "y")], Screen(40))

    assert text == "a     long one   x\nbcd   b          y"


def test_rows_that_do_not_fit_flow_and_hang() -> None:
    text = layout.table([row("errors", "pass", "0.31 % vs 0.29 %", "limit x1.5")], Screen(35))

    assert text == "errors   pass   0.31 % vs 0.29 %\n  limit x1.5"


def test_a_word_longer_than_the_line_is_cut() -> None:
    assert layout.paragraph("a" * 50, Screen(20)).splitlines() == ["a" * 20, "  " + "a" * 18, "  " + "a" * 12]


def test_a_command_to_copy_and_a_number_with_its_unit_are_not_torn_apart() -> None:
    text = "Errors are at 0.00 % now. To try again: kubectl modelrollout retry financial-predictor"

    assert layout.paragraph(text, Screen(55)).splitlines() == [
        "Errors are at 0.00 % now. To try again:",
        "  kubectl modelrollout retry financial-predictor",
    ]
    assert layout.paragraph(text, Screen(20)).splitlines()[:2] == ["Errors are at 0.00 %", "  now. To try again:"]
    assert layout.paragraph(text, Screen(19)).splitlines()[:2] == ["Errors are at", "  0.00 % now. To"]


def test_wide_letters_count_twice() -> None:
    assert layout.width("模型") == 4


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("4h 25m", 15900), ("never", float("inf")),
     ("35 min", 2100), ("", None), ("soon", None), ("5x", None)],
)  # fmt: skip
def test_durations_are_read(text: str, seconds: float | None) -> None:
    assert spans.seconds(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (0.4, "0s"), (40, "40s"), (60, "1m"), (220, "3m40s"), (6600, "1h50m"), (7200, "2h"), (720, "12m"),
     (86400, "24h"), (12.2 * 86400, "12d"), (3.2 * 86400, "3d4h"), (float("inf"), "never")],
)  # fmt: skip
def test_lengths_are_told_in_two_units_at_most(seconds: float, text: str) -> None:
    assert spans.short(seconds) == text
