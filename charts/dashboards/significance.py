"""How certain it is: intervals, p-values, evidence and samples of each guardrail, valid at every look."""

from about import GUARDRAIL, MARKS, ONE, ROLLOUT
from grafana import Dashboard, Panel, Row, Target, graph, line_at, table

RAIL = f'{ROLLOUT}, guardrail=~"$guardrail"'
EACH = f'{ROLLOUT}, guardrail="$guardrail"'
DONE, DONE_LINE = line_at(1)
BAND = [
    {"matcher": {"id": "byName", "options": "upper end"}, "properties": [
        {"id": "custom.fillBelowTo", "value": "lower end"}, {"id": "custom.lineWidth", "value": 1}]},
    {"matcher": {"id": "byName", "options": "lower end"}, "properties": [{"id": "custom.lineWidth", "value": 1}]},
]  # fmt: skip

ALL_RAILS: list[Panel] = [
    table(
        "Verdicts",
        "What each guardrail says now.",
        Target(f"modelrollout_guardrail_verdict{{{RAIL}}}", table=True),
        hidden=("namespace", "modelrollout", "Value"),
    ),
    graph(
        "Evidence",
        "How much of the evidence for a decision there is, and for which; at 100 % it is taken.",
        Target(f"modelrollout_guardrail_evidence_ratio{{{RAIL}}}", "{{guardrail}} {{toward}}"),
        unit="percentunit",
        defaults={"min": 0, **DONE},
        custom=DONE_LINE,
    ),
    graph(
        "p-value",
        "For 'the candidate is not worse': small values speak against the candidate. It may be read at any time, "
        "however often somebody looks.",
        Target(f"modelrollout_guardrail_p_value{{{RAIL}}}", "{{guardrail}}"),
        defaults={"min": 0.0001, "max": 1},
        custom={"scaleDistribution": {"type": "log", "log": 10}},
    ),
]
EACH_RAIL: list[Panel] = [
    graph(
        "$guardrail: where the truth lies",
        "The interval holds the true value at every look; with an error rate or a latency that is the ratio of the "
        "candidate's rate to the baseline's, with a mean or a share their difference.",
        Target(f"modelrollout_guardrail_interval_high{{{EACH}}}", "upper end"),
        Target(f"modelrollout_guardrail_interval_low{{{EACH}}}", "lower end"),
        Target(f"modelrollout_guardrail_ratio{{{EACH}}}", "estimated ratio"),
        width=12,
        repeat="guardrail",
        overrides=BAND,
    ),
]
SAMPLES: list[Panel] = [
    graph(
        "Samples",
        "Requests of each arm since the last gate; with a ratio or a mean, what the models counted.",
        Target(f"modelrollout_guardrail_samples{{{RAIL}}}", "{{guardrail}} {{role}}"),
        width=12,
    ),
    graph(
        "Rates",
        "Share of them that counts against the arm; with a mean, the mean of their values.",
        Target(f"modelrollout_guardrail_rate{{{RAIL}}}", "{{guardrail}} {{role}}"),
        width=12,
    ),
]

DASHBOARD = Dashboard(
    uid="modelrollout-significance",
    title="ModelRollout / A/B significance",
    description="How certain it is that the candidate is no worse than the baseline.",
    rows=[Row("All guardrails", ALL_RAILS), Row("Intervals", EACH_RAIL), Row("Counts", SAMPLES)],
    variables=[*ONE, GUARDRAIL],
    annotations=MARKS,
)
