"""What the pages say is true: examples parse, commands run, names exist, links lead somewhere, tables are fresh."""

import ast
import functools
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pages
import pytest
import yaml
from modelrollout import settings
from modelrollout.api import spec as specs
from modelrollout.api.reasons import ConditionType, Reason
from modelrollout.api.status import Phase, Verdict
from modelrollout.cli import main as plugin
from modelrollout.cli.commands import COMMANDS
from pages import OUR_PAGES, PAGES, README, ROOT, Block, Object

from e2e.demo import scenes
from e2e.minimesh import crds
from e2e.stack import Settings, Stack, paths

REFERENCE, TROUBLESHOOTING, ARCHITECTURE = (
    ROOT / "docs" / name for name in ("reference.md", "troubleshooting.md", "architecture.md")
)
GITOPS = ROOT / "docs" / "gitops.md"
WAVE = "argocd.argoproj.io/sync-wave"
NAMESPACE = "financial-inference"
NEEDS_PODS = ("logs",)  # no pods run on the local stack
TAKES_AWAY = ("delete", "uninstall")  # what later commands need
PLUGIN = "kubectl modelrollout"
LANGUAGES = {"sh", "console", "yaml", "text", "promql", ""}
ARGO_CDS_OWN = {"argocd/argocd-rbac-cm.yaml", "argocd/kustomization.yaml"}
ARGO_CD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd"}}
UNKNOWN_TO_OUR_SERVER = {"Server"}  # of Seldon; minimesh has none

EXAMPLES = pytest.mark.parametrize("block", pages.rollouts(), ids=str)


# -- examples


@EXAMPLES
def test_every_example_is_a_rollout_that_the_operator_follows(block: Block) -> None:
    manifest = pages.manifest(block)

    assert manifest["kind"] == "ModelRollout"
    specs.parse(manifest["spec"])


def test_the_readme_begins_with_the_least_that_works() -> None:
    block = next(block for block in pages.blocks("yaml") if block.page == README)

    assert len(block.text.splitlines()) <= 12


def test_the_readme_announces_the_scenes_of_the_demo() -> None:
    text = README.read_text()

    assert [scene.title for scene in scenes.SCENES if scene.expected == "RolledBack" and scene.title not in text] == []


@pytest.mark.parametrize("block", [block for block in pages.others() if pages.is_argo_cds(block)], ids=str)
def test_what_is_shown_of_argo_cd_stands_in_the_example(block: Block) -> None:
    assert yaml.safe_load(block.text) in pages.example()


def test_the_example_is_laid_out_as_the_page_says() -> None:
    (tree,) = [block.text for block in pages.blocks("text", page=GITOPS) if block.text.startswith("root.yaml")]
    told = re.findall(r"^(\S+\.yaml) +(?:wave (-?\d+))?", tree, re.MULTILINE)
    waves = {file: pages.example(file)[0]["metadata"].get("annotations", {}).get(WAVE, "") for file, _ in told}

    assert waves == dict(told)
    assert set(waves) == {str(file.relative_to(pages.EXAMPLE)) for file in pages.EXAMPLE.rglob("*.yaml")} - ARGO_CDS_OWN


def test_every_block_has_a_language_that_is_checked() -> None:
    fences = [
        (str(page.relative_to(ROOT)), language)
        for page in OUR_PAGES
        for language in re.findall(r"^ *```(\w*)\n.*?^ *```$", page.read_text(), re.DOTALL | re.MULTILINE)
    ]

    assert [fence for fence in fences if fence[1] not in LANGUAGES] == []


# -- commands


def test_every_command_is_run_or_parsed_by_a_test() -> None:
    """Make, Python, kubectl, Helm, docker and pip by those below; the rest by the walk through the tutorial."""
    walked = pages.commands(pages.TUTORIAL)
    rest = [line for line in pages.commands() if not re.match("(make|kubectl|helm|docker build|pip install) ", line)]

    assert [line for line in rest if not pages.PYTHON.match(line) and line not in walked] == []


@pytest.mark.parametrize("line", [line for line in pages.commands() if line.startswith(PLUGIN)])
def test_every_command_of_the_plugin_is_understood(line: str) -> None:
    words = list(itertools.takewhile(lambda word: word not in ("|", ">", "&&", "||"), shlex.split(line)))[2:]
    options = plugin.first().parse_args(words)

    assert plugin.parser(options.command).parse_args(options.rest)


def test_every_command_of_the_plugin_that_is_spoken_of_exists() -> None:
    spoken = {tuple(line.split()) for line in pages.spoken_commands(PLUGIN)}

    assert {words[2] for words in spoken if len(words) > 2 and words[2].islower()} - set(COMMANDS) == set()


