"""The pictures of a report as SVG, in the colours of the page and readable without them."""

from collections.abc import Sequence

from modelrollout.cli import spans
from modelrollout.cli.markup import Markup, element
from modelrollout.cli.report_facts import Course, Drawn, Step, Timeline, ticks

WIDE, TALL = 720, 210
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 16, 30
ROW_WIDE, ROW_TALL = 260, 44
BAR_WIDE, BAR_TALL = 110, 12
PERCENT = (0, 25, 50, 75, 100)
MOST_POINTS = 600
EDGE = 20  # of the width: a label in its middle would leave the picture


def timeline(drawn: Timeline) -> Markup:
    """The candidate's weight over time, with a mark for each decision."""
    marks = [_decision(drawn, step) for step in drawn.steps]
    attempts = [mark for step in drawn.later_attempts for mark in _attempt(drawn, step)]
    steps = element("path", d=_staircase(drawn), class_="weight", fill="none")
    return _picture(
        "The candidate's weight over time",
        "; ".join(f"{step.weight} % after {spans.short(step.at - drawn.since)}: {step.reason}" for step in drawn.steps),
        (WIDE, TALL),
        _grid(PERCENT, " %"),
        _ticks(drawn.until - drawn.since),
        attempts,
        element("path", d=f"{_staircase(drawn)} V {_y(0)} H {LEFT} Z", class_="under"),
        steps,
        marks,
    )


def interval(drawn: Drawn, name: str) -> Markup:
    """Where the truth lies: a line from end to end, a dot for what was measured, the limit with its harm."""
    middle = 15
    low = 0.0 if drawn.low is None else drawn.scale.place(drawn.low)
    high = 1.0 if drawn.high is None else drawn.scale.place(drawn.high)
    parts: list[Markup] = [element("line", x1=0, x2=ROW_WIDE, y1=middle, y2=middle, class_="axis")]
    if drawn.limit is not None and drawn.harm:
        at = _row(drawn.scale.place(drawn.limit))
        left, width = (at, ROW_WIDE - at) if drawn.harm > 0 else (0.0, at)
        parts.append(element("rect", x=_short(left), y=2, width=_short(width), height=26, class_="harm"))
        parts.append(element("line", x1=_short(at), x2=_short(at), y1=2, y2=28, class_="limit"))
        parts.append(_label(at, 41, f"limit {drawn.told(drawn.limit)}", "limit-text"))
    if drawn.equal is not None:
        at = _row(drawn.scale.place(drawn.equal))
        parts.append(element("line", x1=_short(at), x2=_short(at), y1=5, y2=25, class_="equal"))
    parts.append(element("line", x1=_short(_row(low)), x2=_short(_row(high)), y1=middle, y2=middle, class_="interval"))
    parts += [
        element("line", x1=_short(_row(end)), x2=_short(_row(end)), y1=10, y2=20, class_="interval")
        for end, known in ((low, drawn.low), (high, drawn.high))
        if known is not None
    ]
    if drawn.estimate is not None:
        at = _row(drawn.scale.place(drawn.estimate))
        parts.append(element("circle", cx=_short(at), cy=middle, r=5, class_="estimate"))
    return _picture(f"Interval of {name}", _in_words(drawn), (ROW_WIDE, ROW_TALL), *parts)


def bar(percent: float, toward: str) -> Markup:
    """How much of the evidence that a decision needs is there."""
    share = min(100.0, max(0.0, percent)) / 100
    kind = {"Pass": "pass", "Fail": "fail"}.get(toward, "undecided")
    return _picture(
        "Evidence",
        f"{percent:g} % of what a decision needs{f', leaning to {toward}' if toward else ''}",
        (BAR_WIDE, BAR_TALL),
        element("rect", x=0.5, y=0.5, width=BAR_WIDE - 1, height=BAR_TALL - 1, rx=3, class_="frame"),
        element("rect", x=0.5, y=0.5, width=_short(share * (BAR_WIDE - 1)), height=BAR_TALL - 1, rx=3, class_=kind),
    )


