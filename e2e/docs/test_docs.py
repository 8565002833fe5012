"""What the pages say is true: examples parse, commands run, names exist, links lead somewhere, tables are fresh."""

import ast
import functools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from modelrollout import settings
from modelrollout.api import spec as specs
from modelrollout.api.reasons import ConditionType, Reason
from modelrollout.api.status import Phase, Verdict

from e2e.demo import scenes
from e2e.minimesh import crds
from e2e.stack import Settings, Stack, paths

Object = dict[str, Any]

ROOT = paths.ROOT
README, REFERENCE, TROUBLESHOOTING, ARCHITECTURE = (
    ROOT / name for name in ("README.md", "docs/reference.md", "docs/troubleshooting.md", "docs/architecture.md")
)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/*.md"), *ROOT.glob("e2e/*/*.md")])
OUR_PAGES = [page for page in PAGES if page.parent == ROOT or page.is_relative_to(ROOT / "docs")]
NAMESPACE = "financial-inference"
NEEDS_PODS = ("logs",)  # no pods run on the local stack


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text.splitlines()[0] if self.text else ''}"


def _blocks(*languages: str) -> list[Block]:
    return [
        Block(page, language, text)
        for page in OUR_PAGES
        for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
        if language in languages
    ]


def _commands() -> list[str]:
    """Every command line in the blocks for shells and in the sessions with answers."""
    whole = [line for block in _blocks("sh") for line in block.text.splitlines()]
    asked = [line[2:] for block in _blocks("console") for line in block.text.splitlines() if line.startswith("$ ")]
    return list(dict.fromkeys(filter(None, whole + asked)))


def _spoken_commands(program: str) -> list[str]:
    """Commands that begin with this program in blocks, and in code within sentences and tables."""
    inline = [code for page in OUR_PAGES for code in re.findall(r"`([^`\n]+)`", page.read_text())]
    return sorted({line for line in _commands() + inline if re.match(rf"(\.venv/bin/)?{program} ", line)})


def _manifest(block: Block) -> Object:
    """The whole object; a part of a spec is put into the first example of the README."""
    found: Object = yaml.safe_load(block.text)
    if "kind" in found:
        return found
    assert set(found) == {"spec"}, "neither an object nor a part of its spec"
    first: Object = yaml.safe_load(_blocks("yaml")[0].text)
    return {**first, "spec": {**first["spec"], **found["spec"]}}


def _rollouts() -> list[Block]:
    """Examples of a ModelRollout, whole or in part; pages also show objects of Kubernetes and of Seldon."""
    found = ((block, yaml.safe_load(block.text)) for block in _blocks("yaml"))
    return [block for block, manifest in found if manifest.get("kind", "ModelRollout") == "ModelRollout"]


EXAMPLES = pytest.mark.parametrize("block", _rollouts(), ids=str)


# -- examples


@EXAMPLES
def test_every_example_is_a_rollout_that_the_operator_follows(block: Block) -> None:
    manifest = _manifest(block)

    assert manifest["kind"] == "ModelRollout"
    specs.parse(manifest["spec"])


def test_the_readme_begins_with_the_least_that_works() -> None:
    block = next(block for block in _blocks("yaml") if block.page == README)

    assert len(block.text.splitlines()) <= 12


def test_the_readme_announces_the_scenes_of_the_demo() -> None:
    text = README.read_text()

    assert [scene.title for scene in scenes.SCENES if scene.expected == "RolledBack" and scene.title not in text] == []


# -- commands


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z./-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = {line.split()[1] for line in _spoken_commands("make")}

    assert "demo" in told
    assert told - targets == set()


@pytest.mark.parametrize(
    "line", sorted({line for line in _commands() if " -m " in line} | set(_spoken_commands("python")))
)
def test_every_option_of_a_python_command_exists(line: str) -> None:
    words = shlex.split(line)
    variables = dict(word.split("=", 1) for word in words if re.match("[A-Z_]+=", word))
    words = words[len(variables) + 1 :]
    if words[0] != "-m":
        assert (ROOT / words[0]).exists()
        return
    settings.read(variables)
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    subcommand = [word for word in words[2:3] if not word.startswith("-")]

    assert options <= set(re.findall(r"--[a-z-]+", _help(words[1], *subcommand)))


