"""Results as Markdown tables."""

from collections.abc import Iterable, Sequence
from math import isfinite

from modelrollout.judge.arrays import Floats
from modelrollout.simulate import predictions, scenarios, summary, variations, waiting
from modelrollout.simulate.jobs import Results
from modelrollout.simulate.scenarios import BUSY, KINDS, TRAFFIC, Kind
from modelrollout.simulate.targets import Target

OURS = "ModelRollout"
PEERS = ("Argo-style", "Flagger-style", "Kayenta /min", "Kayenta /h", "Mann-Whitney /min", "z per look")
RARELY = 0.5  # a median is not told of what fewer runs than this came to


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: names to the left, figures to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def percent(share: float) -> str:
    """A share with one decimal where it is small."""
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def minutes(value: float) -> str:
    """Minutes, to the half minute below ten."""
    if not isfinite(value):
        return "–"
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def false_rate(times: Floats) -> str:
    """How often, and after how long when that was the rule rather than the exception."""
    found = summary.delay(times)
    said = percent(found.reached.share)
    return f"{said} ({minutes(found.median)} min)" if found.reached.share > RARELY else said


def waited(times: Floats) -> str:
    """Median and 90 % point in minutes; the share that got there when it is not nearly all."""
    found = summary.delay(times)
    if not found.reached.hits:
        return "never"
    said = f"{minutes(found.median)} ({minutes(found.ninety)})" if isfinite(found.median) else "–"
    return said if found.reached.share > 0.995 else f"{said}, {percent(found.reached.share)} in all"


def identical(results: Results) -> str:
    """False rollback of an identical candidate within a day, nine cells, all rules."""
    head = ["guardrail", "req/s", f"**{OURS}**", *PEERS]
    return table(head, (_identical_row(results, kind, traffic) for kind in KINDS for traffic in TRAFFIC))


def _identical_row(results: Results, kind: Kind, traffic: float) -> list[str]:
    world = scenarios.cell(kind, traffic, harmful=False).name
    found = {name: results[world, name].failed for name in (OURS, *PEERS) if (world, name) in results}
    told = [false_rate(found[name]) if name in found else "–" for name in PEERS]
    return [kind.key, f"{traffic:g}", f"**{false_rate(found[OURS])}**", *told]


def harmful(results: Results) -> str:
    """Minutes until a harmful candidate is rolled back, nine cells, all rules."""
    head = ["guardrail", "req/s", "T80", f"**{OURS}**", "median / T80", *PEERS]
    return table(head, (_harmful_row(results, kind, traffic) for kind in KINDS for traffic in TRAFFIC))


def _harmful_row(results: Results, kind: Kind, traffic: float) -> list[str]:
    world, t80 = scenarios.cell(kind, traffic, harmful=True).name, kind.t80(traffic)
    own = results[world, OURS].failed
    median = summary.delay(own).median
    peers = [_median(results[world, name].failed) if (world, name) in results else "–" for name in PEERS]
    return [kind.title, f"{traffic:g}", minutes(t80), f"**{waited(own)}**", f"{median / t80:.2f}", *peers]


def _median(times: Floats) -> str:
    found = summary.delay(times)
    if isfinite(found.median):
        return minutes(found.median)
    return f"{percent(found.reached.share)} in 24 h" if found.reached.hits else "never"


def stress(results: Results) -> str:
    """False rollback of an identical candidate on difficult ground, errors, within a day."""
    judged = {
        "z per look": "z per look",
        "dispersion 1": scenarios.PLAIN,
        "**default**": OURS,
        "**clustered: true**": scenarios.CLUSTERED,
        "**default, a day of history**": scenarios.INFORMED,
    }
    rows = []
    for name in scenarios.STRESS:
        both = [scenarios.stressed(name, traffic).name for traffic in BUSY]
        rows.append([name, *(_both(results, both, who) for who in judged.values())])
    return table(["world (10 / 100 req/s)", *judged], rows)


def price(results: Results) -> str:
    """Minutes to the rollback of doubled errors with a day of history, at 10 req/s."""
    rows = (
        [name, waited(results[scenarios.stressed(name, 10.0, 2.0).name, scenarios.INFORMED].failed)]
        for name in scenarios.WITH_HISTORY
    )
    return table(["world", "minutes to rollback, median (90 %)"], rows)


def absolute(results: Results) -> str:
    """An absolute limit with the truth exactly at it, and its price for twice the limit."""
    judged = {"dispersion 1": scenarios.PLAIN, "**default**": OURS, "**clustered: true**": scenarios.CLUSTERED}
    rows = []
    for name in scenarios.ABSOLUTE:
        for what, harm, say in (("at the limit", 1.0, _both), ("twice the limit", 2.0, _both_waits)):
            both = [scenarios.at_limit(name, traffic, harm).name for traffic in BUSY]
            rows.append([f"{name}, {what}", *(say(results, both, who) for who in judged.values())])
    return table(["world (10 / 100 req/s)", *judged], rows)


def _both(results: Results, worlds: Sequence[str], who: str) -> str:
    found = [results.get((world, who)) for world in worlds]
    return " / ".join("–" if one is None else percent(summary.rate(one.failed).share) for one in found)


def _both_waits(results: Results, worlds: Sequence[str], who: str) -> str:
    return " / ".join(_median(results[world, who].failed) for world in worlds) + " min"


