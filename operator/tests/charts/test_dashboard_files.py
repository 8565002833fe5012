"""The dashboards as files: fresh, complete, and every query asks for metrics that exist."""

import subprocess
import sys

import pytest
from exported import METRICS, names_of

from e2e import dashboards
from e2e.dashboards import Json, Query
from e2e.stack import paths

DASHBOARDS = dashboards.read()
QUERIES = list(dashboards.queries(DASHBOARDS))
OF_EVERY_TARGET = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}
UIDS = {
    "rollouts": "modelrollout-rollouts",
    "model-performance": "modelrollout-performance",
    "business-impact": "modelrollout-business",
    "ab-significance": "modelrollout-significance",
}
EACH = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
NAMES = {"namespace": "models", "modelrollout": "a", "baseline": "b", "candidate": "c", "where": ".*", "window": "15m",
         "guardrail": "errors"}  # fmt: skip


def test_the_files_are_what_their_source_makes() -> None:
    made = subprocess.run([sys.executable, "charts/dashboards", "--check"], cwd=paths.ROOT)
    assert made.returncode == 0, "a dashboard is stale: run python charts/dashboards"


def test_addresses_of_dashboards_never_change() -> None:
    assert {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()} == UIDS


def test_the_page_tells_of_every_dashboard() -> None:
    page = (paths.ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    for dashboard in DASHBOARDS.values():
        assert f"| {dashboard['title']} |" in page


@EACH
def test_every_panel_says_what_it_shows_in_which_unit(dashboard: Json) -> None:
    shown = dashboards.panels(dashboard)
    assert shown
    for panel in shown:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        assert panel["datasource"]["uid"] == "${datasource}"


@EACH
def test_panels_have_places_of_their_own(dashboard: Json) -> None:
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@EACH
def test_a_dashboard_can_be_turned_to_any_rollout_and_prometheus(dashboard: Json) -> None:
    listed = {one["name"]: one["type"] for one in dashboard["templating"]["list"]}
    assert listed["datasource"] == "datasource"
    assert {"namespace", "modelrollout"} <= set(listed)


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_asks_for_what_exists(query: Query) -> None:
    defined = {one["name"] for one in DASHBOARDS[query.dashboard]["templating"]["list"]}
    assert query.variables() <= defined | set(dashboards.BUILT_IN)
    named = names_of(query.filled(NAMES))
    assert named
    assert named <= {*METRICS, *OF_EVERY_TARGET}