@functools.cache
def _help(module: str, *subcommand: str) -> str:
    asked = [sys.executable, "-m", module, *subcommand, "--help"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_value_of_the_chart_exists() -> None:
    values = yaml.safe_load((paths.CHART / "values.yaml").read_text())
    told = {key for line in _commands() for key in re.findall(r"--set ([\w.]+)=", line)}
    spoken = {name for page in OUR_PAGES for name in re.findall(r"chart's `([\w.]+)`", page.read_text())}

    assert "prometheus.address" in told
    for key in told | spoken:
        functools.reduce(lambda part, name: part[name], key.split("."), values)


# -- names


@pytest.mark.parametrize("page", [REFERENCE, TROUBLESHOOTING], ids=lambda page: page.name)
def test_every_reason_is_explained(page: Path) -> None:
    said = set(re.findall(r"\w+", page.read_text()))

    assert {reason.value for reason in Reason} - said == set()


def test_every_condition_phase_and_verdict_has_a_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", REFERENCE.read_text(), re.MULTILINE)

    assert {name.value for kind in (ConditionType, Phase, Verdict) for name in kind} - set(rows) == set()


def test_every_setting_of_the_operator_has_a_row() -> None:
    told = set(re.findall(r"^\| `MODELROLLOUT_(\w+)`", REFERENCE.read_text(), re.MULTILINE))
    known = set(re.findall(r'given\.pop\("(\w+)"', Path(settings.__file__).read_text()))

    assert told == known


def test_the_tables_of_the_reference_are_fresh() -> None:
    done = subprocess.run([sys.executable, "docs/reference.py", "--check"], cwd=ROOT)

    assert done.returncode == 0, "docs/reference.md is stale: run python docs/reference.py"


def _home(name: str) -> Path | None:
    """Where a file named in the architecture lies: from the root, or inside the operator's package."""
    found = [folder / name for folder in (ROOT, ROOT / "operator" / "modelrollout") if (folder / name).exists()]
    return found[0] if found else None


def test_every_file_of_the_architecture_exists() -> None:
    told = re.findall(r"`([\w./]+\.(?:py|md|yaml|toml))\b", ARCHITECTURE.read_text())

    assert len(told) > 20
    assert [name for name in told if _home(name) is None] == []


def test_every_function_of_the_architecture_exists() -> None:
    told = re.findall(r"`([\w./]+\.py): (\w+)`", ARCHITECTURE.read_text())

    assert len(told) > 10
    assert [(file, name) for file, name in told if name not in _functions(file)] == []


@functools.cache
def _functions(file: str) -> set[str]:
    home = _home(file)
    assert home is not None
    nodes = ast.walk(ast.parse(home.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


# -- links


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]+`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if re.match("https?:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        assert not anchor or anchor in _anchors(there), target


def test_the_decisions_are_all_in_the_list() -> None:
    folder = ROOT / "docs" / "adr"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())

    assert sorted(listed) == sorted(path.name for path in folder.glob("0*.md"))


# -- on a real API server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An API server with Seldon's kinds, the chart installed as the README says, and the objects of the pages."""
    without = frozenset({"kube-controller-manager", "mlserver", "minimesh", "envoy", "prometheus"})
    chosen = Settings(directory=tmp_path_factory.mktemp("docs"), namespace=NAMESPACE, without=without)
    (install,) = [line for line in _commands() if line.startswith("helm install")]
    with Stack(chosen) as stack, pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for definition in crds.all_crds():
            stack.kubectl("create", "-f", "-", input=json.dumps(definition))
        stack.helm(*shlex.split(install)[1:])
        stack.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        for manifest in (_manifest(_blocks("yaml")[0]), *_seldons()):
            stack.kubectl("create", "-f", "-", input=json.dumps(manifest))
        yield stack


def _seldons() -> list[Object]:
    """The Model and the Experiment that the pages ask for."""
    arms = [{"name": "baseline-predictor", "weight": 95}, {"name": "enhanced-predictor", "weight": 5}]
    return [
        {
            "apiVersion": "mlops.seldon.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": spec,
        }
        for kind, name, spec in (
            ("Model", "enhanced-predictor", {"storageUri": "/models/enhanced"}),
            ("Experiment", "financial-predictor", {"default": "baseline-predictor", "candidates": arms}),
        )
    ]


@pytest.mark.stack
@EXAMPLES
def test_the_api_server_takes_every_example(block: Block, cluster: Stack) -> None:
    cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=json.dumps(_manifest(block)))


@pytest.mark.stack
@pytest.mark.parametrize("line", [line for line in _commands() if re.match("kubectl |helm (?!install)", line)])
def test_every_command_for_the_cluster_runs(line: str, cluster: Stack) -> None:
    program, *words = shlex.split(line)
    if any(word in words for word in NEEDS_PODS):
        place = words.index("logs")
        words = [*words[:place], "get", words[place + 1]]

    cluster.helm(*words) if program == "helm" else cluster.kubectl(*words)