def forecasts(results: Results) -> str:
    """What was forecast, and what happened: minutes to the rollback of the harmful, and to the Pass of the equal."""
    rows = []
    for kind in KINDS:
        for traffic in TRAFFIC:
            harmful, equal = (predictions.of_cell(kind, traffic, is_harmful) for is_harmful in (True, False))
            failed = results[scenarios.cell(kind, traffic, True).name, OURS].failed
            passed = results[scenarios.cell(kind, traffic, False).name, OURS].passed
            rolled_back = _forecast(harmful.fail_median_seconds, harmful.fail_90_seconds)
            rows.append(
                [
                    f"{kind.title}, {traffic:g} req/s",
                    rolled_back,
                    waited(failed),
                    _forecast(equal.pass_median_seconds, equal.pass_90_seconds),
                    waited(passed),
                ]
            )
    return table(["guardrail", "rollback: forecast", "simulated", "Pass: forecast", "simulated"], rows)


def _forecast(median_seconds: float, ninety_seconds: float) -> str:
    return f"{minutes(median_seconds / 60)} ({minutes(ninety_seconds / 60)})"


def late_onset(results: Results) -> str:
    """Minutes from the onset of harm at hour 12 to the rollback, beside harm from the first look on."""
    rows = []
    for traffic in BUSY:
        fresh = results[scenarios.cell(scenarios.ERRORS, traffic, harmful=True).name, OURS].failed
        times = results[scenarios.late(traffic).name, OURS].failed
        onset = scenarios.ONSET_HOURS * 60
        before = summary.rate(times, within=onset)
        rows.append([f"{traffic:g}", waited(fresh), waited(summary.after(times, onset)), percent(before.share)])
    head = ["req/s", "harm from the start: min", "harm from hour 12: min after onset", "false rollbacks before"]
    return table(head, rows)


def passes(results: Results) -> str:
    """Minutes until an equal model passes, and how often one at the margin passes within a day."""
    head = ["guardrail", *(f"{traffic:g} req/s at {100 * share:g} %" for traffic, share in waiting.PASS_CELLS)]
    lines = [(name, name, OURS) for name in waiting.PASSES]
    lines.append((f"{waiting.UNTEMPERED}, dispersion 1", waiting.UNTEMPERED, scenarios.PLAIN))
    rows = ([words, *(_pass(results, name, by, *at) for at in waiting.PASS_CELLS)] for words, name, by in lines)
    return table(head, rows)


def _pass(results: Results, name: str, by: str, traffic: float, share: float) -> str:
    equal, margin = (
        results[waiting.passing(name, traffic, share, at_margin).name, by].passed for at_margin in (False, True)
    )
    return f"{waited(equal)}; {percent(summary.rate(margin).share)}"


def floors(results: Results) -> str:
    """Minutes until models with hardly an error pass, with the floor of 0.5 % and without."""
    head = ["errors of both", *(f"{traffic:g} req/s at {100 * share:g} %" for traffic, share in waiting.FLOOR_CELLS)]
    rows = [
        [what, *(waited(results[waiting.rare(rate, *at).name, who].passed) for at in waiting.FLOOR_CELLS)]
        for what, rate, who in (
            ("none", 0.0, OURS),
            ("0.05 %", waiting.RARE, OURS),
            ("0.05 %, without the floor, within 4 h", waiting.RARE, waiting.BY_RATIO),
        )
    ]
    return table(head, rows)


def corner(results: Results) -> str:
    """False Pass of a candidate exactly at the floor and at the margin, 10 / 100 req/s."""
    return " / ".join(
        percent(summary.rate(results[waiting.corner(traffic).name, OURS].passed).share) for traffic in BUSY
    )


def edges(results: Results) -> str:
    """Minutes to the rollback of +20 % latency by single bucket edges and by the average of three."""
    names = {f"{edge:g} ms alone": variations.edge_name(edge) for edge in variations.SINGLE_EDGES}
    names["**average**"] = OURS
    rows = []
    for traffic in TRAFFIC:
        world = scenarios.cell(scenarios.P95, traffic, True).name
        rows.append([f"{traffic:g}", *(waited(results[world, who].failed) for who in names.values())])
    return table(["req/s", *names], rows)


def means(results: Results) -> str:
    """A guardrail on a mean: false rollback of an equal candidate, and minutes to the rollback of 5 % less."""
    rows = (
        [
            name,
            f"{traffic:g}",
            percent(summary.rate(results[variations.rewarding(name, traffic, False).name, OURS].failed).share),
            waited(results[variations.rewarding(name, traffic, True).name, OURS].failed),
        ]
        for name, (_, traffics) in variations.REWARDS.items()
        for traffic in traffics
    )
    return table(["rewards", "req/s", "false rollback in 24 h", "5 % less: min, median (90 %)"], rows)


def combined(results: Results) -> str:
    """Four guardrails that share alpha."""
    equal, one = (results[variations.four(is_harmful).name, OURS].failed for is_harmful in (False, True))
    rows = [[percent(summary.rate(equal).share), waited(one)]]
    return table(["none harmful: false rollback in 24 h", "one harmful: min, median (90 %)"], rows)


def targets(found: Sequence[Target]) -> str:
    """Every target, what was measured, and whether it is kept."""
    rows = ([one.sentence, one.measured, "kept" if one.is_met else "**missed**"] for one in found)
    return table(["target", "measured", ""], rows)
