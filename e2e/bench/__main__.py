"""`python -m e2e.bench [many|one|judge|serving]`: print the figures, and assert nothing.

Exit code 0 says only that it ran.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from e2e.bench import figures, judging, many, one, serving
from e2e.bench.figures import Section
from e2e.stack.errors import StackError


def main() -> int:
    """The exit code."""
    options = _parser().parse_args()
    console, begun, done = Console(highlight=False), time.monotonic(), list[Section]()
    try:
        for section in _sections(options, console):
            figures.show(console, section)
            done.append(section)
    except StackError as failed:
        console.print(f"[bold red]The benchmark stopped:[/] {failed}")
        return failed.exit_code
    except KeyboardInterrupt:
        return 130
    finally:
        if options.json and done:
            figures.save(options.json, done)
    console.print(f"The benchmark took {time.monotonic() - begun:.0f} s.")
    return 0


def _sections(options: argparse.Namespace, console: Console) -> Iterator[Section]:
    def say(line: str) -> None:
        console.print(line, style="dim")

    if options.part in ("all", "many"):
        interval = options.interval or (10 if options.quick else 30)
        yield many.measure(many.Size(options.rollouts, interval), say)
        yield figures.ARGO_ROLLOUTS
    if options.part in ("all", "judge"):
        yield judging.measure()
    if options.part in ("all", "one"):
        yield one.measure(one.Effort(swaps=10, starts=3, has_ladder=False) if options.quick else one.Effort(), say)
    if options.part in ("all", "serving"):
        yield from serving.measure(serving.QUICK if options.quick else serving.Effort(), say)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=("all", "many", "one", "judge", "serving"), default="all")
    parser.add_argument("--quick", action="store_true", help="about a minute for each part: shorter, and less often")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--rollouts", type=int, default=200, help="how many in `many` (default: 200)")
    parser.add_argument("--interval", type=int, metavar="SECONDS", help="between two looks in `many` (default: 30)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
