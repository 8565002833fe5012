"""What Seldon's objects say, as records; whether Seldon took up a change; and what a look read, in the plan's words."""

from typing import Any

import pytest
from factories import BASELINE, CANDIDATE, ERRORS, HISTORY, LATENCY, spec
from modelrollout.observe import evidence, seldon, views
from modelrollout.observe.prometheus import Connection
from modelrollout.observe.settling import Settling
from modelrollout.plan import engine, world
from modelrollout.plan.world import ExperimentView, ModelView

OURS = [{"kind": "ModelRollout", "name": "predictor", "uid": "u-1"}]
REFUSED = "rpc error: code = FailedPrecondition desc = experiment p has no candidates or mirror"


def experiment(generation: int = 4, ready: str | None = "True", **metadata: Any) -> dict[str, Any]:
    conditions = [] if ready is None else [{"type": "ExperimentReady", "status": ready}]
    return {
        "metadata": {"name": "p", "uid": "e-1", "generation": generation, "ownerReferences": OURS, **metadata},
        "spec": {
            "default": BASELINE,
            "candidates": [{"name": BASELINE, "weight": 90}, {"name": CANDIDATE, "weight": 10}],
        },
        "status": {"conditions": conditions},
    }


def written_by(manager: str, time: str = "2026-01-01T00:00:00Z", field: str = "f:spec") -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": {field: {}}}


# --- the Experiment ---------------------------------------------------------------------------------------------------


def test_an_experiment_of_ours_is_read() -> None:
    found = experiment(annotations={"modelrollout.io/attempt": "u-1/2"})

    assert seldon.experiment(found, "u-1", settled=True) == ExperimentView(
        uid="e-1",
        generation=4,
        weights=((BASELINE, 90), (CANDIDATE, 10)),
        default=BASELINE,
        is_ready=True,
        settled=True,
        fence="u-1/2",
    )


def test_an_experiment_that_nobody_has_looked_at_is_not_ready() -> None:
    view = seldon.experiment({"metadata": {"uid": "e-1"}, "spec": {}}, "u-1", settled=False)

    assert (view.is_ready, view.weights, view.default, view.is_annotated) == (False, (), "", False)


OWNERS = {
    "ours": (OURS, ""),
    "ours beside another": ([{"kind": "App", "name": "x", "uid": "u-9"}, *OURS], ""),
    "another rollout's": ([{"kind": "ModelRollout", "name": "other", "uid": "u-2"}], "ModelRollout other"),
    "our name from an earlier life": (
        [{"kind": "ModelRollout", "name": "predictor", "uid": "u-0"}],
        "ModelRollout predictor",
    ),
    "a person's": ([], "somebody else (last written by kubectl-create)"),
}


@pytest.mark.parametrize(("references", "owner"), OWNERS.values(), ids=OWNERS)
def test_the_owner_of_an_experiment_is(references: list[dict[str, str]], owner: str) -> None:
    found = experiment(ownerReferences=references, managedFields=[written_by("kubectl-create")])

    assert seldon.experiment(found, "u-1", settled=False).owner == owner


WRITERS = {
    "nobody known": ([], ""),
    "the tool that wrote last": (
        [written_by("argocd", "2026-01-01T00:00:00Z"), written_by("kubectl-edit", "2026-01-02T00:00:00Z")],
        "kubectl-edit",
    ),
    "never ourselves": ([written_by("argocd"), written_by("modelrollout", "2026-01-02T00:00:00Z")], "argocd"),
    "never who wrote only the status": ([written_by("manager", field="f:status")], ""),
}


@pytest.mark.parametrize(("fields", "writer"), WRITERS.values(), ids=WRITERS)
def test_the_writer_of_a_drift_is(fields: list[dict[str, Any]], writer: str) -> None:
    assert seldon.experiment(experiment(managedFields=fields), "u-1", settled=False).writer == writer


SAID = {
    "a refusal": (REFUSED, "experiment p has no candidates or mirror"),
    "the scheduler was away": ("rpc error: code = Unavailable desc = connection refused", ""),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("reason", "refusal"), SAID.values(), ids=SAID)
