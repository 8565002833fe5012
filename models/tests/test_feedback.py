"""Feedback behind a real MLServer, over HTTP: labels in, counters out."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest
from model_server import Server, tensor
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.stack

COUNTERS = (
    "model_predictions_labelled_total",
    "model_predictions_correct_total",
    "model_profit_count_total",
    "model_profit_sum",
    "model_profit_sum_of_squares_total",
)
NUMBERS = count(1)
DATATYPES = {
    "model": "BYTES",
    "version": "BYTES",
    "predicted": "INT64",
    "actual": "INT64",
    "profit": "FP64",
    "prediction_id": "BYTES",
    "age_seconds": "FP64",
}
ALL = "send model, predicted, actual and, as you like, version, profit, prediction_id, age_seconds, each once"


def column(name: str, *data: Any, **changes: Any) -> dict[str, Any]:
    """One input of a request."""
    return {"name": name, "datatype": DATATYPES.get(name, "BYTES"), "shape": [len(data)], "data": list(data)} | changes


def labels(**columns: list[Any]) -> list[dict[str, Any]]:
    return [column(name, *data) for name, data in columns.items()]


def totals(server: Server, model: str, version: str = "") -> tuple[float, ...]:
    """Labelled, correct, profits, their sum and the sum of their squares; zeros before a first label."""
    found = dict.fromkeys(COUNTERS, 0.0)
    for family in text_string_to_metric_families(httpx.get(server.metrics_url, timeout=180).text):
        for sample in family.samples:
            if sample.name in found and sample.labels == {"model": model, "model_version": version}:
                found[sample.name] = sample.value
    return tuple(found[name] for name in COUNTERS)


@pytest.fixture
def arm() -> str:
    """A model that no other test has counted for."""
    return f"arm-{next(NUMBERS)}"


def test_labels_become_counters(model_server: Server, arm: str) -> None:
    answer = model_server.infer(
        "feedback",
        *labels(
            model=[arm] * 4, version=["7"] * 4, predicted=[1, 0, 1, 3], actual=[1, 1, 1, 3],
            profit=[2.0, -1.5, 0.0, -3.0],
        ),
    )  # fmt: skip

    assert answer.status_code == 200, answer.text
    (counted,) = answer.json()["outputs"]
    assert (counted["name"], counted["datatype"], counted["data"]) == ("counted", "INT64", [1, 1, 1, 1])
    assert totals(model_server, arm, "7") == (4, 3, 4, -2.5, 15.25)


def test_a_label_without_a_profit_counts_for_accuracy_alone(model_server: Server, arm: str) -> None:
    assert model_server.infer("feedback", *labels(model=[arm], predicted=[0], actual=[1])).is_success

    assert totals(model_server, arm) == (1, 0, 0, 0, 0)


def test_the_name_that_seldon_answers_with_says_the_version(model_server: Server, arm: str) -> None:
    named = labels(model=[f"{arm}_2", f"{arm}_3"], predicted=[1, 1], actual=[1, 0])

    assert model_server.infer("feedback", *named).is_success

    assert totals(model_server, arm, "2")[:2] == (1, 1)
    assert totals(model_server, arm, "3")[:2] == (1, 0)


def test_a_column_may_stand_upright(model_server: Server, arm: str) -> None:
    upright = [
        column("model", arm, arm, shape=[2, 1]),
        column("predicted", [1], [0], shape=[2, 1]),
        column("actual", 1, 1, shape=[2, 1]),
    ]

    assert model_server.infer("feedback", *upright).json()["outputs"][0]["data"] == [1, 1]
    assert totals(model_server, arm)[:2] == (2, 1)


def test_a_prediction_counts_once_however_often_it_is_sent(model_server: Server, arm: str) -> None:
    first = labels(model=[arm] * 3, predicted=[1] * 3, actual=[1] * 3, profit=[1.0] * 3, prediction_id=["a", "b", "a"])
    again = labels(model=[arm] * 2, predicted=[1] * 2, actual=[1] * 2, profit=[1.0] * 2, prediction_id=["b", "c"])

    answers = [model_server.infer("feedback", *given).json()["outputs"][0]["data"] for given in (first, again)]

    assert answers == [[1, 1, 0], [0, 1]]
    assert totals(model_server, arm) == (3, 3, 3, 3, 3)
    assert model_server.metric("model_feedback_repeated_total", model=arm, model_version="") == 2


def test_a_repeat_is_known_after_the_feedback_model_was_loaded_anew(model_server: Server, arm: str) -> None:
    given = labels(model=[arm], predicted=[1], actual=[1], prediction_id=["only"])
    assert model_server.infer("feedback", *given).json()["outputs"][0]["data"] == [1]

    assert model_server.load("feedback").is_success

    assert model_server.infer("feedback", *given).json()["outputs"][0]["data"] == [0]
    assert totals(model_server, arm)[:2] == (1, 1)


def test_one_id_of_two_models_is_two_predictions(model_server: Server, arm: str) -> None:
    given = labels(model=[arm, f"{arm}-b"], predicted=[1] * 2, actual=[1] * 2, prediction_id=["same"] * 2)

    assert model_server.infer("feedback", *given).json()["outputs"][0]["data"] == [1, 1]


def test_the_largest_batch_is_taken_and_many_at_once_are_all_counted(model_server: Server, arm: str) -> None:
    given = labels(model=[arm] * 512, predicted=[1] * 512, actual=[1, 0] * 256, profit=[0.5] * 512)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: model_server.infer("feedback", *given).status_code, range(8)))

    assert answers == [200] * 8
    assert totals(model_server, arm) == (4096, 2048, 4096, 2048, 1024)


def test_labels_in_overlapping_batches_at_once_count_once_each(model_server: Server, arm: str) -> None:
    """Forty batches of 100 over 1,000 predictions: each comes four times, from several clients at a time."""

    def send(start: int) -> list[int]:
        ids = [str((start + place) % 1_000) for place in range(100)]
        given = labels(
            model=[arm] * 100, predicted=[1] * 100, actual=[int(one) % 2 for one in ids], profit=[0.5] * 100,
            prediction_id=ids, age_seconds=[60.0] * 100,
        )  # fmt: skip
        return list(model_server.infer("feedback", *given).json()["outputs"][0]["data"])

    with ThreadPoolExecutor(8) as pool:
        counted = [one for answer in pool.map(send, range(0, 1_000, 25)) for one in answer]

    assert (len(counted), sum(counted)) == (4_000, 1_000)
    assert totals(model_server, arm) == (1_000, 500, 1_000, 500, 250)
    assert model_server.metric("model_feedback_repeated_total", model=arm, model_version="") == 3_000
    assert model_server.metric("model_prediction_age_seconds_count", model=arm, model_version="") == 1_000


def test_ages_fill_a_histogram_from_a_second_to_a_week(model_server: Server, arm: str) -> None:
    ages = [0.4, 45.0, 3_600.0, 400_000.0, 700_000.0]

    given = labels(model=[f"{arm}_6"] * 5, predicted=[1] * 5, actual=[1] * 5, age_seconds=ages)
    assert model_server.infer("feedback", *given).is_success

    def within(edge: str) -> float:
        return model_server.metric("model_prediction_age_seconds_bucket", model=arm, model_version="6", le=edge)

    edges = ["1.0", "30.0", "60.0", "1800.0", "3600.0", "345600.0", "604800.0", "+Inf"]
    assert [within(edge) for edge in edges] == [1, 1, 2, 2, 3, 3, 4, 5]
    assert model_server.metric("model_prediction_age_seconds_sum", model=arm, model_version="6") == sum(ages)


def test_labels_without_an_age_count_all_the_same(model_server: Server, arm: str) -> None:
    assert model_server.infer("feedback", *labels(model=[arm], predicted=[1], actual=[1])).is_success

    assert totals(model_server, arm)[:2] == (1, 1)
    assert model_server.metric("model_prediction_age_seconds_count", model=arm, model_version="") == 0


GOOD = {"model": ["trend"], "predicted": [1], "actual": [0]}
REFUSED = {
    "an answer of another model": (
        [tensor()],
        "inputs",
        f"Input 'model' is missing, the request has ['input_data']; {ALL}.",
    ),
    "no truth": (
        labels(model=["trend"], predicted=[1]),
        "inputs",
        f"Input 'actual' is missing, the request has ['model', 'predicted']; {ALL}.",
    ),
    "an input that nobody knows": (
        labels(**GOOD, reward=[1.0]),
        "inputs",
        f"The request has the inputs ['model', 'predicted', 'actual', 'reward']; {ALL}.",
    ),
    "an input twice": (
        [*labels(**GOOD), column("actual", 1)],
        "inputs",
        f"The request has the inputs ['model', 'predicted', 'actual', 'actual']; {ALL}.",
    ),
    "classes as floats": (
        [*labels(model=["trend"], actual=[1]), column("predicted", 1.0, datatype="FP32")],
        "datatype",
        "Input 'predicted' has datatype FP32; send it as INT64.",
    ),
    "no labels": (
        labels(model=[], predicted=[], actual=[]),
        "shape",
        "Input 'model' has a batch of 0; send 1 to 512 labels in one request.",
    ),
    "too many labels": (
        labels(model=["trend"] * 513, predicted=[1] * 513, actual=[1] * 513),
        "shape",
        "Input 'model' has a batch of 513; send 1 to 512 labels in one request.",
    ),
    "a truth too few": (
        labels(model=["trend"] * 2, predicted=[1, 0], actual=[1]),
        "shape",
        "Input 'actual' holds 1 values but 'model' holds 2; send one of each per label.",
    ),
    "another shape than its data": (
        [*labels(model=["trend"], predicted=[1]), column("actual", 1, shape=[2])],
        "shape",
        "Input 'actual' has shape [2] and holds 1 values; send [batch] with so many values.",
    ),
    "a broken class": (
        labels(model=["trend"], predicted=[1.5], actual=[1]),
        "value",
        "Input 'predicted' is 1.5 at [0]; send the class that was predicted, a whole number.",
    ),
    "a truth that is not known yet": (
        labels(model=["trend"] * 2, predicted=[1, 1], actual=[1, None]),
        "value",
        "Input 'actual' is None at [1]; send the class that came true, a whole number.",
    ),
    "a profit as text": (
        labels(**GOOD, profit=["12 EUR"]),
        "value",
        "Input 'profit' is '12 EUR' at [0]; send a number from -1e+12 to 1e+12.",
    ),
    "a profit beyond all bounds": (
        labels(**GOOD, profit=[1e13]),
        "value",
        "Input 'profit' is 10000000000000.0 at [0]; send a number from -1e+12 to 1e+12.",
    ),
    "an age below zero": (
        labels(**GOOD, age_seconds=[-0.5]),
        "value",
        "Input 'age_seconds' is -0.5 at [0]; send the seconds from prediction to label, 0 to 1e+09.",
    ),
    "a model without a name": (
        labels(model=[""], predicted=[1], actual=[0]),
        "value",
        "Input 'model' is '' at [0]; send the name of the model that answered, at most 253 characters.",
    ),
    "a name with a newline": (
        labels(model=["trend\n"], predicted=[1], actual=[0]),
        "value",
        "Input 'model' is 'trend\\n' at [0]; send the name of the model that answered, at most 253 characters.",
    ),
    "an empty id": (
        labels(**GOOD, prediction_id=[""]),
        "value",
        "Input 'prediction_id' is '' at [0]; send the prediction's own id, 1 to 128 characters.",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_bad_labels_are_refused_with_one_sentence_and_counted(model_server: Server, situation: str) -> None:
    given, reason, sentence = REFUSED[situation]
    before = model_server.metric("model_feedback_refused_total", reason=reason)

    answer = model_server.infer("feedback", *given)

    assert (answer.status_code, answer.json()) == (400, {"error": sentence})
    assert model_server.metric("model_feedback_refused_total", reason=reason) == before + 1


def test_one_bad_label_leaves_the_whole_request_uncounted(model_server: Server, arm: str) -> None:
    given = labels(model=[arm] * 3, predicted=[1] * 3, actual=[1, 1, "up"])

    assert model_server.infer("feedback", *given).status_code == 400

    assert totals(model_server, arm) == (0, 0, 0, 0, 0)


def test_models_beyond_the_listed_are_refused(model_server: Server, arm: str) -> None:
    model_server.add("choosy", {"models": f"{arm}, other"}, source="feedback")
    assert model_server.load("choosy").is_success
    before = model_server.metric("model_feedback_refused_total", reason="model")

    taken = model_server.infer("choosy", *labels(model=[f"{arm}_4"], predicted=[1], actual=[1]))
    refused = model_server.infer("choosy", *labels(model=[arm, "typo"], predicted=[1, 1], actual=[1, 1]))

    assert taken.status_code == 200
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        f"Model 'typo' is none of {arm}, other; correct it, or add it to 'models'.",
    )
    assert model_server.metric("model_feedback_refused_total", reason="model") == before + 1
    assert totals(model_server, arm, "4")[:2] == (1, 1)
    assert totals(model_server, arm) == (0, 0, 0, 0, 0)


def test_profits_are_clipped_to_the_set_range(model_server: Server, arm: str) -> None:
    model_server.add("clipping", {"profit_min": "-2", "profit_max": "3"}, source="feedback")
    assert model_server.load("clipping").is_success

    given = labels(model=[arm] * 3, predicted=[1] * 3, actual=[1] * 3, profit=[-50.0, 1.0, 1e9])
    assert model_server.infer("clipping", *given).is_success

    assert totals(model_server, arm) == (3, 3, 3, 2, 14)


NONSENSE = {
    "an empty name among the models": (
        {"models": "a,,b"},
        "Parameter 'models' is 'a,,b'; set names of models with commas between them.",
    ),
    "a range upside down": (
        {"profit_min": "3", "profit_max": "-3"},
        "Parameter 'profit_min' is 3 and 'profit_max' is -3; set a smaller and a larger number.",
    ),
    "a range without an end": ({"profit_max": "inf"}, "Parameter 'profit_max' is 'inf'; set a number."),
    "a misspelt name": (
        {"profitmax": "3"},
        "Parameter 'profitmax' is unknown; use models, profit_min, profit_max or remove it.",
    ),
}


@pytest.mark.parametrize("situation", NONSENSE)
def test_nonsense_terms_are_refused_at_load(model_server: Server, situation: str) -> None:
    extra, sentence = NONSENSE[situation]
    model_server.add("careless", extra, source="feedback")

    answer = model_server.load("careless")

    assert (answer.status_code, answer.json()) == (422, {"error": f"Model 'careless' cannot load: {sentence}"})
