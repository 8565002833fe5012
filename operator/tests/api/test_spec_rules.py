"""What the operator itself says of a spec; nothing here needs a server."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from modelrollout.api import spec as specs
from modelrollout.api.contract import Unit, dispersion, fraction, margin, points, seconds
from modelrollout.errors import SpecInvalid

CORPUS = Path(__file__).parent / "corpus"
BAD = sorted(CORPUS.glob("bad/*.yaml"))


def _spec(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load((CORPUS / f"{name}.yaml").read_text())["spec"]
    return spec


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_specs_are_refused_with_one_sentence(path: Path) -> None:
    prefix = "# operator: "
    expected = [line.removeprefix(prefix) for line in path.read_text().splitlines() if line.startswith(prefix)]

    with pytest.raises(SpecInvalid) as refusal:
        specs.parse(_spec(f"bad/{path.stem}"))

    assert [str(refusal.value)] == expected


def test_a_spec_with_several_faults_names_the_first_and_counts_the_rest() -> None:
    spec = _spec("good/minimal") | {"analysis": {"alpha": "0%", "interval": "5"}, "paused": "yes"}

    with pytest.raises(SpecInvalid) as refusal:
        specs.parse(spec)

    expected = 'spec.analysis.interval: "5": not a duration: write it like 90s, 10m or 1h30m (and 2 more)'
    assert str(refusal.value) == expected


def test_a_long_value_is_shortened_in_the_refusal() -> None:
    with pytest.raises(SpecInvalid) as refusal:
        specs.parse(_spec("good/minimal") | {"prometheus": {"address": "x" * 500}})

    assert len(str(refusal.value)) < 250


def test_the_least_that_works_gets_careful_defaults() -> None:
    spec = specs.parse(_spec("good/minimal"))

    assert [(stage.weight, stage.soak, stage.max_duration, stage.advance) for stage in spec.stages] == [
        (weight, "5m", "24h", specs.Advance.ON_PASS) for weight in (5, 25, 50, 100)
    ]
    assert (spec.analysis.interval, spec.analysis.alpha) == ("30s", "5%")
    assert (spec.analysis.on_inconclusive, spec.analysis.on_no_data) == ("Pause", "Hold")
    assert {rail.action for rail in spec.guardrails} == {specs.GuardrailAction.ROLLBACK}
    assert spec.candidate.name == "enhanced-predictor"
    assert not spec.paused


@pytest.mark.parametrize("name", ["good/minimal", "good/everything"])
def test_a_spec_is_written_as_it_was_read(name: str) -> None:
    raw = _spec(name)

    assert specs.parse(raw).model_dump(mode="json", exclude_unset=True) == raw


@pytest.mark.parametrize(
    ("text", "value"), [("1s", 1), ("90s", 90), ("10m", 600), ("1h30m0s", 5400), ("1.5h", 5400), ("1m250ms", 60.25)]
)
def test_durations_are_seconds(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(("text", "value"), [("5%", 0.05), ("0.5%", 0.005), ("120%", 1.2)])
def test_shares_are_fractions(text: str, value: float) -> None:
    assert fraction(text) == pytest.approx(value)


@pytest.mark.parametrize(("text", "value"), [("2pp", 0.02), ("0.5pp", 0.005), ("99pp", 0.99)])
def test_points_are_fractions(text: str, value: float) -> None:
    assert points(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value", "unit"), [("5%", 0.05, Unit.SHARE), ("0.05sd", 0.05, Unit.SD), ("0.25", 0.25, Unit.PLAIN)]
)
def test_margins_are_a_value_and_its_unit(text: str, value: float, unit: Unit) -> None:
    assert margin(text) == (pytest.approx(value), unit)


@pytest.mark.parametrize(("text", "value"), [("Auto", None), ("1", 1.0), ("12.5", 12.5)])
def test_a_dispersion_is_a_number_unless_it_is_measured(text: str, value: float | None) -> None:
    assert dispersion(text) == value


def _rail(**kind: Any) -> specs.Guardrail:
    spec = _spec("good/minimal") | {"guardrails": [{"name": "quality", **kind}]}
    return specs.parse(spec).guardrails[0]


@pytest.mark.parametrize(
    ("declared", "limit"),
    [
        ({}, ("maxDrop", "2pp")),
        ({"maxDrop": "1pp"}, ("maxDrop", "1pp")),
        ({"maxRatio": 1.5}, ("maxRatio", "1.5")),
        ({"min": "90%"}, ("min", "90%")),
    ],
)
def test_a_share_of_good_ones_has_one_limit(declared: dict[str, Any], limit: tuple[str, str]) -> None:
    ratio = _rail(ratio={"good": "good_total", "total": "all_total", **declared}).ratio

    assert ratio is not None
    assert ratio.limit == limit
    assert (ratio.label, ratio.label_delay) == ("model", "0s")


@pytest.mark.parametrize(
    ("declared", "limit"),
    [
        ({}, ("maxDrop", "0.05sd")),
        ({"maxDrop": "5%"}, ("maxDrop", "5%")),
        ({"maxIncrease": "0.25"}, ("maxIncrease", "0.25")),
        ({"min": "-1"}, ("min", "-1")),
        ({"max": "4"}, ("max", "4")),
    ],
)
def test_a_mean_has_one_limit(declared: dict[str, Any], limit: tuple[str, str]) -> None:
    mean = _rail(mean={"count": "count", "sum": "sum", "sumOfSquares": "squares", **declared}).mean

    assert mean is not None
    assert mean.limit == limit
    assert (mean.label, mean.label_delay, mean.range) == ("model", "0s", None)


def test_traffic_is_taken_for_independent_requests_whose_scatter_is_measured() -> None:
    analysis = specs.parse(_spec("good/minimal")).analysis

    assert (analysis.dispersion, analysis.clustered) == ("Auto", False)
