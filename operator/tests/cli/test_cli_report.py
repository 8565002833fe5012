"""One rollout as one page: it is whole, fetches nothing, runs nothing, and no object can write into it."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import factories
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from modelrollout.api import spec as api_spec
from modelrollout.cli import accounts, report_facts, report_page, views
from modelrollout.cli import main as plugin
from modelrollout.cli.markup import element
from modelrollout.cli.report_facts import Course, Past

NOW = 1_700_003_600.0
VOID = {"meta", "br"}
GUARDRAILS = [
    {"name": "errors", "errorRate": {}},
    {"name": "limit", "errorRate": {"max": "2%"}},
    {"name": "latency", "latency": {}},
    {"name": "slo", "latency": {"max": "250ms"}},
    {"name": "accuracy", "ratio": {"good": "g", "total": "t"}},
    {"name": "profit", "mean": {"count": "c", "sum": "s", "sumOfSquares": "q", "maxDrop": "10%"}},
    {"name": "cost", "mean": {"count": "c", "sum": "s", "sumOfSquares": "q", "maxIncrease": "0.05sd"}},
    {"name": "queue", "query": {"promql": "q", "max": "50"}},
]
COSTLY = {"intervalLow": -3.0, "intervalHigh": 1.0, "candidate": {"rate": 19.0}, "baseline": {"rate": 20.0}}
RAILS: list[dict[str, Any]] = [
    {"name": "errors", "verdict": "Pass", "estimate": "0.31 % vs 0.29 %", "interval": "x[0.62, 1.71]",
     "limit": "x1.5, floor 0.5%", "ratio": 1.07, "intervalLow": 0.62, "intervalHigh": 1.71, "evidence": 100,
     "evidenceFor": "Pass", "candidate": {"samples": 4210, "rate": 0.0031}, "baseline": {"samples": 12655}},
    {"name": "limit", "intervalLow": 0.001, "intervalHigh": 0.03, "candidate": {"rate": 0.004}, "evidence": 40},
    {"name": "latency", "ratio": 1.1, "intervalHigh": 3.0, "verdict": "Inconclusive"},
    {"name": "slo", "intervalLow": 0.01, "intervalHigh": 0.2, "candidate": {"rate": 0.06}},
    {"name": "accuracy", "intervalLow": -0.019, "intervalHigh": 0.024, "candidate": {"rate": 0.719},
     "baseline": {"rate": 0.716}},
    {"name": "profit", **COSTLY},
    {"name": "cost", **COSTLY},
    {"name": "queue", "estimate": "3 within the limit", "verdict": "Pass"},
]  # fmt: skip
HISTORY = [
    {"time": f"2023-11-14T{time}Z", "reason": reason, "message": message, "attempt": 1, "weight": weight, "by": by}
    for time, reason, message, weight, by in (
        ("22:55:00", "StageStarted", "Stage 2 of 3 begins", 50, "alice"),
        ("22:30:00", "StageStarted", "Stage 1 of 3 begins", 10, ""),
        ("22:29:00", "AttemptStarted", "Attempt 1 begins", 0, ""),
    )
]


def rollout(**status: object) -> dict[str, Any]:
    """A rollout in its second stage."""
    return {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "fraud", "namespace": "inference", "generation": 1, "resourceVersion": "77"},
        "spec": factories.raw_spec(guardrails=GUARDRAILS),
        "status": {
            "phase": "Progressing",
            "message": "Stage 2 waits for every guardrail to pass",
            "attempt": 1,
            "looks": 120,
            "stage": {"index": 1, "startedAt": "2023-11-14T22:55:00Z", "soakedSeconds": 300},
            "traffic": {"candidateWeight": 50, "observed": [{"name": "old", "percent": 50.2}]},
            "guardrails": RAILS,
            "history": HISTORY,
            "conditions": [{"type": "Ready", "status": "False", "reason": "Judging", "message": "m"}],
            "warnings": ["latency: put bucket edges at 60 and 80 ms"],
            "forecast": [{"stage": 1, "passIn": "5m", "passBy": "9m", "failIn": "2m", "failBy": "4m"}],
            **status,
        },
    }


def page(found: dict[str, Any], past: Past | None = None) -> str:
    spec = api_spec.parse(found["spec"])
    return report_page.page(report_page.Report(found, views.rollout(found), spec, NOW, past))


class Reading(HTMLParser):
    """What a browser would see: tags, attributes and text; raises when a tag is not closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data


# --- what it says -----------------------------------------------------------------------------------------------------


