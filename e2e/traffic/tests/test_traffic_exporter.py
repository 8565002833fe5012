"""The page for dashboards: names, labels, values, and a bound on how much there is."""

from __future__ import annotations

import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.traffic.exporter import MOST_ARMS, Exporter
from e2e.traffic.records import NO_ANSWER, Answer, Outcome

ANSWER = Answer(at=0.0, arm="blue", code=200, seconds=0.007, version="2")


def value(exporter: Exporter, name: str, **labels: str) -> float | None:
    return exporter.registry.get_sample_value(name, {"experiment": "e", "version": "2", "model": "blue", **labels})


def outcome(is_correct: bool, profit: float) -> Outcome:
    return Outcome(0.0, 1.0, "blue", "2", "bull", is_correct, profit)


def test_requests_are_counted_by_arm_and_code() -> None:
    exporter = Exporter("e")
    for code in (200, 200, 503, NO_ANSWER):
        exporter.answered(Answer(0.0, "blue", code, 0.007, "2"))
    exporter.answered(Answer(0.0, "", 404, 0.007))

    assert value(exporter, "ab_test_requests_total", code="200") == 2
    assert value(exporter, "ab_test_requests_total", code="503") == 1
    assert value(exporter, "ab_test_requests_total", code="none") == 1
    assert value(exporter, "ab_test_requests_total", model="none", version="", code="404") == 1


def test_the_time_of_answers_falls_between_edges_around_it() -> None:
    exporter = Exporter("e")
    exporter.answered(ANSWER)
    exporter.answered(Answer(0.0, "blue", NO_ANSWER, 30.0, "2"))
    exporter.answered(Answer(0.0, "blue", 400, 0.001, "2", is_garbage=True))

    name = "ab_test_response_time_seconds"
    assert [value(exporter, f"{name}_bucket", le=edge) for edge in ("0.006", "0.008", "+Inf")] == [0, 1, 1]
    assert value(exporter, f"{name}_sum") == pytest.approx(0.007)


def test_accuracy_and_profit_are_of_all_labels_so_far() -> None:
    exporter = Exporter("e")
    assert value(exporter, "ab_test_model_accuracy") is None
    for is_correct, profit in [(True, 10.0), (False, -4.0), (True, 3.0)]:
        exporter.told(outcome(is_correct, profit))

    assert value(exporter, "ab_test_model_accuracy") == pytest.approx(2 / 3)
    assert value(exporter, "ab_test_business_impact") == pytest.approx(3.0)


def test_arms_without_end_do_not_make_series_without_end() -> None:
    exporter = Exporter("e")
    for number in range(MOST_ARMS + 50):
        exporter.answered(Answer(0.0, "blue", 200, 0.007, str(number)))
        exporter.told(Outcome(0.0, 1.0, "blue", str(number), "bull", True, 1.0))

    assert value(exporter, "ab_test_requests_total", model="other", version="", code="200") == 50
    assert value(exporter, "ab_test_model_accuracy", model="other", version="") == 1
    series = [sample for family in exporter.registry.collect() for sample in family.samples]
    assert len({sample.labels["version"] for sample in series}) == MOST_ARMS + 1


def test_the_page_is_there_while_it_is_served_and_says_what_its_numbers_mean(port: int) -> None:
    exporter = Exporter("e")
    exporter.answered(ANSWER)
    exporter.told(outcome(True, 12.0))
    with exporter.serve(port):
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60).read().decode()

    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert {name for name in families if not name.endswith("_created")} == {
        "ab_test_requests",
        "ab_test_response_time_seconds",
        "ab_test_model_accuracy",
        "ab_test_business_impact",
    }
    assert "basis points" in families["ab_test_business_impact"].documentation
    with exporter.serve(port), pytest.raises(OSError, match="in use"), exporter.serve(port):
        pass
