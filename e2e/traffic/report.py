"""A run of client traffic as one picture (PNG); `python -m e2e.traffic.report DIR` draws it again from its files.

matplotlib is imported late: the traffic program does not need it until it ends.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2e.traffic import figures, panels, results
from e2e.traffic.records import Answer, Outcome

WIDTH, HEAD, ROW = 10.7, 0.62, 0.2  # inches
DOTS_PER_INCH = 150
FILE = "report.png"
STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
    "hatch.linewidth": 0.6,
}


def draw(
    file: Path,
    answers: Sequence[Answer],
    outcomes: Sequence[Outcome],
    title: str = "",
    marks: Sequence[tuple[float, str]] = (),
) -> None:
    """Write the picture: shares, latency, accuracy, profit and regimes by arm, and a table of figures.

    `marks` are moments (Unix seconds) with a few words, such as a change of stage: lines through all that goes by
    time. Whatever is missing is said in its panel. Raises OSError when the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    run = panels.run_of(figures.asked(answers), figures.told(outcomes), marks)
    rows = max(len(run.rows), 1)
    panel, table = max(1.95, 0.75 + ROW * rows), 0.3 + ROW * rows
    heights = [HEAD, panel, panel, panel, table]
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, sum(heights) + 0.75), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        _fill(figure, heights, run, title or "What clients saw")
        figure.savefig(file, metadata={"Software": None})


def _fill(figure: Any, heights: list[float], run: panels.Run, title: str) -> None:
    grid = figure.add_gridspec(5, 2, height_ratios=heights, width_ratios=[1.45, 1])
    panels.head(figure.add_subplot(grid[0, :]), run, title)
    over_time = None
    for place, panel in enumerate((panels.shares, panels.accuracy_over_time, panels.profit), start=1):
        over_time = figure.add_subplot(grid[place, 0], sharex=over_time)
        panel(over_time, run)
    for place, panel in enumerate((panels.latency, panels.accuracy, panels.regimes), start=1):
        panel(figure.add_subplot(grid[place, 1]), run)
    panels.table(figure.add_subplot(grid[4, :]), run)


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 2 and one sentence when there is nothing to draw."""
    parser = argparse.ArgumentParser(prog="python -m e2e.traffic.report", description="Draw a traffic run again.")
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the results of the run are")
    parser.add_argument("--title", default="", help="words above the picture")
    parser.add_argument("--to", type=Path, metavar="FILE.PNG", help=f"where to draw (default: DIR/{FILE})")
    options = parser.parse_args(arguments)
    file = options.to or options.directory / FILE
    try:
        run = results.read(options.directory)
        draw(file, run.answers, run.outcomes, options.title, run.marks)
    except (results.ResultsError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
