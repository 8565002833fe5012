"""What a person says: for which attempt and stage it is meant, and what is made of the answer."""

import subprocess
import sys
from dataclasses import replace

import pytest
from cli_corpus import found
from modelrollout.api import orders
from modelrollout.api.orders import Order, Verb
from modelrollout.cli import kube, verbs, views
from modelrollout.cli.refusals import Refused
from modelrollout.cli.views import Rollout, Told

WAITING = views.rollout(found("awaiting-approval"))


def said(verb: Verb, rollout: Rollout = WAITING, by: str = "alice", reason: str = "") -> Order:
    return verbs.order_for(verb, rollout, by, reason)


def answer(order: Order, result: str = "Done", message: str = "Approved") -> Told:
    return Told(order.verb, order.token, order.by, order.reason, result, message, None)


@pytest.mark.parametrize("verb", list(Verb))
def test_an_order_names_the_attempt_and_where_it_matters_the_stage(verb: Verb) -> None:
    order = said(verb)

    assert order.attempt == 1
    assert order.stage == (2 if verb in {Verb.APPROVE, Verb.SKIP, Verb.PROMOTE} else None)
    assert orders.parse(orders.write(order)) == order


def test_before_the_first_attempt_an_order_names_none() -> None:
    order = said(Verb.APPROVE, views.rollout(found("empty")))

    assert (order.attempt, order.stage) == (None, None)


def test_every_order_has_a_token_of_its_own() -> None:
    assert len({said(Verb.PAUSE).token for _ in range(50)}) == 50


def test_words_are_cut_to_what_the_operator_reads_and_survive_any_letter() -> None:
    order = said(Verb.ABORT, by="Zoë & co", reason="50% off?=yes&no " * 40)

    assert orders.parse(orders.write(order)) == order
    assert len(order.reason) == orders.LONGEST_WORDS


def test_the_answer_is_the_one_to_our_token() -> None:
    order = said(Verb.APPROVE)
    mine = replace(WAITING, order=orders.write(order))

    assert verbs.heard(mine, order) is None
    assert verbs.heard(replace(mine, told=answer(order)), order) == answer(order)


def test_an_order_that_another_replaced_is_not_waited_for() -> None:
    order = said(Verb.APPROVE)
    other = replace(WAITING, order=orders.write(said(Verb.PAUSE)))

    with pytest.raises(Refused, match="another order took its place before it was handled"):
        verbs.heard(other, order)
    with pytest.raises(Refused, match="was handled, and another order right after it"):
        verbs.heard(replace(other, used_tokens=frozenset({order.token})), order)


@pytest.mark.parametrize(
    ("verb", "outcome", "message", "words"),
    [
        (Verb.ABORT, "RolledBack", "Aborted by alice", "aborted"),
        (Verb.PAUSE, "", "Nothing to do: alice holds it already", "unchanged: Nothing to do: alice holds it already"),
        (Verb.SKIP, "", "Skipped by alice", "sent to stage 2 of 4"),
        (Verb.PROMOTE, "", "Promoted by alice", "sent to stage 2 of 4"),
        (Verb.PROMOTE, "Promoted", "Promoted by alice", "promoted"),
        (Verb.SKIP, "Promoted", "Promoted by alice", "promoted"),
    ],
)
def test_what_was_done_is_said_in_a_word(verb: Verb, outcome: str, message: str, words: str) -> None:
    told = answer(said(verb), message=message)

    assert verbs.word_for(verb, told, replace(WAITING, outcome=outcome)) == words


def test_documents_are_read_however_they_are_cut() -> None:
    script = (
        "import os, time\n"
        'text = \'{"name": "Zoë"}\\n{"b": [1, 2]}\\n  {}\'.encode()\n'
        "for place in range(0, len(text), 3):\n"
        "    os.write(1, text[place:place + 3]); time.sleep(0.005)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as running:
        read = [one for one in kube.documents(running) if one is not None]

    assert read == [{"name": "Zoë"}, {"b": [1, 2]}, {}]


def test_while_nothing_is_printed_time_passes() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert next(iter(kube.documents(running))) is None
        running.kill()
