"""Our judge in the simulator says what the operator would say, run by run."""

import numpy as np
import pytest
from modelrollout.judge import guardrails, restarts, rules, verdicts
from modelrollout.judge.verdicts import Verdict
from modelrollout.simulate import catalogue, climbs, jobs, ours, runs, scenarios, worlds
from modelrollout.simulate.climbs import Step
from modelrollout.simulate.jobs import Job
from modelrollout.simulate.ours import Guarded, Ours
from modelrollout.simulate.qualities import Errors, Latency, Rewards
from modelrollout.simulate.runs import Until
from simulated import world

ERRORS = Guarded("quality", rules.error_ratio("errors"))
HARMED = world(per_second=100.0, hours=0.5, harm={"quality": 2.0})


def test_many_runs_at_once_get_the_verdicts_that_each_would_get_alone() -> None:
    qualities = {"errors": Errors(0.02), "slow": Latency(), "wrong": Errors(0.1)}
    of = worlds.World("mixed", 20.0, qualities, {"errors": 1.8, "wrong": 1.1}, hours=0.5)
    guarded = (
        Guarded("errors", rules.error_ratio("errors"), critical=True),
        Guarded("slow", rules.latency_increase("slow", 0.95, 0.2, 10.0, Latency().history())),
        Guarded("wrong", rules.share_drop("wrong")),
    )
    judge = Ours(guarded).start(of, 40)

    seen = set()
    for look in worlds.looks(of, 40, worlds.generator(of.name)):
        said = judge.advance(look)
        for run in range(40) if look.number % 10 == 0 else ():
            verdict = _decided(judge, run)
            seen.add(verdict)
            assert bool(said.failed[run]) == (verdict is Verdict.FAIL)
            if verdict is not Verdict.FAIL:
                assert bool(said.passed[run]) == (verdict is Verdict.PASS)
    assert {Verdict.FAIL, Verdict.INCONCLUSIVE} <= seen


def _decided(judge: ours.Judge, run: int) -> Verdict:
    shares = verdicts.equal_weights(["errors", "slow", "wrong"], ["errors"])
    judged = [
        verdicts.Judged(one.rule.name, guardrails.read(one.rule, state), shares[one.rule.name])
        for one, state in zip(judge.ours.guarded, judge.states, strict=True)
    ]
    return verdicts.decide(judged, run=run).verdict


def test_a_run_does_not_feel_the_others() -> None:
    everyone = list(worlds.looks(HARMED, 5, worlds.generator(HARMED.name)))
    schedule = restarts.Schedule(2880, 1)
    state = guardrails.start(ERRORS.rule)

    for look in everyone:
        pair = look.measured["quality"]
        third = ours.block(ERRORS, Errors(0.01), look)
        gamma = schedule.gamma(look.number, look.stage)
        if look.stage:
            state = guardrails.begin_stage(ERRORS.rule, state)
        alone = ours.evidence.counts(
            pair.candidate.total[2], pair.candidate.events[2], pair.baseline.total[2], pair.baseline.events[2], 0.05
        )
        assert third.candidate_events[2] == alone.candidate_events[0]
        state = guardrails.advance(ERRORS.rule, state, alone, gamma, gamma)

    together = Ours((ERRORS,)).start(HARMED, 5)
    for look in everyone:
        together.advance(look)
    assert together.states[0].fail_max[2] == pytest.approx(state.fail_max[0])


def test_a_latency_rule_reads_its_own_edges_and_a_mean_rule_its_sums() -> None:
    slow = Guarded("quality", rules.latency_increase("slow", 0.95, 0.2, 10.0, Latency().history()))
    latency, reward = world(Latency()), world(Rewards())
    looks = [next(iter(worlds.looks(of, 2, worlds.generator("x")))) for of in (latency, reward)]

    edges = ours.block(slow, Latency(), looks[0])
    ranged = Guarded("quality", rules.share_drop("reward", 0.01), sign=-1.0, ends=(0.0, 4.0))
    plain = ours.block(Guarded("quality", rules.mean_drop("reward")), Rewards(), looks[1])
    badness = ours.block(ranged, Rewards(), looks[1])

    columns = [Latency().edges_ms.index(edge) for edge in slow.rule.edges_ms]
    assert (edges.baseline_events == looks[0].measured["quality"].baseline.events[:, columns]).all()
    assert (plain.baseline_events == looks[1].measured["quality"].baseline.events).all()
    assert badness.baseline_events == pytest.approx(plain.baseline_events / 4)  # less is better: badness is x/4


