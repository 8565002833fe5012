"""The buttons of Argo CD: one per verb, grey where the operator would refuse, and what a click writes."""

import copy

import lives
import pytest
import scripts
import yaml
from modelrollout.api import orders
from modelrollout.api.orders import Order, Verb
from modelrollout.api.status import Result
from scripts import NOW, TREE, Object
from simulator import Simulation
from test_argocd_health import damaged

NAMES_STAGE = {Verb.APPROVE, Verb.SKIP, Verb.PROMOTE}
READ = (
    ("status",),
    ("status", "conditions"),
    ("status", "conditions", 0),
    ("status", "attempt"),
    ("status", "outcome"),
    ("status", "pause"),
    ("status", "stage"),
    ("status", "stage", "index"),
    ("status", "stage", "approvedBy"),
    ("spec",),
    ("spec", "paused"),
    ("spec", "strategy"),
    ("spec", "strategy", "canary"),
    ("spec", "strategy", "canary", "stages"),
    ("spec", "strategy", "canary", "stages", 0),
    ("metadata", "annotations"),
    ("metadata", "resourceVersion"),
)


def test_there_is_an_action_for_every_verb() -> None:
    folders = {path.parent.name for path in (TREE / "actions").glob("*/action.lua")}

    assert folders == set(scripts.offered({"metadata": {}})) == set(Verb)


def test_every_action_has_a_name_and_an_icon_of_its_own() -> None:
    shown = scripts.offered(lives.life("promoted")).values()

    assert len({action["displayName"] for action in shown}) == len(Verb)
    assert len({action["iconClass"] for action in shown}) == len(Verb)
    assert all(action["iconClass"].startswith("fa fa-fw fa-") for action in shown)


def test_the_actions_differ_in_their_first_line_alone() -> None:
    texts = {path.parent.name: path.read_text().split("\n", 1) for path in (TREE / "actions").glob("*/action.lua")}

    assert len({rest for _, rest in texts.values()}) == 1
    assert {name: first for name, (first, _) in texts.items()} == {
        verb: f'local verb, names_stage = "{verb}", {str(verb in NAMES_STAGE).lower()}' for verb in Verb
    }


@pytest.mark.parametrize("verb", Verb)
def test_a_click_writes_the_order_and_nothing_else(verb: Verb) -> None:
    found = lives.life("stage 2 of 3")
    found["metadata"]["annotations"] = {"team": "ml"}

    changed = scripts.acted(found, verb)

    text = changed["metadata"]["annotations"].pop(orders.ACTION)
    token = f"{NOW}-{found['metadata']['resourceVersion']}"
    assert orders.parse(text) == Order(verb, token, attempt=1, stage=2 if verb in NAMES_STAGE else None)
    assert changed == found


def test_a_click_takes_the_place_of_an_older_order() -> None:
    found = lives.life("stage 1 of 3")
    found["metadata"]["annotations"] = {orders.ACTION: "pause@yesterday?attempt=1"}

    changed = scripts.acted(found, Verb.ABORT)

    assert orders.parse(changed["metadata"]["annotations"][orders.ACTION]).verb is Verb.ABORT


def test_a_token_is_new_as_soon_as_the_object_is() -> None:
    found = lives.life("stage 1 of 3")
    again = scripts.acted(found, Verb.PAUSE)
    again["metadata"]["resourceVersion"] = "4711"

    texts = [scripts.acted(one, Verb.PAUSE)["metadata"]["annotations"][orders.ACTION] for one in (found, again)]

    assert len({orders.parse(text).token for text in texts}) == 2


@pytest.mark.parametrize("name", lives.STORIES)
def test_a_button_is_grey_exactly_where_the_operator_would_do_nothing(name: str) -> None:
    """Each is pressed all the same, and the real controller answers."""
    sim = lives.world(name)
    before = sim.api.objects
    offered = scripts.allowed(sim.rollout)

    done = {verb for verb in Verb if presses(sim, verb, before)}
    sim.api.objects = before

    assert offered == done


def presses(sim: Simulation, verb: Verb, before: dict[tuple[str, str], Object]) -> bool:
    """Whether a click on this button does anything."""
    sim.api.objects = copy.deepcopy(before)
    sim.restart()
    text = scripts.acted(sim.rollout, verb)["metadata"]["annotations"][orders.ACTION]
    lives.annotate(sim, text)
    sim.reconcile()
    answer = sim.status.last_handled_action
    is_done = answer is not None and (answer.text, answer.result) == (text, Result.DONE)
    return is_done and not answer.message.startswith("Nothing to")


def test_nothing_is_offered_before_the_operator_has_begun() -> None:
    assert scripts.allowed(lives.life("not seen yet")) == set()


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.APPROVE])
def test_half_filled_objects_break_no_script(verb: Verb) -> None:
    for broken in damaged(lives.life("stage 2 of 3"), READ[:-2]):
        assert scripts.allowed(broken) <= set(Verb)
        text = scripts.acted(broken, verb)["metadata"]["annotations"][orders.ACTION]
        assert orders.parse(text).verb is verb


def test_the_examples_beside_the_scripts_are_told_right() -> None:
    """In the form in which Argo CD runs them in its own tree."""
    folder = TREE / "actions"
    told = yaml.safe_load((folder / "action_test.yaml").read_text())

    for case in told["discoveryTests"]:
        shown = scripts.offered(yaml.safe_load((folder / case["inputPath"]).read_text()))
        assert shown == {action.pop("name"): action for action in case["result"]}
    for case in told["actionTests"]:
        given, wanted = (
            yaml.safe_load((folder / case[path]).read_text()) for path in ("inputPath", "expectedOutputPath")
        )
        assert scripts.acted(given, case["action"]) == wanted
    assert {case["action"] for case in told["actionTests"]} == set(Verb)