def test_only_a_refusal_is_one(reason: str, refusal: str) -> None:
    found = experiment()
    found["status"]["conditions"].append({"type": "ModelReady", "status": "False", "reason": reason})

    assert seldon.experiment(found, "u-1", settled=False).refusal == refusal


def test_the_other_experiment_that_has_the_baseline_is_named() -> None:
    other = {"metadata": {"name": "theirs"}, "spec": {"default": BASELINE}}
    third = {"metadata": {"name": "third"}, "spec": {"default": CANDIDATE}}

    assert seldon.default_holder([experiment(), third, other], BASELINE, "p") == "theirs"
    assert seldon.default_holder([experiment(), third], BASELINE, "p") == ""


# --- the Model --------------------------------------------------------------------------------------------------------


def model(status: dict[str, Any] | None, **fields: Any) -> ModelView:
    return seldon.model({"metadata": {"name": "m"}, "spec": {"storageUri": "s3://m/1", **fields}, "status": status})


def test_a_model_is_ready_when_its_newest_version_serves() -> None:
    assert model({"conditions": [{"type": "ModelReady", "status": "True", "message": "ModelAvailable"}]}).is_ready


def test_a_model_that_is_not_ready_says_why_in_seldons_words() -> None:
    view = model(
        {"conditions": [{"type": "ModelReady", "status": "False", "message": "ModelFailed", "reason": "no file"}]}
    )

    assert (view.is_ready, view.reason) == (False, "ModelFailed: no file")


def test_a_model_without_a_status_says_so() -> None:
    assert model(None).reason == "Seldon has not said anything of it yet"


def test_an_artefact_changes_with_what_makes_seldon_load_a_new_version() -> None:
    plain = model(None)

    assert model(None, memory="1Gi").artefact != plain.artefact
    assert model(None, storageUri="s3://m/2").artefact != plain.artefact
    assert model(None, replicas=3, minReplicas=1, maxReplicas=5, logger={"percent": 1}).artefact == plain.artefact


# --- has Seldon taken it up? ------------------------------------------------------------------------------------------

FLAPS = {
    "False and then True of this generation": ([(4, "False"), (4, "True")], True),
    "True that stood there before": ([(4, "True")], False),
    "False alone": ([(4, "False")], False),
    "the flap of the generation before": ([(3, "False"), (3, "True"), (4, "True")], False),
    "a flap across generations": ([(3, "False"), (4, "True")], False),
    "the flap, and then an arm lost": ([(4, "False"), (4, "True"), (4, "False")], False),
    "the flap, an arm lost and found": ([(4, "False"), (4, "True"), (4, "False"), (4, "True")], True),
    "no word at all": ([(4, None)], False),
    "a word with other conditions in between": ([(4, "False"), (4, None), (4, "True")], True),
}


@pytest.mark.parametrize(("words", "settled"), FLAPS.values(), ids=FLAPS)
def test_a_change_was_taken_up_after(words: list[tuple[int, str | None]], settled: bool) -> None:
    settling = Settling()
    for generation, ready in words:
        settling.saw(experiment(generation, ready))

    assert settling.has_settled("e-1", 4) == settled


def test_what_is_gone_is_forgotten() -> None:
    settling = Settling()
    settling.saw(experiment(4, "False"))
    settling.saw(experiment(4, "True"))
    settling.forget("e-1")

    assert not settling.has_settled("e-1", 4)


# --- looks in the plan's words ----------------------------------------------------------------------------------------

PROMETHEUS = Connection("http://prometheus:9090")
QUERY = {"name": "queue", "query": {"promql": 'a{m="{{model}}"} / b{m="{{baseline}}"}', "max": "5"}}
ARM = evidence.ArmCounts(100.0, 3.0, 2.0, buckets={10.0: 90.0, float("inf"): 99.0}, under_way=7.0)


def test_a_look_asks_for_what_the_guardrails_need() -> None:
    guarded = spec(guardrails=[LATENCY, QUERY], prometheus={"matchers": 'cluster="a"'})
    ask = views.ask(guarded, engine.open_all(guarded, HISTORY), PROMETHEUS, "models", (60.0, 90.0), 15.0)

    assert (ask.baseline, ask.candidate, ask.since, ask.until) == (BASELINE, CANDIDATE, 60.0, 90.0)
    assert (ask.errors, ask.matchers) == (False, 'cluster="a"')
    assert ask.edges_ms == engine.edges_wanted(engine.open_all(guarded, HISTORY))
    assert ask.queries == {"queue": f'a{{m="{CANDIDATE}"}} / b{{m="{BASELINE}"}}'}


