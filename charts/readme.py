"""Writes the table of values into `modelrollout/README.md` from `modelrollout/values.yaml`; `--check` compares them.

A line of comment that begins with `# --` explains the value below it, and so do the lines of comment after it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).with_name("modelrollout")
PAGE = CHART / "README.md"
BLOCK = re.compile(r"<!-- begin values -->\n.*?<!-- end values -->", re.DOTALL)
KEY = re.compile(r"( *)([\w.]+):")
INDENT = 2


@dataclass(frozen=True)
class Value:
    """One row: `crds.keep`, its default as in the file, and what it is for."""

    path: str
    default: Any
    meaning: str


def told(text: str) -> Iterator[Value]:
    """Every value of a values.yaml that a comment explains, in the order of the file."""
    defaults = yaml.safe_load(text)
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            words = line.lstrip(" #")
            comment = [words.removeprefix("-- ")] if words.startswith("-- ") else comment and [*comment, words]
        elif key := KEY.match(line):
            path = [*path[: len(key[1]) // INDENT], key[2]]
            if comment:
                yield Value(".".join(path), _at(defaults, path), " ".join(comment))
            comment = []


def rendered(page: str) -> str:
    """The page with its table written anew."""
    rows = [_row(each) for each in told((CHART / "values.yaml").read_text())]
    table = "\n".join(["| Value | Default | Meaning |", "| --- | --- | --- |", *rows])
    return BLOCK.sub(lambda _: f"<!-- begin values -->\n\n{table}\n\n<!-- end values -->", page)


def main() -> int:
    """The exit code: 1 when `--check` finds the page stale."""
    before = PAGE.read_text()
    after = rendered(before)
    if "--check" in sys.argv[1:]:
        if before != after:
            print(f"{PAGE} is stale: run python charts/readme.py", file=sys.stderr)
        return int(before != after)
    PAGE.write_text(after)
    return 0


def _row(value: Value) -> str:
    default = json.dumps(value.default, ensure_ascii=False)
    return f"| `{value.path}` | `{default}` | {value.meaning} |"


def _at(defaults: Any, path: list[str]) -> Any:
    for name in path:
        defaults = defaults[name]
    return defaults


if __name__ == "__main__":
    sys.exit(main())