def course(drawn: Course, gates: Sequence[float]) -> Markup:
    """How the evidence for both decisions went, look by look; at 100 % it is decided."""
    span = max(drawn.at[-1] - drawn.at[0], 1.0)
    across = [LEFT + (at - drawn.at[0]) / span * (WIDE - LEFT - RIGHT) for at in drawn.at]
    every = max(1, len(across) // MOST_POINTS)
    lines = [
        element("polyline", points=_points(across, values, every), class_=kind, fill="none")
        for values, kind in ((drawn.to_fail, "to-fail"), (drawn.to_pass, "to-pass"))
    ]
    since = drawn.at[0]
    at_gates = [LEFT + (at - since) / span * (WIDE - LEFT - RIGHT) for at in gates if since <= at <= drawn.at[-1]]
    return _picture(
        f"Evidence of {drawn.name} over time",
        f"{len(drawn.at)} looks; at last {drawn.to_fail[-1]:.0f} % of a Fail and {drawn.to_pass[-1]:.0f} % of a Pass",
        (WIDE, TALL),
        _grid((-100, -50, 0, 50, 100), " %", -100, 100),
        [element("line", x1=_short(at), x2=_short(at), y1=TOP, y2=TALL - BOTTOM, class_="gate") for at in at_gates],
        element("line", x1=LEFT, x2=WIDE - RIGHT, y1=_y(100, -100), y2=_y(100, -100), class_="bound"),
        lines,
        _ticks(span),
    )


def _in_words(drawn: Drawn) -> str:
    parts = [f"measured {drawn.told(drawn.estimate)}" if drawn.estimate is not None else "nothing measured yet"]
    low = "no lower end" if drawn.low is None else f"from {drawn.told(drawn.low)}"
    high = "no upper end" if drawn.high is None else f"to {drawn.told(drawn.high)}"
    parts.append(f"the truth lies {low} {high}")
    if drawn.limit is not None:
        parts.append(f"the limit is {drawn.told(drawn.limit)}")
    return "; ".join(parts)


def _picture(title: str, words: str, size: tuple[int, int], *inner: object) -> Markup:
    """An SVG with a name and a description for who cannot see it."""
    return element(
        "svg",
        element("title", title),
        element("desc", words),
        *inner,
        role="img",
        aria_label=f"{title}: {words}",
        viewBox=f"0 0 {size[0]} {size[1]}",
        width=size[0],
        height=size[1],
    )


def _grid(values: Sequence[int], unit: str, low: int = 0, high: int = 100) -> list[Markup]:
    lines = []
    for value in values:
        at = _y(value, low, high)
        lines.append(element("line", x1=LEFT, x2=WIDE - RIGHT, y1=at, y2=at, class_="grid"))
        lines.append(element("text", f"{value}{unit}", x=LEFT - 6, y=at + 4, text_anchor="end"))
    return lines


def _ticks(span: float) -> list[Markup]:
    """Times since the beginning."""
    marks = []
    for tick in ticks(span):
        at = LEFT + tick / span * (WIDE - LEFT - RIGHT)
        anchor = "end" if at > WIDE - RIGHT - EDGE else "middle" if tick else "start"
        marks.append(element("text", f"+{spans.short(tick)}", x=_short(at), y=TALL - 10, text_anchor=anchor))
    return marks


def _attempt(drawn: Timeline, step: Step) -> list[Markup]:
    """An upright line where a later attempt begins, and which it is."""
    at = _x(drawn, step.at)
    is_left = at > WIDE - RIGHT - 4 * EDGE
    anchor, beside = ("end", -4) if is_left else ("start", 4)
    return [
        element("line", x1=at, x2=at, y1=TOP - 8, y2=TALL - BOTTOM, class_="gate"),
        element("text", f"attempt {step.attempt}", x=_short(at + beside), y=TOP - 2, text_anchor=anchor),
    ]


def _staircase(drawn: Timeline) -> str:
    """The line of the weights: it stays until the next decision."""
    path, weight = f"M {LEFT} {_y(0)}", 0
    for step in drawn.steps:
        path += f" L {_x(drawn, step.at)} {_y(weight)} L {_x(drawn, step.at)} {_y(step.weight)}"
        weight = step.weight
    return f"{path} L {WIDE - RIGHT} {_y(weight)}"


def _decision(drawn: Timeline, step: Step) -> Markup:
    told = element("title", f"{step.reason}: {step.words}")
    kind = {"RolledBack": "fail", "Aborted": "fail", "Undone": "fail", "Promoted": "pass"}.get(step.reason, "mark")
    return element("circle", told, cx=_x(drawn, step.at), cy=_y(step.weight), r=4.5, class_=kind)


def _x(drawn: Timeline, at: float) -> float:
    return _short(LEFT + drawn.place(at) * (WIDE - LEFT - RIGHT))


def _y(percent: float, low: int = 0, high: int = 100) -> float:
    share = (min(high, max(low, percent)) - low) / (high - low)
    return _short(TALL - BOTTOM - share * (TALL - TOP - BOTTOM))


def _row(place: float) -> float:
    """Dots and ends stay whole at the edge."""
    return 6 + place * (ROW_WIDE - 12)


def _label(at: float, y: float, words: str, kind: str) -> Markup:
    anchor = "start" if at < ROW_WIDE / 4 else "end" if at > 3 * ROW_WIDE / 4 else "middle"
    return element("text", words, x=_short(at), y=y, text_anchor=anchor, class_=kind)


def _points(across: Sequence[float], values: Sequence[float], every: int) -> str:
    last = len(across) - 1
    kept = [at for at in range(len(across)) if at % every == 0 or at == last]
    return " ".join(f"{_short(across[at])},{_y(values[at], -100)}" for at in kept)


def _short(value: float) -> float:
    return round(value, 1)
