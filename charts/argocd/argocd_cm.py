"""Write argocd-cm.yaml, what a user gives to Argo CD, from resource_customizations, the layout of Argo CD's own tree.

`python charts/argocd/argocd_cm.py` writes it; with --check it only says whether the file is fresh.
"""

import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent
PAGE = HERE / "argocd-cm.yaml"
TREE = HERE / "resource_customizations" / "modelrollout.io" / "ModelRollout"
KIND = "modelrollout.io_ModelRollout"
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


def _actions() -> dict[str, object]:
    scripts = sorted((TREE / "actions").glob("*/action.lua"))
    return {
        "discovery.lua": Text((TREE / "actions" / "discovery.lua").read_text()),
        "definitions": [{"name": path.parent.name, "action.lua": Text(path.read_text())} for path in scripts],
    }


class _Dumper(yaml.SafeDumper):
    """Shows `Text` as a block."""


_Dumper.add_representer(Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


def _yaml(found: object) -> str:
    return yaml.dump(found, Dumper=_Dumper, sort_keys=False, width=1000)


def main(arguments: list[str]) -> int:
    """0, or 1 when the file is stale."""
    text = TITLE + _yaml(config_map())
    if "--check" not in arguments:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print("charts/argocd/argocd-cm.yaml is stale: run python charts/argocd/argocd_cm.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
