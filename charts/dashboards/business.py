"""What predictions were worth, once the truth was known: the counters that the feedback model keeps for each arm."""

from about import ARMS, MARKS, MODELS, ROLLOUT
from grafana import Dashboard, Panel, Row, Target, choice, graph, number

WINDOW = choice("window", "Over", ["5m", "15m", "1h", "6h", "1d"], "15m")


def grown(metric: str, arm: str = MODELS) -> str:
    """How much a counter grew in the window, by model; all versions together."""
    return f"sum by (model) (increase({metric}{{{arm}}}[$window]))"


def changed(metric: str, arm: str = MODELS) -> str:
    """How much a sum changed in the window, up or down."""
    return f"sum by (model) (delta({metric}{{{arm}}}[$window]))"


def only(arm: str) -> str:
    return f'namespace=~"$where", model="${arm}"'


def accuracy(arm: str = MODELS) -> str:
    return f"{grown('model_predictions_correct_total', arm)} / {grown('model_predictions_labelled_total', arm)}"


def profit(arm: str = MODELS) -> str:
    return f"{changed('model_profit_sum', arm)} / {grown('model_profit_count_total', arm)}"


def between(what: str) -> str:
    """The candidate's value less the baseline's."""
    return f"sum({what.replace(MODELS, only('candidate'))}) - sum({what.replace(MODELS, only('baseline'))})"


SPREAD = (
    f"sqrt(clamp_min({grown('model_profit_sum_of_squares_total')} / {grown('model_profit_count_total')}"
    f" - ({profit()}) ^ 2, 0))"
)
HEAD: list[Panel] = [
    number(
        "Accuracy, candidate less baseline",
        "Difference of the shares of labelled predictions that came true.",
        Target(between(accuracy())),
        unit="percentunit",
        width=8,
    ),
    number(
        "Profit, candidate less baseline",
        "Difference of the mean profit of a prediction.",
        Target(between(profit())),
        width=8,
    ),
    number(
        "Gained by the candidate",
        "What the candidate's predictions brought more than the baseline's would have brought on the mean: "
        "negative is the price of the trial.",
        Target(f"({between(profit())}) * sum({grown('model_profit_count_total', only('candidate'))})"),
        width=8,
    ),
]
WORTH: list[Panel] = [
    graph(
        "Accuracy",
        "Share of the labelled predictions that came true.",
        Target(accuracy(), "{{model}}"),
        unit="percentunit",
    ),
    graph("Mean profit", "Mean profit of a prediction whose profit is known.", Target(profit(), "{{model}}")),
    graph(
        "Spread of the profit",
        "Standard deviation of the profit of a prediction: what a margin in sd is measured by.",
        Target(SPREAD, "{{model}}"),
    ),
    graph(
        "Profit so far",
        "Sum of all known profits since the feedback model started.",
        Target(f"sum by (model) (model_profit_sum{{{MODELS}}})", "{{model}}"),
        width=12,
    ),
    graph(
        "What the guardrails make of it",
        "Rates that the rollout's own guardrails counted since the last gate.",
        Target(f"modelrollout_guardrail_rate{{{ROLLOUT}}}", "{{guardrail}} {{role}}"),
        width=12,
    ),
]
LABELS: list[Panel] = [
    graph(
        "Labels",
        "Predictions whose truth became known each second.",
        Target(f"sum by (model) (rate(model_predictions_labelled_total{{{MODELS}}}[$window]))", "{{model}}"),
        unit="ops",
    ),
    graph(
        "Age of the labels",
        "Median time from a prediction until its truth became known: what labelDelay must cover.",
        Target(
            "histogram_quantile(0.5, sum by (model, le) "
            f"(rate(model_prediction_age_seconds_bucket{{{MODELS}}}[$window])))",
            "{{model}}",
        ),
        unit="s",
    ),
    graph(
        "Labels that did not count",
        "Labels that had been counted before, and requests that were refused, each second.",
        Target(f"sum by (model) (rate(model_feedback_repeated_total{{{MODELS}}}[$window]))", "{{model}} repeated"),
        Target(
            'sum by (reason) (rate(model_feedback_refused_total{namespace=~"$where"}[$window])) > 0 or vector(0)',
            "refused {{reason}}",
        ),
        unit="ops",
    ),
]

DASHBOARD = Dashboard(
    uid="modelrollout-business",
    title="ModelRollout / Business impact",
    description="What the predictions of the baseline and the candidate were worth.",
    rows=[Row("Candidate against baseline", HEAD), Row("Worth", WORTH), Row("Labels", LABELS)],
    variables=[*ARMS, WINDOW],
    annotations=MARKS,
)
