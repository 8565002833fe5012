"""The text of every query, character by character: evidence must not change because somebody tidied up."""

import math
import re

import pytest
from modelrollout.observe import queries
from modelrollout.observe.counters import Counter
from modelrollout.observe.queries import Scope, Template
from modelrollout.observe.sources import ENVOY

TEAM = Scope(frozenset({"team-a"}))
ARM = 'envoy_cluster_name=~"(.+)_[0-9]+_(http|grpc)"'

GOLDEN = {
    Template.FRESH: (
        'group by (namespace, envoy_cluster_name) (last_over_time(envoy_cluster_upstream_rq_total{namespace="team-a",'
        f" {ARM}}}[30s])) or 0 * group by (namespace, envoy_cluster_name)"
        f' (last_over_time(envoy_cluster_upstream_rq_total{{namespace="team-a", {ARM}}}[600s]))'
    ),
    Template.NEWBORN: (
        'count by (namespace, envoy_cluster_name) (last_over_time(envoy_cluster_upstream_rq_total{namespace="team-a",'
        f" {ARM}}}[30s])"
        f' unless last_over_time(envoy_cluster_upstream_rq_total{{namespace="team-a", {ARM}}}[600s] offset 30s))'
    ),
    Template.ANCHORED: (
        "count by (namespace, envoy_cluster_name)"
        f' (last_over_time(envoy_cluster_upstream_rq_total{{namespace="team-a", {ARM}}}[600s] offset 30s))'
    ),
    Template.RETURNED: (
        'count by (namespace, envoy_cluster_name) ((last_over_time(envoy_cluster_upstream_rq_total{namespace="team-a",'
        f" {ARM}}}[30s])"
        f' unless last_over_time(envoy_cluster_upstream_rq_total{{namespace="team-a", {ARM}}}[600s] offset 30s))'
        f' and last_over_time(envoy_cluster_upstream_rq_total{{namespace="team-a", {ARM}}}[86400s] offset 630s))'
    ),
    Template.COMPLETED: (
        "sum by (namespace, envoy_cluster_name)"
        f' ((last_over_time(envoy_cluster_upstream_rq_completed{{namespace="team-a", {ARM}}}[30s])'
        f' - last_over_time(envoy_cluster_upstream_rq_completed{{namespace="team-a", {ARM}}}[600s] offset 30s)) >= 0'
        f' or last_over_time(envoy_cluster_upstream_rq_completed{{namespace="team-a", {ARM}}}[30s]))'
    ),
    Template.RETRIED: (
        "sum by (namespace, envoy_cluster_name)"
        f' ((last_over_time(envoy_cluster_upstream_rq_retry_success{{namespace="team-a", {ARM}}}[30s])'
        f' - last_over_time(envoy_cluster_upstream_rq_retry_success{{namespace="team-a", {ARM}}}[600s] offset 30s))'
        f' >= 0 or last_over_time(envoy_cluster_upstream_rq_retry_success{{namespace="team-a", {ARM}}}[30s]))'
    ),
    Template.SERVER_ERRORS: (
        "sum by (namespace, envoy_cluster_name) ((last_over_time("
        f'envoy_cluster_upstream_rq_xx{{namespace="team-a", {ARM}, envoy_response_code_class="5"}}[30s])'
        " - last_over_time("
        f'envoy_cluster_upstream_rq_xx{{namespace="team-a", {ARM}, envoy_response_code_class="5"}}[600s] offset 30s))'
        " >= 0 or last_over_time("
        f'envoy_cluster_upstream_rq_xx{{namespace="team-a", {ARM}, envoy_response_code_class="5"}}[30s]))'
    ),
    Template.UNDER_WAY: (
        "sum by (namespace, envoy_cluster_name)"
        f' (last_over_time(envoy_cluster_upstream_rq_active{{namespace="team-a", {ARM}}}[30s])'
        f' - last_over_time(envoy_cluster_upstream_rq_active{{namespace="team-a", {ARM}}}[600s] offset 30s)'
        f' or last_over_time(envoy_cluster_upstream_rq_active{{namespace="team-a", {ARM}}}[30s]))'
    ),
    Template.BUCKETS: (
        "sum by (namespace, envoy_cluster_name, le) ((last_over_time(envoy_cluster_upstream_rq_time_bucket{"
        f'namespace="team-a", {ARM}, le=~"0\\\\.5|25|25\\\\.0|\\\\+Inf"}}[30s])'
        " - last_over_time(envoy_cluster_upstream_rq_time_bucket{"
        f'namespace="team-a", {ARM}, le=~"0\\\\.5|25|25\\\\.0|\\\\+Inf"}}[600s] offset 30s))'
        " >= 0 or last_over_time(envoy_cluster_upstream_rq_time_bucket{"
        f'namespace="team-a", {ARM}, le=~"0\\\\.5|25|25\\\\.0|\\\\+Inf"}}[30s]))'
    ),
}


@pytest.mark.parametrize("template", GOLDEN)
def test_each_template_is_written_exactly_so(template: Template) -> None:
    assert queries.text(template, ENVOY, TEAM, 30.0, [25, 0.5]) == GOLDEN[template]


