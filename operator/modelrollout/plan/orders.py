"""What a person told the rollout to do: each token is acted on once, and every answer is kept and told.

`abort` wins from every state, for nothing that is known later can speak against it. Every other verb is refused in
one sentence when it makes no sense where the rollout stands.
"""

from modelrollout.api import orders
from modelrollout.api.orders import ACTION, Order, OrderUnclear, Verb
from modelrollout.api.reasons import Reason
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import HandledAction, Result, RolloutStatus
from modelrollout.plan import deeds, moves
from modelrollout.plan.actions import Level
from modelrollout.plan.deeds import Deed
from modelrollout.plan.draft import Draft, fitting, timestamp
from modelrollout.plan.world import World

LONGEST_TEXT = 1024
MOST_TOKENS = 50
SOMEBODY = "somebody"


def is_new(status: RolloutStatus, told: str) -> bool:
    """True when this annotation was not answered yet."""
    handled = status.last_handled_action
    return bool(told) and (handled is None or handled.text != told[:LONGEST_TEXT])


def obey(draft: Draft, spec: RolloutSpec, world: World, is_first: bool = False) -> Draft:
    """The draft after what was told, if it was not answered before.

    is_first: until now the rollout had no attempt. What stands there already came with a backup or a file and was
    meant for another time.
    """
    if not is_new(draft.status, world.told):
        return draft
    try:
        order = orders.parse(world.told)
    except OrderUnclear as unclear:
        return _refused(draft, world, None, str(unclear))
    refusal = _too_early(order) if is_first else _untimely(order, draft.status)
    if refusal:
        return _refused(draft, world, order, refusal)
    done = deeds.do(draft, spec, world, Deed(order.verb, order.by or world.told_by or SOMEBODY, order.reason))
    if isinstance(done, str):
        return _refused(draft, world, order, done)
    message = done.message or done.draft.status.history[0].message
    return _answered(done.draft, draft.status, world, order, Result.DONE, message)


def ignored(draft: Draft, world: World, why: str) -> Draft:
    """The draft of a rollout that can do nothing at all, with the answer that says so."""
    if not is_new(draft.status, world.told):
        return draft
    return _refused(draft, world, None, f"{ACTION} is '{world.told[:80]}' and does nothing: {why}")


def _too_early(order: Order) -> str:
    return (
        f"{order.verb} was said before the first attempt and does nothing: say it again with another token, "
        f"kubectl modelrollout {order.verb}"
    )


def _untimely(order: Order, status: RolloutStatus) -> str:
    """Why this order is not for here and now; empty when it is."""
    handled, number = status.last_handled_action, moves.stage_number(status)
    if order.token in status.used_tokens or (handled is not None and handled.token == order.token):
        return f"token {order.token} was used before and acts once: say {order.verb} again with another token"
    if order.attempt not in (None, status.attempt):
        return f"{order.verb} was said for attempt {order.attempt}, and this is attempt {status.attempt}"
    if order.stage not in (None, number) and order.verb is not Verb.ABORT:
        here = f"stage {number}" if number else "not in a stage yet"
        return f"{order.verb} was said for stage {order.stage}, and the rollout is {'in ' if number else ''}{here}"
    return ""


def _refused(draft: Draft, world: World, order: Order | None, why: str) -> Draft:
    answered = _answered(draft, draft.status, world, order, Result.REFUSED, why)
    return answered.noticing(Reason.ACTION_REFUSED, fitting(why), Level.WARNING)


def _answered(
    draft: Draft, met: RolloutStatus, world: World, order: Order | None, result: Result, message: str
) -> Draft:
    """The draft that remembers what was told and what came of it; `met` is what the order found."""
    handled = HandledAction(
        verb=order.verb if order else "",
        token=order.token if order else "",
        text=world.told[:LONGEST_TEXT],
        by=(order.by if order else "") or world.told_by or SOMEBODY,
        manager=world.told_by[:128],
        reason=order.reason if order else "",
        result=result,
        message=fitting(message),
        time=timestamp(draft.now),
        attempt=met.attempt,
        stage=moves.stage_number(met),
    )
    return draft.change(last_handled_action=handled, used_tokens=_used(met))


def _used(met: RolloutStatus) -> list[str]:
    """The tokens that were answered before, the newest first."""
    newest = met.last_handled_action.token if met.last_handled_action else ""
    return list(dict.fromkeys(token for token in (newest, *met.used_tokens) if token))[:MOST_TOKENS]
