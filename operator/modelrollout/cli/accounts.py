"""The account of a rollout in sentences: what happened, because of what, how sure that is, and how to go on.

Pure: a view and the time in, sentences out; the first is the summary.
"""

from modelrollout.api.reasons import MEANING, Reason
from modelrollout.cli import spans, wording
from modelrollout.cli.views import Entry, Rail, Rollout

ENDS = {Reason.ABORTED, Reason.UNDONE, Reason.ROLLED_BACK}
BY_HAND = {Reason.PROMOTED_BY_HAND, Reason.SKIPPED, Reason.APPROVED}
_TROUBLES = ("SpecValid", "CandidatesReady", "TrafficSynced", "MetricsAvailable", "GuardrailsPassing")


def of(rollout: Rollout, now: float) -> list[str]:
    """Every sentence, the summary first."""
    if not rollout.message:
        return [
            f"Nothing was said of {rollout.name} yet.",
            "The operator has not met it: check that it runs and watches this namespace (kubectl modelrollout doctor).",
        ]
    match rollout.outcome:
        case "RolledBack":
            told = _rolled_back(rollout)
        case "Promoted":
            told = _promoted(rollout)
        case _:
            told = _running(rollout, now)
    told = [*told, _cure(rollout, told), *_last_word(rollout, now), *_stale(rollout)]
    return [sentence(one) for one in told if one]


def sentence(words: str) -> str:
    """The words with an end, unless they end with a command to copy."""
    return words if words.endswith((".", "!", "?")) or wording.PLUGIN in words else f"{words}."


# --- rolled back ------------------------------------------------------------------------------------------------------


def _rolled_back(rollout: Rollout) -> list[str]:
    ending = next((one for one in rollout.entries() if one.reason in ENDS), None)
    message = ending.message if ending else rollout.message
    what, _, why = message.partition(": ")
    by = f" by {ending.by}" if ending and ending.by and ending.by not in what else ""
    return [
        f"{what}{by}{_after(rollout, ending)}",
        _why(ending, why),
        *_chance(rollout, why),
        _judged(rollout),
        _confirmed(rollout, ending),
    ]


def _why(ending: Entry | None, why: str) -> str:
    """The verdict, or the words of who ended it."""
    if not why:
        return ""
    return f"The reason given: {why}" if ending is not None and ending.by else f"Because {why}"


def _after(rollout: Rollout, ending: Entry | None) -> str:
    """How long after the attempt began."""
    began = next((one.time for one in rollout.entries() if one.reason == Reason.ATTEMPT_STARTED), None)
    if ending is None or ending.time is None or began is None:
        return ""
    return f", {spans.short(ending.time - began)} after attempt {rollout.attempt} began"


def _chance(rollout: Rollout, why: str) -> list[str]:
    """How often a healthy candidate meets this verdict: only guardrails that count have a bound."""
    failed = [one for one in rollout.rails if one.verdict == "Fail" and one.name in why]
    if not failed:
        return []
    if any(one.name in rollout.queries for one in failed):
        return ["A query is compared with its limit as it is: this verdict has no bound for chance"]
    alpha = _spaced(rollout.alpha)
    return [
        f"Chance of a rollback for a candidate that is no worse: at most {alpha} over the whole rollout, "
        "however often it was looked at"
    ]


def _confirmed(rollout: Rollout, ending: Entry | None) -> str:
    """When weight 0 was in force, and whether clients' requests show it."""
    if rollout.applied_at is None:
        return f"Weight 0 is on its way: {rollout.weight} % is what is known to be in force"
    since = "" if ending is None or ending.time is None else f" {_within(rollout.applied_at - ending.time)}"
    synced = rollout.condition("TrafficSynced")
    if synced is None or synced.status != "True":
        why = synced.message if synced else MEANING[Reason.NOT_CONFIRMED]
        return f"Weight 0 was in force{since}; {why[0].lower()}{why[1:]}"
    return f"Weight 0 was in force{since}, and clients' requests have confirmed it"


def _within(length: float) -> str:
    """The history counts whole seconds."""
    return "within a second of that" if length < 1 else f"{spans.short(length)} after that"


# --- promoted ---------------------------------------------------------------------------------------------------------


def _promoted(rollout: Rollout) -> list[str]:
    ended = next((one for one in rollout.entries() if one.reason in {Reason.PROMOTED, Reason.PROMOTED_BY_HAND}), None)
    hands = [one for one in rollout.entries() if one.reason in BY_HAND]
    passed = [one for one in rollout.rails if one.verdict == "Pass"]
    alpha = _spaced(rollout.alpha)
    return [
        f"{rollout.message}{_after(rollout, ended)}",
        *(
            f"{one.message}{f' (by {one.by})' if one.by and one.by not in one.message else ''}"
            for one in reversed(hands)
        ),
        *(_measured(one) for one in passed),
        f"Chance that a candidate beyond a limit passes that guardrail in a stage: at most {alpha}"
        if passed and not hands
        else "",
        _judged(rollout),
        f"To take it back: {wording.hint('undo', rollout)}",
    ]


