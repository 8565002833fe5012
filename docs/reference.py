"""Writes tables of the pages from the code: `python docs/reference.py`, or `--check` to compare them."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from modelrollout import telemetry
from modelrollout.api import crd
from modelrollout.api.orders import MEANS
from modelrollout.api.reasons import MEANING
from modelrollout.cli import main as plugin
from modelrollout.cli.commands import COMMANDS, GROUPS
from modelrollout.observe import sources
from prometheus_client.metrics import MetricWrapperBase

HERE = Path(__file__).parent
PAGES = [HERE / name for name in ("reference.md", "plugin.md")]
ALERTS = HERE.parent / "charts" / "modelrollout" / "files" / "alerts.yaml"
BLOCK = re.compile(r"<!-- begin ([a-z]+) -->\n.*?<!-- end \1 -->", re.DOTALL)

Schema = dict[str, Any]


def rendered(page: str) -> str:
    """The page with every block between `<!-- begin x -->` and `<!-- end x -->` written anew."""

    def block(found: re.Match[str]) -> str:
        name = found[1]
        return f"<!-- begin {name} -->\n\n{TABLES[name]()}\n\n<!-- end {name} -->"

    return BLOCK.sub(block, page)


def _schema(part: str) -> Schema:
    (version,) = crd.definition()["spec"]["versions"]
    found: Schema = version["schema"]["openAPIV3Schema"]["properties"][part]
    return found


def _spec() -> str:
    rows = [
        [f"`{path}`", _type(field), "yes" if needed else "", field.get("description", "")]
        for path, field, needed in _fields(_schema("spec"))
    ]
    return _table(["Field", "Type", "Required", "Meaning"], rows)


def _rules() -> str:
    """Sentences of rules that stand on records; those about the form of one value are in its type."""
    schema = _schema("spec")
    records = {"spec": schema}
    for path, field, _ in _fields(schema):
        records |= {f"{path}[]": field["items"]} if "items" in field else {path: field}
    found = [
        [f"`{path}`", rule["message"].replace("what was given", "…")]
        for path, record in records.items()
        if "properties" in record
        for rule in record.get("x-kubernetes-validations", [])
    ]
    return _table(["Where", "What the API server says"], found)


def _status() -> str:
    rows = [[f"`{path}`", _type(field), field.get("description", "")] for path, field, _ in _fields(_schema("status"))]
    return _table(["Field", "Type", "Meaning"], rows)


def _reasons() -> str:
    return _table(["Reason", "Meaning"], [[f"`{reason}`", meaning] for reason, meaning in MEANING.items()])


def _verbs() -> str:
    return _table(["Verb", "What it does"], [[f"`{verb}`", meaning] for verb, meaning in MEANS.items()])


def _alerts() -> str:
    """Every rule of the chart, with the labels of its summary as words."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rows = []
    for rule in (rule for group in groups for rule in group["rules"]):
        said = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"*\1*", rule["annotations"]["summary"])
        name = f"[{rule['alert']}](runbooks/{rule['alert']}.md)"
        rows.append([name, rule["labels"]["severity"], rule.get("for", ""), f"{said}."])
    return _table(["Alert", "Severity", "After", "What it says"], rows)


def _commands() -> str:
    """The plugin's commands, each linked to its section."""
    rows = [
        [f"[`{name}`](#{'tell-it-what-to-do' if title == 'Tell' else name})", title.lower(), command.help]
        for title, group in GROUPS.items()
        for name, command in group.items()
    ]
    return _table(["Command", "For", "What it does"], rows)


def _exits() -> str:
    """Every exit code as the help of a command tells it; commands that tell the same share rows."""
    told: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for command in COMMANDS:
        told.setdefault(exits(command), []).append(f"`{command}`")
    rows = [
        [", ".join(commands) if place == 0 else "", code, f"{meaning}."]
        for codes, commands in told.items()
        for place, (code, meaning) in enumerate(codes)
    ]
    return _table(["Command", "Code", "Meaning"], rows)


