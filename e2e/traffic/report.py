"""A run of client traffic as one picture (PNG); `python -m e2e.traffic.report DIR` draws it again from its files.

matplotlib is imported late: the traffic program does not need it until it ends.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e.traffic import figures, panels, results
from e2e.traffic import panels_by_arm as by_arm
from e2e.traffic import panels_by_time as by_time
from e2e.traffic.records import Answer, Outcome

WIDTH, ROW = 10.7, 0.2  # inches
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
    from PIL import Image

    with rc_context(STYLE):
        canvas: Any = FigureCanvasAgg(figure(answers, outcomes, title, marks))
        canvas.draw()
    # 256 colours make a third of the size, and no difference to the eye.
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(256).save(file, "PNG", optimize=True)


def figure(
    answers: Sequence[Answer],
    outcomes: Sequence[Outcome],
    title: str = "",
    marks: Sequence[tuple[float, str]] = (),
) -> Any:
    """The picture as a matplotlib Figure, higher when there are many arms."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    run = panels.run_of(figures.asked(answers), figures.told(outcomes), marks)
    rows = max(len(run.rows), 1)
    panel, table = max(1.95, 0.6 + 0.17 * rows), 0.3 + ROW * rows
    heights = [panels.head_inches(run), panel, panel, panel, table]
    with rc_context(STYLE):
        picture = Figure(figsize=(WIDTH, sum(heights) + 0.75), dpi=DOTS_PER_INCH, layout="constrained")
        _fill(picture, heights, run, title or "What clients saw")
    return picture


def _fill(picture: Any, heights: list[float], run: panels.Run, title: str) -> None:
    picture.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.02)
    grid = picture.add_gridspec(5, 2, height_ratios=heights, width_ratios=[1.4, 1])
    panels.head(picture.add_subplot(grid[0, :]), run, title)
    over_time = None
    for place, panel in enumerate((by_time.shares, by_time.accuracy_over_time, by_time.profit), start=1):
        over_time = picture.add_subplot(grid[place, 0], sharex=over_time)
        panel(over_time, run)
    for place, panel in enumerate((by_arm.latency, by_arm.accuracy, by_arm.regimes), start=1):
        panel(picture.add_subplot(grid[place, 1]), run)
    by_arm.table(picture.add_subplot(grid[4, :]), run)


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