def test_a_pipeline_changes_nothing_but_the_candidate(tmp_path: Path) -> None:
    (line,) = [line for line in pages.commands(GITOPS) if "set-candidate" in line and "--baseline" not in line]
    words = shlex.split(line)[2:]
    file = ROOT / words[words.index("-f") + 1]
    copied = shutil.copy(file, tmp_path)

    assert plugin.main([str(copied) if word == words[words.index("-f") + 1] else word for word in words]) == 0
    before, after = file.read_text().splitlines(), Path(copied).read_text().splitlines()
    assert [new for old, new in zip(before, after, strict=True) if old != new] == [
        "  candidates: [{name: enhanced-predictor-2}]"
    ]


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z./-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = {line.split()[1] for line in pages.spoken_commands("make")}

    assert "demo" in told
    assert told - targets == set()


@pytest.mark.parametrize(
    "line", sorted({*filter(pages.PYTHON.match, pages.commands()), *pages.spoken_commands("python")})
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


def test_every_image_and_every_extra_exists() -> None:
    images = re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    built, installed = pages.spoken_commands("docker build"), pages.spoken_commands("pip install")

    assert {name for line in built for name in re.findall(r"--target[ =](\S+)", line)} <= set(images)
    assert {name for line in installed for name in re.findall(r"\[(\w+)\]", line)} <= set(extras)


def test_every_value_of_the_chart_exists() -> None:
    values = yaml.safe_load((paths.CHART / "values.yaml").read_text())
    told = {key for line in pages.commands() for key in re.findall(r"--set ([\w.]+)=", line)}
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
    (install,) = [line for line in pages.commands() if line.startswith("helm install")]
    with Stack(chosen) as stack, pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for definition in crds.all_crds():
            stack.kubectl("create", "-f", "-", input=json.dumps(definition))
        stack.helm(*shlex.split(install)[1:])
        stack.kubectl("wait", "--for=condition=Established", "--timeout=300s", "crd", "--all")
        stack.kubectl("create", "namespace", "argocd")
        for manifest in (pages.manifest(pages.blocks("yaml")[0]), *_seldons(), ARGO_CD | {"data": {"url": "kept"}}):
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
    cluster.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "-f", "-", input=json.dumps(pages.manifest(block))
    )


@pytest.mark.stack
@pytest.mark.parametrize(
    "block",
    [one for one in pages.others() if not pages.is_argo_cds(one) and pages.kind(one) not in UNKNOWN_TO_OUR_SERVER],
    ids=str,
)
def test_the_api_server_takes_every_other_object(block: Block, cluster: Stack) -> None:
    cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-n", NAMESPACE, "-f", "-", input=block.text)


@pytest.mark.stack
@pytest.mark.parametrize("line", pages.cluster_commands())
def test_every_command_for_the_cluster_runs(line: str, cluster: Stack) -> None:
    """What would take something away that other commands need is only tried."""
    program, *words = shlex.split(line)
    if any(word in words for word in NEEDS_PODS):
        place = words.index("logs")
        words = [*words[:place], "get", words[place + 1]]
    if program == "helm":
        cluster.helm(*words, *(["--dry-run"] if words[0] in TAKES_AWAY else []))
    else:
        cluster.kubectl(*words, *(["--dry-run=server"] if set(words) & set(TAKES_AWAY) else []))


@pytest.mark.stack
def test_kustomize_gives_argo_cd_the_customizations_and_leaves_the_rest(tmp_path: Path, cluster: Stack) -> None:
    for file in (*(pages.EXAMPLE / "argocd").glob("*.yaml"), ROOT / "charts" / "argocd" / "argocd-cm.yaml"):
        shutil.copy(file, tmp_path)
    names = ("argocd-cm", "argocd-rbac-cm")
    own = [{**ARGO_CD, "metadata": {**ARGO_CD["metadata"], "name": name}, "data": {"url": "kept"}} for name in names]
    (tmp_path / "install.yaml").write_text(yaml.safe_dump_all(own))

    built = {one["metadata"]["name"]: one for one in yaml.safe_load_all(cluster.kubectl("kustomize", str(tmp_path)))}

    assert {name: set(one["data"]) for name, one in built.items()} == {
        "argocd-cm": {
            "url",
            "resource.customizations.health.modelrollout.io_ModelRollout",
            "resource.customizations.actions.modelrollout.io_ModelRollout",
        },
        "argocd-rbac-cm": {"url", "policy.modelrollout.csv"},
    }
