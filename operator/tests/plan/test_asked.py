"""The PromQL that people are shown goes from the look into the status, and stays there."""

from dataclasses import replace

from decisions import decide
from factories import ERRORS, GOOD, HISTORY, LATENCY, SILENT, experiment, spec, status, world
from modelrollout.api.status import Verdict
from modelrollout.plan import evidence

ASKED = {"errors": "sum(a) / sum(b)", "latency": "sum(c)"}
LOOK = replace(GOOD, asked=ASKED)


def test_each_guardrail_carries_the_query_of_the_look() -> None:
    of = spec(guardrails=[ERRORS, LATENCY])

    judged = evidence.judge(of, status(of), replace(LOOK, gaps={"latency": "no edge"}), None, HISTORY)

    assert {one.name: one.query for one in judged.guardrails} == ASKED
    assert judged.guardrails[1].verdict is Verdict.NO_DATA


def test_a_silence_leaves_the_queries_where_they_are() -> None:
    of = spec(guardrails=[ERRORS, LATENCY])
    seen = decide(of, status(of), world(experiment(90, 10), look=LOOK)).status

    silent = decide(of, seen, world(experiment(90, 10), look=SILENT)).status

    assert {one.name: one.query for one in silent.guardrails} == ASKED
