"""`pause`, `resume`, `approve` and the others: write one order on the rollout, and wait for what becomes of it.

An order always names the attempt that it was said for, and the stage where that matters, so that one which comes late
does nothing.
"""

import argparse
import getpass
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from modelrollout.api import orders
from modelrollout.api.orders import MEANS, Order, Verb
from modelrollout.cli import clock, kube, options_of_time, screen, views
from modelrollout.cli.kube import RESOURCE, Kubectl
from modelrollout.cli.refusals import TIMEOUT, Refused
from modelrollout.cli.views import Rollout, Told

MANAGER = "kubectl-modelrollout"
OF_A_STAGE = {Verb.APPROVE, Verb.SKIP, Verb.PROMOTE}
DONE: dict[Verb, str] = {
    Verb.PAUSE: "paused",
    Verb.RESUME: "resumed",
    Verb.PROMOTE: "promoted",
    Verb.APPROVE: "approved",
    Verb.SKIP: "promoted",
    Verb.ABORT: "aborted",
    Verb.RETRY: "retried",
    Verb.RESTART: "restarted",
    Verb.UNDO: "undone",
}
EXITS = "exit codes: 0 done, 1 refused or an error, 2 the command line is wrong, 5 no answer in time"


def add(parser: argparse.ArgumentParser) -> None:
    """The options of each of them; which one it is stands at the end of the parser's name."""
    verb = Verb(parser.prog.split()[-1])
    parser.description = (
        f"{MEANS[verb]}\nPlain kubectl says the same:\n"
        f"  kubectl annotate mro NAME --overwrite {orders.ACTION}={verb}@$(date +%s)"
    )
    parser.epilog = EXITS
    kube.add_name(parser)
    parser.add_argument("--reason", metavar="WORDS", default="", help="why, for the history")
    parser.add_argument("--by", metavar="NAME", default="", help="who says it (default: who you are to the cluster)")
    parser.add_argument(
        "--wait", action=argparse.BooleanOptionalAction, default=True, help="wait for the operator's answer (default)"
    )
    options_of_time.add_timeout(parser, "30s")
    parser.add_argument("--dry-run", action="store_true", help="ask the API server whether it may be said; say nothing")
    screen.add_form(parser, "table", "json", "yaml", "name")
    kube.add_options(parser)
    screen.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Say it, wait for the answer and print it."""
    kubectl = kube.door(options)
    rollout = views.rollout(kubectl.rollout(options.name))
    order = order_for(Verb(options.command), rollout, options.by or _me(kubectl), options.reason)
    write(kubectl, rollout.name, order, options.dry_run)
    if options.dry_run or not options.wait:
        words = "would be told (dry run)" if options.dry_run else "told, not waiting for the answer"
        _print(options, rollout.name, words, {"told": orders.write(order)})
        return 0
    told, found = _answer(kubectl, rollout.name, order, options.timeout)
    if told.result != "Done":
        raise Refused(f"{rollout.name}: {told.message}")
    _print(options, rollout.name, word_for(order.verb, told, views.rollout(found)), found)
    return 0


def write(kubectl: Kubectl, name: str, order: Order, is_trial: bool = False) -> None:
    """Put the order on the rollout. Raises Refused."""
    trial = ["--dry-run=server"] if is_trial else []
    note = f"{orders.ACTION}={orders.write(order)}"
    kubectl.run("annotate", RESOURCE, name, note, "--overwrite", f"--field-manager={MANAGER}", *trial)


def order_for(verb: Verb, rollout: Rollout, by: str, reason: str) -> Order:
    """What is said, for the attempt and the stage that were seen. Before the first attempt it is for any."""
    stage = rollout.stage_number if verb in OF_A_STAGE and rollout.stage_number else None
    words = (by[: orders.LONGEST_WORDS], reason[: orders.LONGEST_WORDS])
    return Order(verb, secrets.token_hex(8), rollout.attempt or None, stage, *words)


def _me(kubectl: Kubectl) -> str:
    """Who we are to the API server; an old kubectl or server does not tell, then who we are on this machine."""
    done = kubectl.ask("auth", "whoami", "-o", "json", namespaced=False)
    try:
        return str(json.loads(done.stdout)["status"]["userInfo"]["username"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return _user()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""


def _answer(kubectl: Kubectl, name: str, order: Order, longest: float) -> tuple[Told, Mapping[str, Any]]:
    """What became of the order, and the rollout then. Raises Refused when nobody answered in time."""
    until = clock.now() + longest
    for found in _while_there(kubectl, name):
        told = heard(views.rollout(found), order) if found is not None else None
        if found is not None and told is not None:
            return told, found
        if clock.now() >= until:
            break
    raise Refused(
        f"{order.verb} {name} was said, and nobody answered within {longest:g} s: check that the operator runs and "
        f"watches this namespace; to take it back: kubectl annotate mro {name} {orders.ACTION}-",
        TIMEOUT,
    )


def heard(rollout: Rollout, order: Order) -> Told | None:
    """The answer to this order, once it is there. Raises Refused when another order took its place."""
    if rollout.told is not None and rollout.told.token == order.token:
        return rollout.told
    if rollout.order == orders.write(order):
        return None
    if order.token in rollout.used_tokens:
        raise Refused(f"{order.verb} {rollout.name} was handled, and another order right after it: see history")
    raise Refused(f"{order.verb} {rollout.name}: another order took its place before it was handled, say it again")


def _while_there(kubectl: Kubectl, name: str) -> Iterator[Mapping[str, Any] | None]:
    yield from kubectl.watch(RESOURCE, name)
    raise Refused(f"{name} was deleted before it answered")


def word_for(verb: Verb, told: Told, rollout: Rollout) -> str:
    """What has become of the rollout. The operator begins with Nothing when it was so before."""
    if told.message.startswith("Nothing "):
        return f"unchanged: {told.message}"
    if verb in {Verb.SKIP, Verb.PROMOTE} and rollout.outcome != "Promoted":
        return f"sent to stage {rollout.stage_number} of {len(rollout.stages)}"
    return DONE[verb]


def _print(options: argparse.Namespace, name: str, words: str, found: Mapping[str, Any]) -> None:
    if options.output in {"json", "yaml"}:
        screen.show(screen.written(found, options.output))
    else:
        screen.show(kube.called(name) if options.output == "name" else f"modelrollout/{name} {words}")
