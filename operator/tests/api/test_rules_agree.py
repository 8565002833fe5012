"""The API server's rules and the operator's are the same rules: what one accepts, the other accepts.

Specs are drawn from the shape of the models themselves, so a new field takes part without a change here. Half of them
are drawn to be good; each of the others has one part replaced by something that may be wrong.
"""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from modelrollout.api import spec as specs
from modelrollout.api.contract import (
    ADDRESS,
    DECIMAL,
    DISPERSION,
    DURATION,
    LABEL,
    MARGIN,
    MATCHERS,
    NAME,
    POINTS,
    SELECTOR,
    SHARE,
)
from modelrollout.api.spec import RolloutSpec
from modelrollout.errors import SpecInvalid

pytestmark = pytest.mark.stack

Schema = dict[str, Any]

_ROOT = RolloutSpec.model_json_schema(by_alias=True)
_DEFINITIONS = _ROOT["$defs"]
_ASCII = st.characters(min_codepoint=32, max_codepoint=126)
_NEAR_MISSES = st.sampled_from(
    [
        *("", "5", "-5m", "5m\n", "0s", "1s", "999ms", "24h", "25h", "1m1h", "1d"),
        *("0%", "0.0001%", "50%", "50.1%", "99.9999%", "100%", "120 %", "1000%"),
        *("0.5", "0.4999", "0.999", "1", "1.000000001", "1e3", "-0"),
        *("a", "A", "-a", "a-", "a.b", "a" * 63, "a" * 64, "OnPass", "Report"),
        *("2pp", "0pp", "99.9999pp", "100pp", "2 pp", "0sd", "5sd", "168h", "168h1s", "Auto", "auto", "1000", "1000.1"),
        *("all_total", "a{}", 'a{b="c"}', 'a{model="b"}', 'a{b="c", arm!~"d"}', "a\n", "1a", "_", "sum(a)"),
        *("http://", "http://h", "https://h:1/p", "http://u@h", "ftp://h", 'a="b"', 'a="b"c', 'a=~"\\""'),
    ]
)
_FORMS = (ADDRESS, DECIMAL, DISPERSION, DURATION, LABEL, MARGIN, MATCHERS, NAME, POINTS, SELECTOR, SHARE)
_FORMED = st.one_of(*(st.from_regex(form, fullmatch=True, alphabet=_ASCII) for form in _FORMS))
_MISTYPED = st.one_of(st.integers(-1, 102), st.booleans(), st.sampled_from([0.5, [], {}, [{}]]))
_ANYTHING = st.one_of(_NEAR_MISSES, _NEAR_MISSES, _FORMED, st.text(_ASCII, max_size=8), _MISTYPED)

# Good for every field of the form.
_GOOD = {
    ADDRESS: ["http://prometheus:9090", "https://10.0.0.1/prefix"],
    DECIMAL: ["0.5", "0.95", "0.999"],
    DISPERSION: ["Auto", "1", "12.5", "1000"],
    DURATION: ["1s", "90s", "1h30m", "1.5m500ms"],
    LABEL: ["model", "arm"],
    MARGIN: ["5%", "0.05sd", "0.25"],
    MATCHERS: ['namespace="a"', 'a!="b", c=~"d|\\"e"'],
    NAME: ["a", "model-1", "0" * 63],
    POINTS: ["2pp", "0.5pp", "99.9pp"],
    SELECTOR: ["a_total", 'b:c{d="e"}', 'a{b="c", d=~"e|f"}'],
    SHARE: ["0.5%", "5%", "49.99%"],
}

# Fields that depend on each other, and for every kind of guardrail: its record, and such fields that go together.
_BOUND = {"good", "bad", "quantile", "floor", "range", "maxRatio", "maxIncrease", "maxDrop", "max", "min"}
_IN_RANGE: Schema = {"range": {"min": "-0.5", "max": "5"}}
_KINDS: dict[str, tuple[str, list[Schema]]] = {
    "errorRate": ("ErrorRate", [{}, {"max": "2%"}, {"maxRatio": 1.5}, {"floor": "1%"}]),
    "latency": ("Latency", [{}, {"max": "250ms"}, {"maxIncrease": "20%"}, {"quantile": 0.5}]),
    "query": ("Query", [{"min": "0.5"}, {"max": "0.5"}, {"min": "-1", "max": "1.5"}]),
    "ratio": (
        "Ratio",
        [
            {"good": "good_total", "total": "all_total"},
            {"bad": "bad_total", "total": "all_total", "maxDrop": "0.5pp"},
            {"good": "good_total", "total": "all_total", "min": "90%"},
            {"bad": "bad_total", "total": "all_total", "maxRatio": 2, "floor": "1%"},
        ],
    ),
    "mean": (
        "Mean",
        [
            {"sum": "sum"},
            {"sum": "sum", "maxIncrease": "5%"},
            {"sum": "sum", "min": "-3"},
            {"sum": "sum", "maxDrop": "0.25", **_IN_RANGE},
            {"sum": "sum", "max": "4.75", **_IN_RANGE},
        ],
    ),
}

