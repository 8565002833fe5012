"""Cells into lines that fit: side by side in columns where there is room, one after the other where there is none.

A line is a list of (text, style); nothing is painted before its place is known. Letters that would steer a terminal
are shown as a space, for words of the status come from anybody.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelrollout.cli.screen import Screen

Cell = tuple[str, str]
"""A text and its style, which may be empty."""
Line = list[Cell]
BREAK: Cell = ("\n", "")
"""What comes after it begins a new line."""
GAP = "   "
HANGING = 2
_TOGETHER = re.compile(r"kubectl modelrollout \S+ \S+|\d (?:%|ms)(?!\w)")
_JOINT = "\0"  # clean() leaves none in a text
LEAST_BESIDE = 40  # columns; with fewer, what belongs to a label stands under it


@dataclass(frozen=True)
class Row:
    """One line of cells, or several where it does not fit. `label` stands before it; `rows` hang below it as a tree."""

    cells: tuple[Cell, ...]
    label: str = ""
    rows: tuple["Row", ...] = field(default=())


def row(*cells: str | Cell, label: str = "", rows: Sequence[Row] = ()) -> Row:
    """A row of those cells that are not empty."""
    pairs = (cell if isinstance(cell, tuple) else (cell, "") for cell in cells)
    shown = tuple(cell if cell is BREAK else _cell(cell) for cell in pairs if cell[0])
    return Row(shown, label, tuple(rows))


def tree(top: Row, screen: Screen) -> str:
    """A row and what hangs below it."""
    return _painted([*_flowing(top, screen.width, 0), *_below(top.rows, screen.width)], screen)


def table(rows: Sequence[Row], screen: Screen) -> str:
    """Rows in columns, or flowing where columns are too wide."""
    return _painted([line for lines in _block(rows, screen.width) for line in lines], screen)


def columns(heads: Sequence[str], rows: Sequence[Sequence[str | Cell]], screen: Screen, least: int = 1) -> str:
    """A table with heads, as kubectl's. Where it is too wide, the last columns are left out, but `least` remain."""
    many = len(heads)
    while many > least and screen.width is not None and _width_of(heads, rows, many) > screen.width:
        many -= 1
    body = [Row(tuple(_cell(cell) for cell in one[:many])) for one in rows]
    widths = _widths([Row(tuple((head, "") for head in heads[:many])), *body])
    lines = [_padded(Row(tuple((head, "dim") for head in heads[:many])), widths)]
    return _painted([*lines, *(_padded(one, widths) for one in body)], screen)


def paragraph(text: str, screen: Screen, indent: int = 0, style: str = "", hanging: int = HANGING) -> str:
    """Words in lines that fit, each after so many spaces, those that follow the first `hanging` more."""
    lines = _flowing(row((text, style)), _less(screen.width, indent), hanging)
    return _painted([[(" " * indent, ""), *line] for line in lines], screen)


def clean(text: str) -> str:
    """The text on one line, without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def width(text: str) -> int:
    """How many columns the text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


# --- trees ------------------------------------------------------------------------------------------------------------


def _below(rows: Sequence[Row], space: int | None) -> list[Line]:
    lines: list[Line] = []
    inner = _less(space, len("├─ "))
    for place, (one, block) in enumerate(zip(rows, _block(rows, inner), strict=True)):
        is_last = place + 1 == len(rows)
        first, rest = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        own = [*block, *_below(one.rows, inner)]
        lines += [[(first if index == 0 else rest, "dim"), *line] for index, line in enumerate(own)]
    return lines


def _block(rows: Sequence[Row], space: int | None) -> list[list[Line]]:
    """The lines of each row: in columns if all of them fit, else flowing."""
    labels = max((width(one.label) for one in rows), default=0)
    if labels:
        before = labels + HANGING
        return [_labelled(one, before, space) for one in rows]
    widths = _widths(rows)
    is_table = len({len(one.cells) for one in rows}) == 1
    fits = space is None or sum(widths) + len(GAP) * (len(widths) - 1) <= space
    if is_table and fits:
        return [[_padded(one, widths)] for one in rows]
    return [_flowing(_with_heads(one, widths, space), space, HANGING) for one in rows]


def _with_heads(one: Row, widths: Sequence[int], space: int | None) -> Row:
    """The row with its first two cells as wide as those of its neighbours, where there is room for that."""
    if space is None or sum(widths[:2]) > space / 2:
        return one
    heads = [(text + " " * (widths[place] - width(text)), style) for place, (text, style) in enumerate(one.cells[:2])]
    return Row((*heads, *one.cells[2:]), one.label, one.rows)