def _measured(rail: Rail) -> str:
    if rail.message:
        return rail.message
    return f"{rail.name}: {rail.estimate}, {wording.measured(rail)}, limit {rail.limit}".replace(", ,", ",")


# --- running ----------------------------------------------------------------------------------------------------------


def _running(rollout: Rollout, now: float) -> list[str]:
    place = wording.where(rollout)
    return [
        f"The rollout {rollout.name} {_phase(rollout)}, {place}"
        + (f", attempt {rollout.attempt}" if rollout.attempt else ""),
        "" if _is_held_by_hand(rollout) else rollout.message,
        *_held(rollout, now),
        *_undecided(rollout),
        _judged(rollout),
        *_wrong(rollout),
        *_next(rollout, now),
    ]


def _phase(rollout: Rollout) -> str:
    words = {
        "Paused": "is paused",
        "Degraded": "is stuck until a person acts",
        "Pending": "waits to begin",
        "Promoting": "is taking over",
    }
    return words.get(rollout.phase, "goes on")


def _held(rollout: Rollout, now: float) -> list[str]:
    """Who holds it, since when and why."""
    pause = rollout.pause
    if pause is None:
        return []
    since = f" for {wording.age(pause.since, now)}" if pause.since is not None else ""
    return [f"{pause.by or 'Somebody'} has held it{since}" + (f": {pause.reason}" if pause.reason else "")]


def _is_held_by_hand(rollout: Rollout) -> bool:
    """True when the message speaks of the pause, and of nothing that comes before it."""
    paused = rollout.condition("Paused")
    return rollout.pause is not None and paused is not None and paused.reason == Reason.PAUSED_BY_HAND


def _undecided(rollout: Rollout) -> list[str]:
    """What is known of each guardrail that has not passed."""
    told = []
    for rail in rollout.rails:
        if rail.verdict == "Pass" or (rail.message and rail.message in rollout.message):
            continue
        leaning = f" for {rail.evidence_for}" if rail.evidence_for else ""
        word = wording.VERDICTS.get(rail.verdict, rail.verdict)
        soon = wording.eta(rail)
        told.append(
            f"{rail.name} is {word}: {rail.estimate or 'nothing counted yet'}; it has {rail.evidence} % of the "
            f"evidence{leaning}" + (f", {soon}" if soon else "")
        )
    return told


def _wrong(rollout: Rollout) -> list[str]:
    """Conditions that are not as they should be, unless they are the message."""
    said = [one for one in (rollout.condition(name) for name in _TROUBLES) if one is not None]
    return [one.message for one in said if one.status == "False" and one.message and one.message not in rollout.message]


def _next(rollout: Rollout, now: float) -> list[str]:
    steps = wording.next_steps(rollout, now)
    return [f"Next: {'; '.join(steps)}"] if steps else []


# --- always -----------------------------------------------------------------------------------------------------------


def _judged(rollout: Rollout) -> str:
    """How many requests all this stands on; the stage's alone when those of the whole attempt are not known."""
    known, of_stage = wording.judged(rollout.requests), rollout.stage.requests if rollout.stage else ()
    here = wording.judged(of_stage)
    if not known:
        return f"Judged in stage {rollout.stage_number}: {here}" if here else ""
    is_part = here and of_stage != rollout.requests
    part = f", {sum(of_stage[1:]):,} and {of_stage[0]:,} of them in stage {rollout.stage_number}" if is_part else ""
    return f"Judged in attempt {rollout.attempt}: {known}{part}"


def _last_word(rollout: Rollout, now: float) -> list[str]:
    """A refusal is easily missed; what was done stands in the history."""
    told = rollout.told
    if told is None or told.result != "Refused":
        return []
    when = f" {wording.age(told.time, now)} ago" if told.time is not None else ""
    return [f"{told.by or 'Somebody'} said {told.verb or 'something'}{when}, which was refused: {told.message}"]


def _stale(rollout: Rollout) -> list[str]:
    if rollout.is_current:
        return []
    return ["The operator has not read the newest spec yet: all this is about the one before"]


def _cure(rollout: Rollout, told: list[str]) -> str:
    """Its last words, unless one of the sentences names the command already."""
    said = " ".join(told)
    words = wording.cure(rollout, said)
    return words[:1].upper() + words[1:]


def _spaced(share: str) -> str:
    return share.replace("%", " %").replace("  ", " ")
