"""One thing that was checked: how it is, in a sentence, with the cure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from modelrollout.cli import layout
from modelrollout.cli.screen import Screen


class Mark(StrEnum):
    """How it is."""

    GOOD = "good"
    CAREFUL = "careful"  # it works, and something is not as it should be
    BAD = "bad"
    UNKNOWN = "unknown"  # it could not be checked, or there is nothing to check


SIGNS = {Mark.GOOD: "✔", Mark.CAREFUL: "!", Mark.BAD: "✘", Mark.UNKNOWN: "–"}
STYLES = {Mark.GOOD: "good", Mark.CAREFUL: "careful", Mark.BAD: "bad", Mark.UNKNOWN: "dim"}


@dataclass(frozen=True)
class Check:
    """One line of the doctor; `cure` is empty where nothing is to be done."""

    about: str
    mark: Mark
    sentence: str
    cure: str = ""


def good(about: str, sentence: str) -> Check:
    """All is well."""
    return Check(about, Mark.GOOD, sentence)


def bad(about: str, sentence: str, cure: str) -> Check:
    """It does not work."""
    return Check(about, Mark.BAD, sentence, cure)


def careful(about: str, sentence: str, cure: str) -> Check:
    """It works, and something is not as it should be."""
    return Check(about, Mark.CAREFUL, sentence, cure)


def unknown(about: str, sentence: str, cure: str = "") -> Check:
    """It could not be checked, or there is nothing to check."""
    return Check(about, Mark.UNKNOWN, sentence, cure)


def text(checks: Iterable[Check], screen: Screen) -> str:
    """The list for people, with a heading for each thing that it is about."""
    lines: list[str] = []
    for about, group in groupby(checks, lambda check: check.about):
        lines.append(screen.paint(about, "bold"))
        for check in group:
            sentence = layout.paragraph(check.sentence, screen, indent=4, hanging=0).lstrip()
            lines.append(f"  {screen.paint(SIGNS[check.mark], STYLES[check.mark])} {sentence}")
            # A cure stays on its line, however long: it is there to be copied.
            lines += [f"      {layout.clean(line)}" for line in check.cure.splitlines()]
    return "\n".join(lines)


def closing(checks: Iterable[Check]) -> str:
    """How it is all in all, in one line."""
    marks = [check.mark for check in checks]
    wrong, odd = marks.count(Mark.BAD), marks.count(Mark.CAREFUL)
    if not wrong and not odd:
        return "All is well."
    parts = [f"{wrong} thing{'' if wrong == 1 else 's'} to mend" if wrong else "", f"{odd} to look at" if odd else ""]
    return f"{' and '.join(part for part in parts if part)}.".capitalize()