def test_the_page_says_where_it_stands_and_why() -> None:
    seen = Reading(page(rollout()))

    for words in (
        "fraud", "Progressing", *accounts.of(views.rollout(rollout()), NOW), "● here, 5m soaked", "✔ done",
        "5m (90 %: 9m)", "put bucket edges", "0.31 % vs 0.29 %", "x1.07 [0.62, 1.71]", "4,210 candidate", "alice",
        "Attempt 1 begins", "2023-11-14 22:30:00", "resource version 77", "50.2 %",
    ):  # fmt: skip
        assert words in seen.text, words


def test_the_page_says_how_many_requests_were_judged_in_all_and_until_each_decision() -> None:
    counted = [{**HISTORY[0], "requests": [12_000, 1_300]}, *HISTORY[1:]]
    seen = Reading(page(rollout(armRequests=[13_500, 2_800], history=counted)))

    assert "2,800 candidate and 13,500 baseline requests" in seen.text
    assert "1,300 vs 12,000 requests" in seen.text
    assert "00 requests" not in Reading(page(rollout())).text
    assert "baseline requests" not in Reading(page(rollout())).text


def test_a_rollout_that_ended_says_where() -> None:
    ended = [
        {"time": "2023-11-14T22:56:00Z", "reason": "RolledBack", "message": "Rolled back at stage 2 of 3 (50 %): why"}
    ]
    seen = Reading(page(rollout(outcome="RolledBack", phase="Degraded", history=ended + HISTORY)))

    assert "✘ ended here" in seen.text
    assert "● here" not in seen.text
    assert ("class", "fail") in seen.attributes  # the dot of the rollback


def test_what_would_have_come_is_not_told_of_a_rollout_that_ended() -> None:
    undecided = [{"name": "errors", "verdict": "Inconclusive", "evidenceFor": "Pass", "passIn": "14s", "limit": "x1.5"}]

    assert "Pass in ~14s" in Reading(page(rollout(guardrails=undecided))).text
    assert "Pass in" not in Reading(page(rollout(guardrails=undecided, outcome="RolledBack"))).text


def test_a_later_attempt_begins_at_a_line_of_its_own() -> None:
    second = {"time": "2023-11-14T22:56:00Z", "reason": "AttemptStarted", "message": "", "attempt": 2, "weight": 0}
    seen = Reading(page(rollout(history=[second, *HISTORY])))

    assert "attempt 2" in seen.text
    assert "attempt 2" not in Reading(page(rollout())).text
    assert seen.attributes.count(("class", "gate")) == 1


def test_every_picture_has_a_name_and_says_in_words_what_it_shows() -> None:
    past = Past("Same verdict.", (Course("errors", (1.0, 2.0), (0.0, -5.0), (0.0, 40.0)),), (1.5,))
    seen = Reading(page(rollout(), past))

    labels = [value for name, value in seen.attributes if name == "aria-label"]
    assert seen.tags.count("svg") == len(labels) == 1 + 7 + 8 + 1
    assert "Interval of accuracy: measured 0.3 pp; the truth lies from -1.9 pp to 2.4 pp; the limit is -2 pp" in labels
    assert "Interval of errors: measured x1.07; the truth lies from x0.62 to x1.71; the limit is x1.5" in labels
    assert "Same verdict." in seen.text


def test_nothing_is_fetched_and_nothing_runs() -> None:
    seen = Reading(page(rollout()))

    assert not {"script", "link", "img", "iframe", "object", "embed", "image", "use"} & set(seen.tags)
    names = {name for name, _ in seen.attributes}
    assert not {name for name in names if name.startswith("on")} | ({"src", "href", "xlink:href", "style"} & names)
    assert "url(" not in page(rollout())
    assert "@import" not in page(rollout())


hostile = st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><b>", "'&<!--", "]]>"]
)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_object_writes_into_the_page(data: st.DataObject) -> None:
    """Every text of the status and of the metadata may be hostile."""

    def spoiled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoiled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [spoiled(one) for one in value]
        return value + data.draw(hostile) if isinstance(value, str) and data.draw(st.booleans()) else value

    found = rollout()
    found["status"], found["metadata"] = spoiled(found["status"]), spoiled(found["metadata"])
    seen, usual = Reading(page(found)), Reading(page(rollout()))

    assert set(seen.tags) <= {*usual.tags, "p"}
    assert {name for name, _ in seen.attributes} <= {name for name, _ in usual.attributes}


