"""What stands in the pages: fenced blocks, commands and objects, for the tests that hold them true."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.stack import paths

Object = dict[str, Any]

ROOT = paths.ROOT
README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/*.md"), *ROOT.glob("e2e/*/*.md")])
OUR_PAGES = [page for page in PAGES if page.parent == ROOT or page.is_relative_to(ROOT / "docs")]
EXAMPLE = ROOT / "charts" / "argocd" / "example"
PYTHON = re.compile(r"([A-Z_]+=\S+ )*(\.venv/bin/)?python ")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text.splitlines()[0] if self.text else ''}"


def blocks(*languages: str, page: Path | None = None) -> list[Block]:
    """Those of our pages, or of one, in these languages."""
    return [
        Block(where, language, text)
        for where in ([page] if page else OUR_PAGES)
        for language, text in re.findall(r"^```(\w*)\n(.*?)^```$", where.read_text(), re.DOTALL | re.MULTILINE)
        if language in languages
    ]


def commands(page: Path | None = None) -> list[str]:
    """Every command line of our pages, or of one, each once."""
    pages = [page] if page else OUR_PAGES
    return list(dict.fromkeys(line for where in pages for line in steps(where)))


def steps(page: Path) -> list[str]:
    """The command lines of a page one after the other: in blocks for shells and in sessions with answers."""
    found: list[str] = []
    for block in blocks("sh", "console", page=page):
        lines = block.text.splitlines()
        found += lines if block.language == "sh" else [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in found if line]


def cluster_commands() -> list[str]:
    """Those for a cluster, but for the tutorial, which has a cluster of its own, and the plugin."""
    lines = [line for page in OUR_PAGES if page != TUTORIAL for line in commands(page)]
    return [line for line in dict.fromkeys(lines) if re.match("kubectl (?!modelrollout )|helm (?!install)", line)]


def spoken_commands(program: str) -> list[str]:
    """Commands that begin with this program in blocks, and in code within sentences and tables."""
    inline = [code for page in OUR_PAGES for code in re.findall(r"`([^`\n]+)`", page.read_text())]
    return sorted({line for line in commands() + inline if re.match(rf"(\.venv/bin/)?{program} ", line)})


def manifest(block: Block) -> Object:
    """The whole object; a part of a spec is put into the first example of the README."""
    found: Object = yaml.safe_load(block.text)
    if "kind" in found:
        return found
    assert set(found) == {"spec"}, "neither an object nor a part of its spec"
    first: Object = yaml.safe_load(blocks("yaml")[0].text)
    return {**first, "spec": {**first["spec"], **found["spec"]}}


def kind(block: Block) -> str:
    """What the block shows; a part of a spec is that of a ModelRollout."""
    return str(yaml.safe_load(block.text).get("kind", "ModelRollout"))


def rollouts() -> list[Block]:
    """Examples of a ModelRollout, whole or in part."""
    return [block for block in blocks("yaml") if kind(block) == "ModelRollout"]


def others() -> list[Block]:
    """Objects of Kubernetes, Seldon, Argo CD and kustomize."""
    return [block for block in blocks("yaml") if kind(block) != "ModelRollout"]


def is_argo_cds(block: Block) -> bool:
    """True for what Argo CD reads, or kustomize for it."""
    found = yaml.safe_load(block.text)
    of_a_tool = str(found["apiVersion"]).startswith(("argoproj.io/", "kustomize.config.k8s.io/"))
    return of_a_tool or found["metadata"].get("namespace") == "argocd"


def example(file: str = "") -> list[Object]:
    """All objects of the example repository for GitOps, or of one of its files."""
    files = [EXAMPLE / file] if file else sorted(EXAMPLE.rglob("*.yaml"))
    return [found for file in files for found in yaml.safe_load_all(file.read_text()) if found]