def _labelled(one: Row, before: int, space: int | None) -> list[Line]:
    """A row after its label; where little room would be left beside it, under it."""
    lines = _flowing(one, _less(space, before), 0)
    is_narrow = space is not None and space - before < LEAST_BESIDE
    if is_narrow and len(lines) > 1:
        under = _flowing(one, _less(space, HANGING), 0)
        return [[(one.label, "dim")], *([(" " * HANGING, ""), *line] for line in under)]
    label = (f"{one.label:{before}}", "dim")
    return [[label, *lines[0]], *([(" " * before, ""), *line] for line in lines[1:])]


# --- lines ------------------------------------------------------------------------------------------------------------


def _flowing(one: Row, space: int | None, hanging: int) -> list[Line]:
    """The cells one after the other; those that follow the first line stand `hanging` further in."""
    lines: list[Line] = [[]]
    used = 0
    for cell in one.cells:
        text, style = cell
        if cell is BREAK:
            lines, used = [*lines, []], 0
            continue
        gap = len(GAP) if used else 0
        if space is None or used + gap + width(text) <= space - (hanging if len(lines) > 1 else 0):
            lines[-1] += [(GAP, ""), (text, style)] if used else [(text, style)]
            used += gap + width(text)
            continue
        pieces = _pieces(text, max(1, space - hanging), space if not lines[0] else space - hanging)
        lines += [[(piece, style)] for piece in pieces]
        used = width(pieces[-1])
    lines = [line for line in lines if line] or [[]]
    return [lines[0], *([(" " * hanging, ""), *line] if hanging else line for line in lines[1:])]


def _pieces(text: str, space: int, first: int) -> list[str]:
    """The text cut between words, and within words that are longer than a line."""
    pieces, line, room = [], "", max(1, first)
    for word in _words(text, max(1, space)):
        longer = f"{line} {word}" if line else word
        if width(longer) <= room:
            line = longer
            continue
        if line:
            pieces.append(line)
            room = space
        while width(word) > room:
            cut = _fitting(word, room)
            pieces.append(word[:cut])
            word, room = word[cut:], space
        line = word
    return [*pieces, line] if line or not pieces else pieces


def _words(text: str, room: int) -> list[str]:
    """The words of a text. A number with its unit is one, and a command to copy, where a line has room for it."""
    joined = _TOGETHER.sub(lambda one: one[0].replace(" ", _JOINT) if width(one[0]) <= room else one[0], text)
    return [word.replace(_JOINT, " ") for word in joined.split(" ")]


def _fitting(word: str, room: int) -> int:
    """How many letters fit; at least one, so that it ends."""
    used = 0
    for place, letter in enumerate(word):
        used += width(letter)
        if used > room:
            return max(1, place)
    return len(word)


def _padded(one: Row, widths: Sequence[int]) -> Line:
    line: Line = []
    for place, (text, style) in enumerate(one.cells):
        is_last = place + 1 == len(one.cells)
        line += [(text, style)] if is_last else [(text, style), (" " * (widths[place] - width(text)) + GAP, "")]
    return line


def _widths(rows: Sequence[Row]) -> list[int]:
    many = max((len(one.cells) for one in rows), default=0)
    return [max(width(one.cells[place][0]) for one in rows if place < len(one.cells)) for place in range(many)]


def _width_of(heads: Sequence[str], rows: Sequence[Sequence[str | Cell]], many: int) -> int:
    cells = [[width(head) for head in heads], *([width(_cell(cell)[0]) for cell in one] for one in rows)]
    return sum(max(one[place] for one in cells) for place in range(many)) + len(GAP) * (many - 1)


def _cell(cell: str | Cell) -> Cell:
    text, style = cell if isinstance(cell, tuple) else (cell, "")
    return clean(text), style


def _less(space: int | None, taken: int) -> int | None:
    return None if space is None else max(1, space - taken)


def _painted(lines: Sequence[Line], screen: Screen) -> str:
    texts = ("".join(screen.paint(text, style) for text, style in _trimmed(line)) for line in lines)
    return "\n".join(texts)


def _trimmed(line: Line) -> Line:
    """The line without blanks at its end."""
    kept = list(line)
    while kept and not kept[-1][0].strip():
        kept.pop()
    return [*kept[:-1], (kept[-1][0].rstrip(), kept[-1][1])] if kept else []