def test_errors_are_read_when_a_guardrail_counts_them() -> None:
    guarded = spec(guardrails=[ERRORS])
    ask = views.ask(guarded, engine.open_all(guarded, None), PROMETHEUS, "models", (60.0, 90.0), 15.0)

    assert (ask.errors, ask.edges_ms, ask.queries) == (True, (), {})


COUNTED = [
    {"name": "accuracy", "ratio": {"good": "right_total", "total": "all_total"}},
    {"name": "fraud", "ratio": {"bad": 'missed{kind="a"}', "total": "all_total", "label": "arm"}},
    {"name": "profit", "mean": {"count": "n", "sum": "s", "sumOfSquares": "q"}},
]


def test_counters_of_the_users_own_are_asked_for_by_guardrail() -> None:
    ask = views.ask(spec(guardrails=COUNTED), [], PROMETHEUS, "models", (60.0, 90.0), 15.0)

    assert ask.counters == {
        "accuracy": evidence.RatioAsk("all_total", "right_total", part_is_good=True, label="model"),
        "fraud": evidence.RatioAsk("all_total", 'missed{kind="a"}', part_is_good=False, label="arm"),
        "profit": evidence.MeanAsk("n", "s", "q", label="model"),
    }


def test_a_guardrail_without_its_counters_is_a_gap_and_no_more() -> None:
    sums = world.ArmSums(5.0, 1.0, 1.0), world.ArmSums(4.0, 2.0, 2.0)
    gap = evidence.NoData(evidence.Reason.RE_ANCHORED, "counting starts here")
    counted = {"accuracy": evidence.CountedArms(*sums), "profit": gap}
    data = evidence.LookData(60.0, 90.0, evidence.Arms(ARM, ARM), {}, counted)

    look = views.look(data)

    assert isinstance(look, world.LookData)
    assert (look.counted, look.gaps) == ({"accuracy": sums}, {"profit": "counting starts here"})


def test_counts_of_both_arms_come_in_the_plans_words() -> None:
    silent = evidence.NoData(evidence.Reason.NO_SERIES, "gives no series")
    data = evidence.LookData(60.0, 90.0, evidence.Arms(ARM, ARM), {"queue": silent, "depth": 4.0})
    arm = world.ArmCounts(100.0, 3.0, 2.0, 99.0, {10.0: 90.0, float("inf"): 99.0}, under_way=7.0)

    assert views.look(data) == world.LookData(60.0, 90.0, arm, arm, {"queue": "gives no series", "depth": 4.0})


RESTARTS = {
    evidence.Reason.UNREACHABLE: None,
    evidence.Reason.STALE_ARM: None,
    evidence.Reason.RE_ANCHORED: 90.0,
    evidence.Reason.TOO_OLD: 90.0,
}


@pytest.mark.parametrize(("reason", "restart"), RESTARTS.items())
def test_missing_data_says_why_and_where_counting_goes_on(reason: evidence.Reason, restart: float | None) -> None:
    data = evidence.LookData(60.0, 90.0, evidence.NoData(reason, "why"), {})

    assert views.look(data) == world.NoData(reason.value, "why", restart)


def test_a_past_that_prometheus_does_not_know_is_none() -> None:
    assert views.history(evidence.NoData(evidence.Reason.NO_SERIES, "none")) is None
    assert views.history(evidence.Histogram((float("inf"),), (5.0,))) is None


def test_a_past_is_a_histogram() -> None:
    found = views.history(evidence.Histogram((10.0, float("inf")), (5.0, 9.0)))

    assert found is not None
    assert (found.edges_ms, found.cumulative, found.total) == ((10.0, float("inf")), (5.0, 9.0), 9.0)


def test_the_rollouts_own_scrape_interval_wins() -> None:
    assert views.scrape_seconds(spec(prometheus={"scrapeInterval": "5s"}), 15.0) == 5.0
    assert views.scrape_seconds(spec(), 15.0) == 15.0
