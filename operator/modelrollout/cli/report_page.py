"""One rollout as one page of HTML: nothing is fetched, nothing runs, everything of the object is escaped (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelrollout import __version__
from modelrollout.api.spec import RolloutSpec
from modelrollout.cli import accounts, report_facts, report_svg, spans, wording
from modelrollout.cli.markup import Markup, element, together
from modelrollout.cli.report_facts import Past
from modelrollout.cli.report_style import STYLE
from modelrollout.cli.views import Rail, Rollout, Stage

Json = Mapping[str, Any]
SIGNS = {"Pass": "✔", "Fail": "✘", "Inconclusive": "…", "NoData": "?"}
KINDS = {"good": "good", "bad": "bad", "careful": "careful", "busy": "busy"}


@dataclass(frozen=True)
class Report:
    """What a page is made of: `found` is the object, `spec` None when it cannot be followed, `now` in Unix seconds.

    is_live: it was read from the cluster; else from a file, and `now` is the last moment that it tells of.
    """

    found: Json
    rollout: Rollout
    spec: RolloutSpec | None
    now: float
    past: Past | None = None
    is_live: bool = True


def page(report: Report) -> str:
    """The whole page."""
    title = f"{report.rollout.name}: {report.rollout.phase}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    sections = (_header, _stages, _weights, _guardrails, _course, _history, _conditions)
    body = element("body", element("main", *(section(report) for section in sections)), _footer(report))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


# --- where it stands --------------------------------------------------------------------------------------------------


def _header(report: Report) -> Markup:
    rollout = report.rollout
    style = KINDS.get(wording.STYLES.get(rollout.phase, ""), "plain")
    says, *why = accounts.of(rollout, report.now)
    return element(
        "header",
        element("p", "ModelRollout", f" in {rollout.namespace}" if rollout.namespace else "", class_="above"),
        element("h1", rollout.name, " ", element("span", rollout.phase, class_=f"badge {style}")),
        element("p", says, class_="says"),
        element("ul", *(element("li", one) for one in why)) if why else None,
        _summary(rollout),
        _list("What the plan cannot do as it is written", rollout.warnings),
    )


def _summary(rollout: Rollout) -> Markup:
    told = [
        ("Baseline", rollout.baseline),
        ("Candidate", rollout.candidate),
        ("Attempt", str(rollout.attempt)),
        ("Stage", f"{rollout.stage_number} of {len(rollout.stages)}" if rollout.stage else "before the first"),
        ("Weight in force", f"{rollout.weight} %"),
        ("Verdict", wording.VERDICTS.get(rollout.verdict, rollout.verdict) or "none yet"),
        ("Looks", f"{rollout.looks:,}"),
        *([("Judged", wording.judged(rollout.requests))] if wording.judged(rollout.requests) else []),
        ("Experiment", rollout.experiment),
    ]
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in told))


def _stages(report: Report) -> Markup | None:
    rollout = report.rollout
    if not rollout.stages:
        return None
    forecast = {one.get("stage"): one for one in _listed(report.found, "status", "forecast")}
    rows = [
        _row(*_stage(rollout, at, stage, forecast.get(at + 1) or {}), class_=_when(rollout, at))
        for at, stage in enumerate(rollout.stages)
    ]
    heads = ("Stage", "Weight", "State", "Soak, and at most", "A healthy candidate passes in", "A harmful one fails in")
    return _section("Plan", _table(heads, rows))


def _stage(rollout: Rollout, at: int, stage: Stage, forecast: Json) -> list[object]:
    what = "approval" if stage.is_approval else f"{stage.weight} %"
    state = _state(rollout, _when(rollout, at))
    return [str(at + 1), what, state, wording.goal(stage), *(_pace(forecast, word) for word in ("pass", "fail"))]


def _state(rollout: Rollout, when: str) -> str:
    """Where a stage of the plan stands."""
    if when != "now" or rollout.stage is None:
        return {"done": "✔ done", "now": "● here"}.get(when, "to come")
    parts = ["✘ ended here" if rollout.outcome else "● here"]
    parts += [f"{spans.short(rollout.stage.soaked)} soaked"] if rollout.stage.soaked else []
    parts += [f"approved by {rollout.stage.approved_by}"] if rollout.stage.approved_by else []
    return ", ".join(parts)


def _pace(forecast: Json, word: str) -> str:
    half, most = forecast.get(f"{word}In"), forecast.get(f"{word}By")
    return f"{half} (90 %: {most})" if half and most else "–"


def _when(rollout: Rollout, at: int) -> str:
    present = rollout.stage_number - 1
    ended_well = rollout.outcome == "Promoted"
    return "done" if at < present or (ended_well and at == present) else "now" if at == present else "ahead"


# --- traffic ----------------------------------------------------------------------------------------------------------


def _weights(report: Report) -> Markup:
    drawn = report_facts.timeline(report.rollout, report.now)
    picture = report_svg.timeline(drawn) if drawn.steps else element("p", "Nothing was decided yet.")
    rows = [
        _row(arm.name, f"{arm.wanted} %", "not seen yet" if arm.seen is None else f"{arm.seen:.1f} %")
        for arm in report.rollout.arms
    ]
    since = f"Since {_moment(drawn.since)}." if drawn.steps else ""
    return _section(
        "Traffic", element("p", since), picture, _table(("Model", "Weight wanted", "Seen in the newest look"), rows)
    )


# --- guardrails -------------------------------------------------------------------------------------------------------


def _guardrails(report: Report) -> Markup | None:
    raw = {one.get("name"): one for one in _listed(report.found, "status", "guardrails")}
    rows = [_guardrail(report, rail, raw.get(rail.name) or {}) for rail in report.rollout.rails]
    if not rows:
        return None
    note = (
        "The line is where the truth lies with 95 % at every look, the dot what was measured, the dashed line an "
        "equal candidate; beyond the limit lies harm. The chance that a healthy candidate is rolled back is at most "
        f"{report.rollout.alpha}, however often it is looked at."
    )
    heads = ("Guardrail", "Measured (candidate vs baseline)", "Interval and limit", "Evidence", "Requests or values")
    return _section("Guardrails", element("p", note, class_="note"), _table(heads, rows))


def _guardrail(report: Report, rail: Rail, raw: Json) -> Markup:
    drawn = report_facts.drawn(raw, report.spec)
    style = KINDS.get(wording.STYLES.get(rail.verdict, ""), "plain")
    verdict = f"{SIGNS.get(rail.verdict, '')} {wording.VERDICTS.get(rail.verdict, rail.verdict)}".strip()
    eta = "" if report.rollout.outcome else wording.eta(rail)
    return _row(
        [element("strong", rail.name), element("br"), element("span", verdict, class_=f"badge {style}")],
        [rail.estimate or "nothing counted yet", element("p", rail.message, class_="note") if rail.message else None],
        [
            element("div", report_svg.interval(drawn, rail.name), class_="drawn") if drawn else None,
            element("p", f"{wording.measured(rail) or 'no interval'}; limit {rail.limit}", class_="note"),
        ],
        [
            report_svg.bar(rail.evidence, rail.evidence_for),
            element("p", f"{rail.evidence} %", f" for {rail.evidence_for}" if rail.evidence_for else "", f" {eta}"),
        ],
        [_whole(f"{rail.candidate_samples:,} candidate"), element("br"), _whole(f"{rail.baseline_samples:,} baseline")],
    )


def _course(report: Report) -> Markup | None:
    past = report.past
    if past is None:
        return None
    pictures = [
        element("figure", element("figcaption", one.name), report_svg.course(one, past.gates)) for one in past.courses
    ]
    key = element(
        "p",
        element("span", "evidence to fail", class_="key to-fail"),
        " ",
        element("span", "evidence to pass", class_="key to-pass"),
        " at 100 % it is decided; upright lines are gates, where evidence to pass begins anew",
        class_="note",
    )
    return _section("How the evidence went", element("p", past.sentence), key if pictures else None, *pictures)


# --- what happened ----------------------------------------------------------------------------------------------------


def _history(report: Report) -> Markup | None:
    rows = [
        _row(
            _whole(_moment(one.time)), element("strong", one.reason), one.message, one.by or "operator",
            f"{one.weight} %", str(one.attempt), _whole(wording.judged_in_short(one.requests)),
        )
        for one in report.rollout.history
    ]  # fmt: skip
    heads = (
        "When (UTC)",
        "What",
        "Why",
        "On whose word",
        "Weight",
        "Attempt",
        "Judged until then (candidate vs baseline)",
    )
    return _section("History", _table(heads, rows)) if rows else None


def _conditions(report: Report) -> Markup | None:
    rows = [
        _row(one.type, one.status, one.reason, one.message, _whole(_moment(one.since)))
        for one in report.rollout.conditions
    ]
    heads = ("Condition", "Status", "Reason", "Message", "Since (UTC)")
    return _section("Conditions", _table(heads, rows)) if rows else None


def _footer(report: Report) -> Markup:
    version = (report.found.get("metadata") or {}).get("resourceVersion")
    read = f", resource version {version}" if version else ""
    when = "Made" if report.is_live else "As of"
    words = (
        f"{when} {_moment(report.now)} UTC, by kubectl modelrollout {__version__} from the object's own status{read}."
    )
    return element("footer", element("p", words))


# --- parts ------------------------------------------------------------------------------------------------------------


def _section(title: str, *inner: object) -> Markup:
    return element("section", element("h2", title), *inner)


def _list(title: str, lines: Sequence[str]) -> Markup | None:
    if not lines:
        return None
    return together(element("p", f"{title}:"), element("ul", *(element("li", line) for line in lines)))


def _table(heads: Sequence[str], rows: Sequence[Markup]) -> Markup:
    head = element("thead", element("tr", *(element("th", head, scope="col") for head in heads)))
    return element("div", element("table", head, element("tbody", *rows)), class_="wide")


def _row(*cells: object, class_: str | None = None) -> Markup:
    return element("tr", *(element("td", cell) for cell in cells), class_=class_)


def _whole(words: str) -> Markup:
    """Words that stay on one line."""
    return element("span", words, class_="whole")


def _moment(at: float | None) -> str:
    return "" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def _listed(found: Json, *path: str) -> list[Json]:
    value: Any = found
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