def test_driving_in_batches_keeps_every_run_and_stops_when_all_are_done() -> None:
    found = runs.drive(HARMED, [Ours((ERRORS,))], 70, Until.FAILED, batch=30)["ModelRollout"]

    assert found.failed.shape == found.passed.shape == (70,)
    assert np.isfinite(found.failed).all()
    assert (np.diff(np.unique(found.failed * 2)) % 1 == 0).all()


def test_a_climb_of_one_stage_is_the_judge_on_a_steady_share() -> None:
    of = world(per_second=100.0, hours=1.0)
    judge = Ours((ERRORS,), planned_looks=120)

    climbed = climbs.climb(of, judge, [Step(0.05, soak_minutes=0.0)], 60)

    steady = runs.drive(of, [judge], 60, batch=climbs.BATCH)["ModelRollout"]
    # The climb knows of a second stage (weight 100), so a little less of the stake is placed at the first look.
    both = np.isfinite(steady.passed) & np.isfinite(climbed.promoted)
    assert both.mean() > 0.9
    assert np.median(np.abs(climbed.promoted[both] - steady.passed[both])) <= 1.0


def test_a_climb_keeps_the_soak_the_gates_and_the_order_of_the_stages() -> None:
    of = world(per_second=300.0, hours=2.0)
    steps = [Step(0.05, soak_minutes=10.0), Step(0.25, soak_minutes=3.0, min_requests=10), Step(0.5, soak_minutes=5.0)]

    climbed = climbs.climb(of, Ours((ERRORS,)), steps, 60)

    arrived = np.isfinite(climbed.promoted)
    assert arrived.mean() > 0.9
    assert (climbed.spent(0) >= 10).all()
    assert (climbed.spent(1) == 3.0).all()  # it needs no Pass, only time and requests
    assert (climbed.spent(2) >= 5).all()
    assert (np.diff(climbed.entered[arrived], axis=1) > 0).all()
    assert not np.isfinite(climbed.rolled_back[arrived]).any()
    assert not climbed.lacking[arrived].any()


def test_a_stage_that_reaches_its_end_undecided_stays_there() -> None:
    of = world(per_second=1.0, hours=1.0)

    climbed = climbs.climb(of, Ours((ERRORS,)), [Step(0.05, max_minutes=20.0)], 40)

    assert (climbed.undecided[np.isinf(climbed.rolled_back)] == 20.0).all()
    assert climbed.is_open.sum() >= 38
    assert climbed.lacking[climbed.is_open].all()


def test_a_harmful_candidate_never_gets_to_the_top() -> None:
    climbed = climbs.climb(
        world(per_second=100.0, hours=3.0, harm={"quality": 2.0}), Ours((ERRORS,)), [Step(0.05), Step(0.5)], 80
    )

    assert np.isfinite(climbed.rolled_back).all()
    assert np.isinf(climbed.promoted).all()


def test_mixed_states_take_each_run_from_where_it_belongs() -> None:
    one, other = guardrails.start(ERRORS.rule, 3), guardrails.start(ERRORS.rule, 3)
    block = ours.evidence.counts([[50.0]] * 3, [[9.0]] * 3, [[900.0]] * 3, [[9.0]] * 3)
    other = guardrails.advance(ERRORS.rule, other, block, 1.0, 1.0)

    found = climbs.mixed(np.array([True, False, True]), one, other)

    assert (found.fail.bets[[0, 2]] == one.fail.bets[[0, 2]]).all()
    assert (found.fail.bets[1] == other.fail.bets[1]).all()
    assert found.seen.candidate_total[:, 0].tolist() == [0.0, 50.0, 0.0]
    assert found.looks == 1


def test_jobs_give_the_same_results_in_one_process_and_in_two() -> None:
    listed = [
        Job(
            scenarios.cell(scenarios.ERRORS, 100.0, True),
            (scenarios.ours(scenarios.rule_of(scenarios.ERRORS)),),
            20,
            Until.FAILED,
        ),
        Job(
            scenarios.cell(scenarios.ACCURACY, 100.0, True), scenarios.fast_peers(scenarios.ACCURACY), 20, Until.FAILED
        ),
    ]
    told: list[int] = []

    alone = jobs.play(listed, 1, lambda done, _: told.append(done))
    shared = jobs.play(listed, 2, lambda *_: None)

    assert told == [1, 2]
    assert alone.keys() == shared.keys()
    assert all((alone[key].failed == shared[key].failed).all() for key in alone)


def test_every_scenario_has_a_name_of_its_own() -> None:
    keys = [(job.world.name, one.name) for job in catalogue.everything(10) for one in job.contestants]

    assert len(keys) == len(set(keys))