@pytest.mark.parametrize("status", [{}, {"phase": "Pending"}, {"history": [{}], "guardrails": [{}], "traffic": None}])
def test_half_filled_objects_have_a_page(status: dict[str, Any]) -> None:
    found = {**rollout(), "status": status}

    assert "fraud" in Reading(page(found)).text
    assert "fraud" in Reading(page({**found, "metadata": {"name": "fraud"}})).text


def test_markup_escapes_what_is_no_markup() -> None:
    assert (
        element("p", "<b>", class_='"x"', aria_label="&") == '<p class="&quot;x&quot;" aria-label="&amp;">&lt;b&gt;</p>'
    )


# --- where things are drawn -------------------------------------------------------------------------------------------


def drawn(name: str) -> report_facts.Drawn:
    raw = next(one for one in RAILS if one["name"] == name)
    found = report_facts.drawn(raw, api_spec.parse(factories.raw_spec(guardrails=GUARDRAILS)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "limit", "harm", "estimate", "equal"),
    [
        ("errors", 1.5, 1, 1.07, 1.0),
        ("limit", 2.0, 1, 0.4, None),
        ("latency", None, 0, 1.1, 1.0),
        ("slo", 5.0, 1, 6.0, None),
        ("accuracy", -2.0, -1, 0.3, 0.0),
        ("profit", -2.0, -1, -1.0, 0.0),
        ("cost", None, 0, -1.0, 0.0),
    ],
)
def test_limits_lie_on_the_axis_of_their_interval(
    name: str, limit: float | None, harm: int, estimate: float, equal: float | None
) -> None:
    found = drawn(name)

    assert found.limit == (None if limit is None else pytest.approx(limit))
    assert (found.harm, found.equal) == (harm, equal)
    assert found.estimate == pytest.approx(estimate)
    places = [found.scale.place(one) for one in (found.low, found.estimate, found.high) if one is not None]
    assert places == sorted(places)
    assert all(0 < place < 1 for place in places)


def test_a_query_has_no_interval() -> None:
    spec = api_spec.parse(factories.raw_spec(guardrails=GUARDRAILS))

    assert report_facts.drawn({"name": "queue", "intervalLow": 1.0}, spec) is None
    assert report_facts.drawn({"name": "errors"}, spec) is None


def test_the_timeline_runs_to_now_while_the_rollout_does() -> None:
    running = report_facts.timeline(views.rollout(rollout()), NOW)
    ended = report_facts.timeline(views.rollout(rollout(outcome="Promoted")), NOW)

    assert [step.weight for step in running.steps] == [0, 10, 50]
    assert running.until == NOW
    assert running.steps[-1].at < ended.until < NOW
    assert [running.place(at) for at in (running.since, running.until)] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("span", "ticks"),
    [
        (1.0, [0, 1]),
        (188.0, [0, 60, 120, 180]),
        (3600.0, [0, 600, 1200, 1800, 2400, 3000, 3600]),
        (5 * 86400.0, [0, 86400, 172800, 259200, 345600, 432000]),
        (20 * 86400.0, [0, 345600, 691200, 1036800, 1382400, 1728000]),
    ],
)
def test_times_of_an_axis_are_round(span: float, ticks: list[float]) -> None:
    assert report_facts.ticks(span) == ticks


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rollout.yaml"
    made.write_text(yaml.safe_dump(rollout(message="costs $5 and $6")))
    return made


def test_the_command_writes_page_and_picture(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, picture = file.with_suffix(".html"), file.with_suffix(".png")
    code = plugin.main(["report", "-f", str(file), "-o", str(page), "--png", str(picture)])

    assert (code, capsys.readouterr().err) == (0, f"{page} written\n{picture} written\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "As of 2023-11-14 22:55:00 UTC" in Reading(page.read_text()).text


def test_the_page_goes_to_standard_output(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plugin.main(["report", "-f", str(file), "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")


def test_a_prometheus_that_is_silent_leaves_the_page_with_a_sentence(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plugin.main(["report", "-f", str(file), "-o", "-", "--prometheus", "http://127.0.0.1:1"]) == 0
    assert "The looks cannot be read again: " in capsys.readouterr().out


def test_what_cannot_be_read_or_written_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plugin.main(["report", "-f", str(file), "-o", str(file.parent / "no" / "where.html")]) == 1
    assert "where.html cannot be written (No such file or directory): choose another file" in capsys.readouterr().err
    file.write_text(json.dumps({"kind": "Secret"}))
    assert plugin.main(["report", "-f", str(file)]) == 2
    assert "holds no ModelRollout: give what kubectl get rollout NAME -o yaml prints" in capsys.readouterr().err
