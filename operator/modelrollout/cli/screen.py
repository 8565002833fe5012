"""Where answers are shown: how wide it is, whether it has colours, and which form was asked for."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMS = ("table", "wide", "json", "yaml", "name")
NARROWEST = 20  # columns; below that nothing can be laid out
_CODES = {"good": "32", "bad": "31", "careful": "33", "busy": "36", "dim": "2", "bold": "1"}


@dataclass(frozen=True)
class Screen:
    """`width` in columns and `height` in lines; None where there is no end, such as in a file."""

    width: int | None = None
    height: int | None = None
    colours: bool = False
    is_terminal: bool = False

    def paint(self, text: str, style: str = "") -> str:
        """The text in the colour of its style: good, bad, careful, busy, dim, bold, or none."""
        if not self.colours or not text or not style:
            return text
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The option that every command has."""
    parser.add_argument("--no-color", action="store_true", default=None, help="no colours (also: NO_COLOR is set)")


def add_form(parser: argparse.ArgumentParser, *forms: str) -> None:
    """`-o`, with the forms that make sense here; the first is what comes without it."""
    parser.add_argument("-o", "--output", choices=forms, default=forms[0], help=f"default: {forms[0]}")


def of(options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Screen:
    """The screen that standard output is."""
    if not sys.stdout.isatty():
        return Screen()
    colours = not options.no_color and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    size = shutil.get_terminal_size()
    return Screen(max(NARROWEST, size.columns), size.lines, colours, is_terminal=True)


def show(text: str) -> None:
    """The answer, with its end of line."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def written(thing: Any, form: str) -> str:
    """Plain data as `json` or `yaml`."""
    if form == "json":
        return json.dumps(thing, indent=2, ensure_ascii=False)
    import yaml  # late: 20 ms that only this needs

    return yaml.safe_dump(thing, sort_keys=False, allow_unicode=True)


def flush() -> None:
    """What was shown reaches whoever reads it now."""
    sys.stdout.flush()