_APPROVALS: list[Schema] = [
    {},
    {"deadline": "90s", "onDeadline": "Approve"},
    {"deadline": "1h", "onDeadline": "Rollback"},
]


def _values(schema: Schema) -> st.SearchStrategy[Any]:
    """Values of the schema; rules between fields may be broken."""
    if "$ref" in schema:
        return _values(_DEFINITIONS[schema["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in schema:
        return _values(next(option for option in schema["anyOf"] if option != {"type": "null"}) | _beside(schema))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return _of_type(schema)


def _beside(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key in {"pattern", "maxLength", "minLength"}}


def _of_type(schema: Schema) -> st.SearchStrategy[Any]:
    if schema["type"] == "object":
        return _records(schema)
    if schema["type"] == "array":
        return st.lists(_values(schema["items"]), min_size=1, max_size=min(4, schema["maxItems"]))
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if schema["type"] == "boolean":
        return st.booleans()
    if schema["type"] == "number":
        return st.sampled_from([0.5, 0.95, 0.999, 1, 1.5, 2])
    if "pattern" in schema:
        return st.sampled_from(_GOOD[schema["pattern"]])
    return st.text(_ASCII, min_size=1, max_size=20)


def _records(schema: Schema) -> st.SearchStrategy[Schema]:
    fields = {name: _values(part) for name, part in schema.get("properties", {}).items()}
    required = {name: fields.pop(name) for name in schema.get("required", [])}
    return st.fixed_dictionaries(required, optional=fields)


@st.composite
def _plausible(draw: st.DrawFn) -> Schema:
    """A spec whose arms, strategy and kinds of guardrails fit together."""
    spec: Schema = draw(_values(_ROOT))
    weights = draw(st.sets(st.integers(1, 99), min_size=1, max_size=4))
    stages = [draw(_values(_DEFINITIONS["Stage"])) | {"weight": weight} for weight in [*sorted(weights), 100]]
    for stage in stages:
        stage |= {"soak": "5m", "maxDuration": draw(st.sampled_from(["5m", "300s", "1h"]))}
        stage.pop("approval", None)
    for _ in range(draw(st.integers(0, 2))):
        stages.insert(draw(st.integers(1, len(stages) - 1)), {"approval": draw(st.sampled_from(_APPROVALS))})
    kinds = draw(st.permutations(list(_KINDS)))
    rails = [_rail(draw, number, kind) for number, kind in enumerate(kinds)]
    spec |= {"baseline": {"name": "baseline"}, "candidates": [{"name": "candidate"}]}
    if "address" not in spec.get("prometheus", {}):
        spec.get("prometheus", {}).pop("secretRef", None)
    spec |= {"strategy": {"canary": {"stages": stages}}, "guardrails": rails}
    return spec


def _rail(draw: st.DrawFn, number: int, kind: str) -> Schema:
    """A guardrail of one kind, with limits that go together."""
    rail: Schema = draw(_values(_DEFINITIONS["Guardrail"]))
    record, limits = _KINDS[kind]
    drawn: Schema = draw(_values(_DEFINITIONS[record]))
    others = {key: value for key, value in drawn.items() if key not in _BOUND}
    rail = {key: value for key, value in rail.items() if key not in _KINDS}
    return rail | {"name": f"rail-{number}", kind: others | draw(st.sampled_from(limits))}


@st.composite
def _mutated(draw: st.DrawFn) -> Schema:
    """A plausible spec with one part replaced, removed or added."""
    spec = draw(_plausible())
    record, key = draw(st.sampled_from(_places(spec)))
    deed = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
    if deed == "replace":
        record[key] = draw(_ANYTHING)
    elif deed == "remove":
        del record[key]
    else:
        record["unheardOf"] = 1
    return spec


def _places(record: Schema) -> list[tuple[Schema, str]]:
    places = [(record, key) for key in record]
    for value in record.values():
        for part in value if isinstance(value, list) else [value]:
            places += _places(part) if isinstance(part, dict) else []
    return places


@pytest.fixture(scope="module")
def seen() -> dict[bool, int]:
    """How many specs were accepted and refused."""
    return {True: 0, False: 0}


def _refusal(spec: Schema) -> str | None:
    try:
        specs.parse(spec)
    except SpecInvalid as problem:
        return str(problem)
    return None


@seed(20260101)
@settings(
    max_examples=200, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(spec=st.one_of(_plausible(), _mutated()))
def test_server_and_operator_accept_the_same_specs(spec: Schema, rollouts: httpx.Client, seen: dict[bool, int]) -> None:
    rollout = {"apiVersion": "modelrollout.io/v1alpha1", "kind": "ModelRollout", "metadata": {"name": "drawn"}}
    params = {"fieldValidation": "Strict", "dryRun": "All"}

    answer = rollouts.post("", params=params, json=rollout | {"spec": spec})
    refusal = _refusal(spec)

    accepted = answer.status_code == 201
    seen[accepted] += 1
    assert accepted == (refusal is None), f"server: {answer.json().get('message')}; operator: {refusal}"
    assert "evaluating rule" not in answer.text, "a rule could not be evaluated"


def test_the_draw_was_not_one_sided(seen: dict[bool, int]) -> None:
    assert min(seen.values()) >= 50, seen
