"""Every command of the plugin: where it lives and what it does. Nothing is imported before it is used."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command. Its module has `add(parser)`, which declares options, and `run(options) -> int`, the exit code."""

    module: str
    help: str


GROUPS: dict[str, dict[str, Command]] = {
    "See": {
        "get": Command("get", "where a rollout stands, why, and what happens next"),
        "list": Command("listing", "every rollout in one table"),
        "status": Command("status", "wait until a rollout has ended; the exit code says how"),
        "history": Command("history", "what was decided, when and on whose word"),
        "explain": Command("explain", "why a rollout did what it did, in sentences"),
        "report": Command("report", "one page of HTML with plots, to keep or to send"),
    },
    "Tell": {
        "pause": Command("verbs", "hold the rollout where it is; a failed guardrail still rolls back"),
        "resume": Command("verbs", "go on after a pause"),
        "approve": Command("verbs", "give the approval that the present stage waits for"),
        "skip": Command("verbs", "go to the next stage now, without soak or evidence"),
        "promote": Command("verbs", "take the candidate to the last stage now, or end the last stage"),
        "abort": Command("verbs", "put all traffic back on the baseline, from every state"),
        "retry": Command("verbs", "begin a new attempt after one that was rolled back"),
        "restart": Command("verbs", "begin a new attempt, whatever the present one does"),
        "undo": Command("verbs", "take a promotion back: all traffic to the baseline"),
    },
    "Prepare": {
        "lint": Command("lint", "check a ModelRollout file before it is applied"),
        "doctor": Command("doctor", "check that the cluster has what a rollout needs"),
        "set-candidate": Command("set_candidate", "write a new candidate into a YAML file, for pipelines"),
        "simulate": Command("judging", "what the guardrails would do on your traffic"),
        "backtest": Command("judging", "judge the past traffic of two models as a rollout would have"),
        "replay": Command("judging", "read a rollout's looks again and compare the verdict"),
    },
    "Other": {
        "completion": Command("completion", "how a shell completes this command"),
        "version": Command("version", "the versions of the plugin, kubectl and the operator's API"),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}