def exits(command: str) -> tuple[tuple[str, str], ...]:
    """The exit codes of a command and what each says; without words of its own those of all commands hold."""
    own = plugin.parser(command, plugin.PLUGIN).epilog or ""
    codes = own if "xit codes:" in own else plugin.EXITS
    found = re.findall(r"(?:^|[;,:]) *(\d) +(.*?)(?=[;,] \d |[.;]|$)", codes.partition("odes:")[2], re.MULTILINE)
    return tuple((code, meaning) for code, meaning in found)


def _exported() -> str:
    metrics = [value for value in vars(telemetry).values() if isinstance(value, MetricWrapperBase)]
    rows = []
    for metric in metrics:
        (described,) = metric.describe()
        name = described.name + ("_total" if described.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # the library has no public door to them
        rows.append([f"`{name}`", described.type, labels, described.documentation + "."])
    for series in telemetry.OF_ROLLOUTS:
        labels = ", ".join(f"`{label}`" for label in (*telemetry.OBJECT, *series.labels))
        rows.append([f"`{series.name}`", series.kind, labels, series.meaning + "."])
    return _table(["Metric", "Type", "Labels", "Meaning"], rows)


def _read() -> str:
    """The metrics of the sources, with the docstrings below their names."""
    whole = ast.parse(inspect.getsource(sources))
    (record,) = [node for node in whole.body if isinstance(node, ast.ClassDef)]
    known = [
        *((getattr(sources.ENVOY, name), meaning) for name, meaning in _explained(record.body)),
        *((getattr(sources, name), meaning) for name, meaning in _explained(whole.body)),
    ]
    of_metrics = re.compile("envoy_cluster_upstream|seldon_")
    rows = [[f"`{metric}`", meaning] for metric, meaning in known if of_metrics.match(str(metric))]
    return _table(["Metric", "What for"], rows)


def _explained(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Names with a docstring below them, and that docstring."""
    for field, below in pairwise(body):
        named = [field.target] if isinstance(field, ast.AnnAssign) else getattr(field, "targets", [])
        for target in named:
            if isinstance(target, ast.Name) and isinstance(below, ast.Expr):
                yield target.id, ast.literal_eval(below.value)


def _fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Every field below a record: its path, its schema, and whether it is required where it stands."""
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, field, name in schema.get("required", [])
        yield from _fields(field, here)
        if "items" in field:
            yield from _fields(field["items"], f"{here}[]")


def _type(field: Schema) -> str:
    """What may be written there; the form of a string is taken from the sentence that refuses another."""
    if "enum" in field:
        return " | ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        bounds = f", {field.get('minItems', 0)} to {field['maxItems']}" if "maxItems" in field else ""
        return f"list of {field['items']['type']}s{bounds}"
    if field["type"] == "object":
        return "object"
    kind = f"{field['type']}, {field['minimum']} to {field['maximum']:,}" if "maximum" in field else field["type"]
    said = [rule["message"].partition(":")[0] for rule in field.get("x-kubernetes-validations", [])]
    forms = [form[1] for form in (re.match("not (?:an? )?(.*)", sentence) for sentence in said) if form]
    limits = [sentence.removeprefix("must be ") for sentence in said if sentence.startswith("must be ")]
    return ", ".join([*(forms or [kind]), *limits])


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines)


TABLES: dict[str, Callable[[], str]] = {
    "spec": _spec,
    "rules": _rules,
    "status": _status,
    "reasons": _reasons,
    "verbs": _verbs,
    "alerts": _alerts,
    "commands": _commands,
    "exits": _exits,
    "read": _read,
    "exported": _exported,
}


def main() -> int:
    """1 when `--check` finds that a page is stale, else 0."""
    found = {file: file.read_text(encoding="utf-8") for file in PAGES}
    fresh = {file: rendered(page) for file, page in found.items()}
    if "--check" in sys.argv[1:]:
        return int(fresh != found)
    for file, page in fresh.items():
        if page != found[file]:
            file.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