LABELLED = Counter('labelled_total{class="fraud"}', "model")
SERIES = 'labelled_total{namespace="team-a", model=~"(.+?)(_[0-9]+)?", class="fraud"}'
LAST, ANCHOR = f"last_over_time({SERIES}[30s])", f"last_over_time({SERIES}[600s] offset 30s)"
OWN_GOLDEN = {
    Template.FRESH: f"group by (namespace, model) ({LAST}) or 0 * group by (namespace, model)"
    f" (last_over_time({SERIES}[600s]))",
    Template.NEWBORN: f"count by (namespace, model) ({LAST} unless {ANCHOR})",
    Template.ANCHORED: f"count by (namespace, model) ({ANCHOR})",
    Template.RETURNED: f"count by (namespace, model) (({LAST} unless {ANCHOR})"
    f" and last_over_time({SERIES}[86400s] offset 630s))",
    Template.UNBROKEN: f"sum by (namespace, model) (({LAST} - {ANCHOR}) >= 0 or {LAST} unless {ANCHOR}"
    f" or 0 * {LAST} - Inf)",
    Template.CHANGE: f"sum by (namespace, model) ({LAST} - {ANCHOR} or {LAST})",
}


@pytest.mark.parametrize("template", OWN_GOLDEN)
def test_a_users_own_counter_is_asked_for_exactly_so(template: Template) -> None:
    assert queries.text(template, LABELLED, TEAM, 30.0) == OWN_GOLDEN[template]


def test_every_template_is_written_out_here() -> None:
    assert {*GOLDEN, *OWN_GOLDEN} == {*Template}


def test_windows_of_a_history_are_plain_differences() -> None:
    text = queries.growth('a_total{x="y"}', ["pod", "instance"], 30.0)

    assert text == 'sum by (pod, instance) ((a_total{x="y"} - a_total{x="y"} offset 30s) >= 0)'


@pytest.mark.parametrize(
    ("value", "model"),
    [("new", "new"), ("new_3", "new"), ("new-3", "new-3"), ("new_12_3", "new_12"), ("", None)],
)
def test_versions_of_a_model_are_one_model(value: str, model: str | None) -> None:
    assert LABELLED.model_of(value) == model


@pytest.mark.parametrize(
    ("selector", "named"),
    [
        ("a", False),
        ('a{namespace="labels"}', True),
        ('a{x="y", namespace=~"l.*"}', True),
        ('a{x="y",namespace!="z"}', True),
        ('a{exported_namespace="labels"}', False),
        ('a{x="namespace"}', False),
    ],
)
def test_a_metric_may_name_its_own_namespace(selector: str, named: bool) -> None:
    assert Counter(selector, "model").names_its_namespace is named


def test_all_edges_are_read_when_none_is_named() -> None:
    text = queries.text(Template.BUCKETS, ENVOY, TEAM, 30.0, None)

    assert "le=~" not in text
    assert "by (namespace, envoy_cluster_name, le)" in text


def test_namespaces_are_merged_in_one_order() -> None:
    text = queries.text(Template.ANCHORED, ENVOY, Scope(frozenset({"b", "a", "c"})), 30.0)

    assert 'namespace=~"a|b|c"' in text


def test_too_many_namespaces_are_not_named() -> None:
    many = frozenset(f"team-{number}" for number in range(500))

    text = queries.text(Template.COMPLETED, ENVOY, Scope(many), 30.0)

    assert text.count('namespace!=""') == 3
    assert len(text) < 600


def test_matchers_take_the_place_of_the_namespace() -> None:
    text = queries.text(Template.ANCHORED, ENVOY, Scope(frozenset({"a"}), ' cluster="eu", '), 30.0)

    assert text == (
        "count by (envoy_cluster_name)"
        f' (last_over_time(envoy_cluster_upstream_rq_total{{cluster="eu", {ARM}}}[600s] offset 30s))'
    )


def test_empty_matchers_match_everything() -> None:
    text = queries.text(Template.ANCHORED, ENVOY, Scope(frozenset({"a"}), ""), 30.0)

    assert f"envoy_cluster_upstream_rq_total{{{ARM}}}" in text


@pytest.mark.parametrize(("seconds", "written"), [(30.0, "30s"), (1.5, "1500ms"), (0.001, "1ms"), (86_400, "86400s")])
def test_durations_are_written_to_the_millisecond(seconds: float, written: str) -> None:
    assert queries.duration(seconds) == written


@pytest.mark.parametrize("seconds", [0.0, -30.0, 0.0001])
def test_a_duration_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        queries.duration(seconds)


@pytest.mark.parametrize(
    ("edge", "seen_in_the_wild"),
    [
        (0.5, ["0.5"]),
        (10, ["10", "10.0"]),
        (600_000, ["600000", "600000.0"]),
        (1_800_000, ["1800000", "1800000.0", "1.8e+06"]),
        (math.inf, ["+Inf"]),
    ],
)
def test_an_edge_is_found_however_it_is_spelt(edge: float, seen_in_the_wild: list[str]) -> None:
    text = queries.text(Template.BUCKETS, ENVOY, TEAM, 30.0, [edge])
    pattern = re.findall('le=~"(.*?)"', text)[0].replace("\\\\", "\\")

    assert all(re.fullmatch(pattern, spelling) for spelling in seen_in_the_wild)
    assert not re.fullmatch(pattern, "1")
    assert not re.fullmatch(pattern, "105")


@pytest.mark.parametrize(
    ("value", "model"),
    [
        ("financial-predictor_1_http", "financial-predictor"),
        ("financial-predictor_12_grpc", "financial-predictor"),
        ("my_model_3_http", "my_model"),
        ("a_1_http_2_http", "a_1_http"),
        ("pipe_pipeline_http", None),
        ("xds_cluster", None),
        ("model_1_http_extra", None),
        ("_1_http", None),
        ("", None),
    ],
)
def test_the_model_is_what_stands_before_version_and_protocol(value: str, model: str | None) -> None:
    assert ENVOY.model_of(value) == model
