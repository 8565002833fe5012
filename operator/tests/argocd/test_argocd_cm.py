"""The ConfigMap fragment holds the scripts of the tree, and is fresh."""

import argocd_cm
import yaml
from modelrollout.api.orders import Verb
from scripts import TREE


def test_the_fragment_is_fresh() -> None:
    assert argocd_cm.main(["--check"]) == 0


def test_the_fragment_gives_argo_cd_every_script_unchanged() -> None:
    data = yaml.safe_load(argocd_cm.PAGE.read_text())["data"]
    actions = yaml.safe_load(data["resource.customizations.actions.modelrollout.io_ModelRollout"])
    given = {one["name"]: one["action.lua"] for one in actions["definitions"]}

    assert data["resource.customizations.health.modelrollout.io_ModelRollout"] == (TREE / "health.lua").read_text()
    assert actions["discovery.lua"] == (TREE / "actions" / "discovery.lua").read_text()
    assert given == {verb: (TREE / "actions" / verb / "action.lua").read_text() for verb in Verb}


def test_the_fragment_is_as_the_rest_of_argo_cds_own_map() -> None:
    """Argo CD reads a ConfigMap of this name that carries this label, and expects text alone."""
    found = yaml.safe_load(argocd_cm.PAGE.read_text())

    assert (found["kind"], found["metadata"]["name"]) == ("ConfigMap", "argocd-cm")
    assert found["metadata"]["labels"] == {"app.kubernetes.io/part-of": "argocd"}
    assert all(isinstance(text, str) for text in found["data"].values())
