"""Real traffic through the mesh: repeatable, loyal, and none the worse for a client that sends nonsense."""

from __future__ import annotations

from collections import defaultdict

import httpx
import pytest
from rolloutmodels.climates import VOLATILE, scenario
from traffic_mesh import Mesh

from e2e import waiting
from e2e.traffic import Answer, Labelling, Outcome, Seen, Traffic, garbage
from e2e.traffic.clients import FAULTY
from e2e.traffic.protocol import experiment_headers

pytestmark = pytest.mark.stack

PAIR = experiment_headers("pair")


def run(mesh: Mesh, **more: object) -> Traffic:
    """Traffic that has ended."""
    settings = {"per_second": 30.0, "longest_seconds": 2.0, **more}
    with Traffic(mesh.url, **settings) as traffic:  # type: ignore[arg-type]
        assert traffic.wait(120), "the traffic has not ended"
    return traffic


def by_client(answers: tuple[Answer, ...]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        found[answer.client].append(answer)
    return found


def test_a_seed_asks_the_same_in_the_same_order_and_the_market_says_the_same_of_it(mesh: Mesh) -> None:
    def told(seed: int) -> list[tuple[object, ...]]:
        traffic = run(mesh, model="blue", seed=seed, windows=3, clients=4, labelling=Labelling())
        assert not traffic.seen().failed
        # The windows of one request are told of in any order.
        outcomes = sorted(traffic.outcomes(), key=lambda outcome: (outcome.predicted_at, outcome.profit))
        return [(one.regime, one.is_correct, one.profit) for one in outcomes]

    first, again, other = told(5), told(5), told(6)

    assert first == again
    assert len(first) == len(other) == 3 * 60
    assert first != other


def test_clients_that_stay_are_answered_by_one_arm_and_the_others_by_both(mesh: Mesh) -> None:
    loyal, fickle = ({f"client-{number}" for number in range(first, 17, 2)} for first in (1, 2))

    def is_clear(traffic: Traffic) -> bool:
        """Every loyal client has asked often for its arm, and every other was answered by both."""
        stayed = by_client(tuple(answer for answer in traffic.seen().answers if answer.is_sticky))
        often = {name for name, answers in stayed.items() if len(answers) >= 10}
        return loyal <= often and fickle <= {name for name, arms in _arms(traffic).items() if len(arms) == 2}

    with Traffic(mesh.url, "pair", 80.0, longest_seconds=300, headers=PAIR, clients=16, sticky=0.5) as traffic:
        waiting.until(lambda: is_clear(traffic), "it is clear which clients stay")

    seen = traffic.seen()
    assert not seen.failed
    assert {answer.version for answer in seen.answers} == {"1"}
    assert set(_staying(traffic)) == loyal
    assert {len(arms) for arms in _staying(traffic).values()} == {1}


def test_a_client_whose_arm_is_gone_complains_and_finds_another(mesh: Mesh) -> None:
    mesh.serve("moving", "lightweight")
    mesh.split("journey", "moving", "blue")
    headers = experiment_headers("journey")
    with Traffic(mesh.url, "journey", 80.0, longest_seconds=300, headers=headers, clients=40, sticky=1.0) as traffic:
        waiting.until(lambda: len(_staying(traffic)) == 40, "all clients have their arm")
        pinned = {name for name, arms in _staying(traffic).items() if arms == {"moving"}}
        mesh.serve("moving", "baseline")
        waiting.until(lambda: {answer.client for answer in traffic.seen().failed} == pinned, "all have complained")
        waiting.until(lambda: _versions(traffic, "moving") == {"1", "2"}, "some have found the new version")
        waiting.until(lambda: not Seen(traffic.seen().answers[-400:]).failed, "nobody complains any more")

    assert {answer.code for answer in traffic.seen().failed} == {404}


def _arms(traffic: Traffic) -> dict[str, set[str]]:
    """Arms by the names of all clients."""
    return {name: {one.arm for one in answers} for name, answers in by_client(traffic.seen().answers).items()}


def _staying(traffic: Traffic) -> dict[str, set[str]]:
    """Arms by the names of the clients that stay with them."""
    answers = by_client(tuple(answer for answer in traffic.seen().answers if answer.is_sticky and answer.is_ok))
    return {name: {answer.arm for answer in mine} for name, mine in answers.items()}


def _versions(traffic: Traffic, arm: str) -> set[str]:
    return {answer.version for answer in traffic.seen().answers if answer.arm == arm}


@pytest.mark.parametrize("kind", garbage.bodies())
def test_nonsense_is_refused(mesh: Mesh, kind: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{mesh.url}/v2/models/blue/infer", content=garbage.bodies()[kind], headers=headers, timeout=30)

    assert answer.status_code in (400, 422), answer.text


def test_nonsense_harms_nobody_else(mesh: Mesh) -> None:
    seen = run(mesh, model="pair", headers=PAIR, garbage=0.3, clients=3, longest_seconds=3.0).seen()

    nonsense = [answer for answer in seen.answers if answer.is_garbage]
    assert len(nonsense) > 2 * len(garbage.bodies())
    assert {answer.client for answer in nonsense} == {FAULTY}
    assert not seen.swallowed
    assert not seen.failed
    assert len(seen.answers) == 90


def test_the_climate_follows_the_scenario_until_somebody_rules(mesh: Mesh) -> None:
    traffic = Traffic(mesh.url, "blue", 30.0, longest_seconds=300, scenario=scenario("calm,crash@2"))
    assert traffic.climate.name == "calm"
    with traffic:
        waiting.until(lambda: "crash" in _climates(traffic), "the crash has come")
        traffic.rule(VOLATILE)
        waiting.until(lambda: "volatile" in _climates(traffic), "the market is volatile")

    answers = sorted(traffic.seen().answers, key=lambda answer: answer.at)
    assert list(dict.fromkeys(answer.climate for answer in answers)) == ["calm", "crash", "volatile"]
    assert not traffic.seen().failed


def _climates(traffic: Traffic) -> set[str]:
    return {answer.climate for answer in traffic.seen().answers}


def test_an_address_where_nobody_is_gives_failed_requests_and_no_end_of_them_is_waited_for() -> None:
    traffic = Traffic("http://127.0.0.1:9", "blue", 50.0, longest_seconds=1.0, labelling=Labelling("feedback"))
    with traffic:
        assert traffic.wait(60)

    assert [answer.code for answer in traffic.seen().failed] == [0] * 50
    assert not traffic.outcomes()


class _Broken:
    """A watcher with a mistake in it."""

    def answered(self, answer: Answer) -> None:
        raise RuntimeError(f"no place for {answer.code}")

    def told(self, outcome: Outcome) -> None:
        raise AssertionError(outcome)


def test_traffic_that_broke_off_says_so_when_it_is_stopped() -> None:
    traffic = Traffic("http://127.0.0.1:9", "blue", 50.0, longest_seconds=300, watchers=(_Broken(),)).start()

    assert traffic.wait(60), "it went on as if nothing had happened"
    with pytest.raises(ExceptionGroup) as broken:
        traffic.stop()
    assert "no place for 0" in str(broken.value.exceptions[0])


# -- labels


@pytest.mark.parametrize("windows", [1, 4])
def test_feedback_counts_what_clients_told_each_label_once(mesh: Mesh, windows: int) -> None:
    metrics = ("predictions_labelled_total", "predictions_correct_total", "prediction_age_seconds_count")
    before = {(arm, metric): mesh.counted(f"model_{metric}", arm) for arm in ("blue", "green") for metric in metrics}
    labelling = Labelling("feedback", lost=0.2, repeated=0.5, cost=1.5)
    how = {"windows": windows, "clients": 3, "labelling": labelling, "per_second": 60.0, "garbage": 0.1}
    traffic = run(mesh, model="pair", headers=PAIR, **how)
    teller = traffic.teller
    assert teller is not None
    assert (teller.refused, teller.given_up, traffic.seen().failed) == ([], 0, [])

    for arm in ("blue", "green"):
        answered = sum(answer.arm == arm and answer.is_ok for answer in traffic.seen().answers)
        told = [outcome for outcome in traffic.outcomes() if outcome.arm == arm]
        truth = teller.truth[arm]
        assert 0.5 * windows * answered < truth.labelled == len(told) < windows * answered
        assert truth.correct == sum(outcome.is_correct for outcome in told)
        assert truth.profit_sum == pytest.approx(sum(outcome.profit for outcome in told))
        counted = [mesh.counted(f"model_{metric}", arm) - before[arm, metric] for metric in metrics]
        assert counted == [truth.labelled, truth.correct, truth.labelled]
    assert sum(mesh.counted("model_feedback_repeated_total", arm) for arm in ("blue", "green")) > 0
    assert {outcome.regime for outcome in traffic.outcomes()} == {"bull", "bear", "sideways", "volatile"}


def test_without_a_feedback_model_clients_know_the_truth_all_the_same(mesh: Mesh) -> None:
    before = mesh.counted("model_predictions_labelled_total", "blue")
    traffic = run(mesh, model="blue", labelling=Labelling())

    assert len(traffic.outcomes()) == 60
    assert mesh.counted("model_predictions_labelled_total", "blue") == before


def test_labels_are_told_when_they_are_due_and_the_rest_when_clients_leave(mesh: Mesh) -> None:
    labelling = Labelling("feedback", delay_seconds=1.0, spread_seconds=0.0)
    with Traffic(mesh.url, "blue", 30.0, longest_seconds=300, labelling=labelling) as traffic:
        waiting.until(lambda: len(_batches(traffic)) > 2, "labels have been told in several batches")
        told = traffic.outcomes()

    assert min(outcome.told_at - outcome.predicted_at for outcome in told) >= 1.0
    assert len(traffic.outcomes()) == len(traffic.seen().answers) > len(told)
    assert traffic.outcomes(since=told[-1].told_at)[-1] == traffic.outcomes()[-1]
    assert set(traffic.outcomes(since=told[-1].told_at)).isdisjoint(told[:1])


def _batches(traffic: Traffic) -> set[float]:
    """When labels were told."""
    return {outcome.told_at for outcome in traffic.outcomes()}
