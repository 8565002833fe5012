"""Write argocd-cm.yaml, what a user gives to Argo CD, from resource_customizations, the layout of Argo CD's own tree.

The script of each action in that tree is written here too: action.lua behind a line that names its verb.
`python charts/argocd/argocd_cm.py` writes them; with --check it only says whether they are fresh.
"""

import sys
from pathlib import Path

import yaml
from modelrollout.api.orders import Verb

HERE = Path(__file__).parent
PAGE = HERE / "argocd-cm.yaml"
TREE = HERE / "resource_customizations" / "modelrollout.io" / "ModelRollout"
KIND = "modelrollout.io_ModelRollout"
OF_A_STAGE = {Verb.APPROVE, Verb.PROMOTE, Verb.SKIP}
"""Verbs that are meant for the stage in which they are said."""
TITLE = "# Written by charts/argocd/argocd_cm.py from resource_customizations: edit there, and run it.\n"


class Text(str):
    """Text that YAML shows line by line."""


def config_map() -> dict[str, object]:
    """The entries that belong into Argo CD's own ConfigMap, as a strategic merge patch of it."""
    data = {
        f"resource.customizations.health.{KIND}": Text((TREE / "health.lua").read_text()),
        f"resource.customizations.actions.{KIND}": Text(_yaml(_actions())),
    }
    metadata = {"name": "argocd-cm", "namespace": "argocd", "labels": {"app.kubernetes.io/part-of": "argocd"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def script(verb: Verb) -> str:
    """The action of this verb; each must stand alone."""
    names_stage = str(verb in OF_A_STAGE).lower()
    return f'local verb, names_stage = "{verb}", {names_stage}\n\n' + (HERE / "action.lua").read_text()


def _actions() -> dict[str, object]:
    return {
        "discovery.lua": Text((TREE / "actions" / "discovery.lua").read_text()),
        "definitions": [{"name": verb.value, "action.lua": Text(script(verb))} for verb in sorted(Verb)],
    }


class _Dumper(yaml.SafeDumper):
    """Shows `Text` as a block."""


_Dumper.add_representer(Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


def _yaml(found: object) -> str:
    return yaml.dump(found, Dumper=_Dumper, sort_keys=False, width=1000)


def main(arguments: list[str]) -> int:
    """0, or 1 when a file is stale."""
    pages = {TREE / "actions" / verb / "action.lua": script(verb) for verb in Verb}
    pages[PAGE] = TITLE + _yaml(config_map())
    for path, text in pages.items():
        if "--check" not in arguments:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path.relative_to(HERE)} is stale: run python charts/argocd/argocd_cm.py", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
