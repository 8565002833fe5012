"""Another model in a manifest, and nothing else: exactly the letters of one name change (pure).

A library that reads and writes YAML keeps most of what people wrote; this keeps all of it, because only the name's own
letters are replaced. Afterwards the text is read again, and must say what it said before but for the names.
"""

import re
from dataclasses import dataclass

from yaml.nodes import Node, ScalarNode, SequenceNode

from modelrollout.cli import manifests
from modelrollout.cli.manifests import API_VERSION, KIND, Manifest, Path
from modelrollout.cli.refusals import Refused

# As in api.contract; see manifests.API_VERSION.
NAME, LONGEST_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", 63
BASELINE: Path = ("spec", "baseline", "name")
CANDIDATE: Path = ("spec", "candidates", 0, "name")
# YAML takes these for something else than text, in one version or the other.
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


@dataclass(frozen=True)
class Wanted:
    """What is asked for; baseline None: it stays, rollout None: the only one of the file."""

    candidate: str
    baseline: str | None = None
    rollout: str | None = None


@dataclass(frozen=True)
class Change:
    """One name: where it stands in the spec, as people write it, and what it becomes."""

    field: str
    old: str
    new: str


@dataclass(frozen=True)
class _Edit:
    """A name where it stands, and the letters that take its place."""

    node: ScalarNode
    letters: str
    change: Change


def rename(text: str, wanted: Wanted) -> tuple[str, list[Change]]:
    """The text with the names wanted, and what that changed: nothing, when they stand there already.

    Raises Refused and Unreadable.
    """
    before = manifests.documents(text)
    found = _chosen(manifests.objects(before), wanted.rollout)
    _check(found, wanted)
    asked = [(CANDIDATE, wanted.candidate), (BASELINE, wanted.baseline)]
    edits = [_edit(text, found, path, new) for path, new in asked if new is not None]
    edits = [edit for edit in edits if edit.change.old != edit.change.new]
    changed = text
    for edit in sorted(edits, key=lambda edit: edit.node.start_mark.index, reverse=True):
        changed = changed[: edit.node.start_mark.index] + edit.letters + changed[edit.node.end_mark.index :]
    _prove(before, changed, edits)
    return changed, [edit.change for edit in edits]


def _chosen(found: list[Manifest], name: str | None) -> Manifest:
    rollouts = [manifest for manifest in found if manifest.is_rollout]
    if not rollouts:
        raise Refused(f"it holds no {KIND} of {API_VERSION}: give the file that does")
    fitting = [manifest for manifest in rollouts if name in (None, manifest.name)]
    names = ", ".join(manifest.name or "(without a name)" for manifest in rollouts)
    if not fitting:
        raise Refused(f"it holds no rollout '{name}', but {names}: correct --rollout")
    if len(fitting) > 1:
        which = "say which with --rollout" if name is None else "give each rollout its own file"
        raise Refused(f"it holds {len(fitting)} rollouts ({names}): {which}")
    return fitting[0]


def _check(found: Manifest, wanted: Wanted) -> None:
    for option, name in (("--name", wanted.candidate), ("--baseline", wanted.baseline)):
        if name is not None and (not re.fullmatch(NAME, name) or len(name) > LONGEST_NAME):
            raise Refused(f"{option} is '{name}': not a name of an object, use lower-case letters, digits and dashes")
    candidates = found.at(CANDIDATE[:2])
    if isinstance(candidates, SequenceNode) and len(candidates.value) > 1:
        raise Refused(f"rollout {found.name} has {len(candidates.value)} candidates, and one of them is meant: edit it")
    if wanted.candidate == (wanted.baseline or _name(found, BASELINE).value):
        cure = "choose another candidate" if wanted.baseline else "choose another, or give the new --baseline too"
        raise Refused(f"--name is '{wanted.candidate}', and that is the baseline: {cure}")


def _name(found: Manifest, path: Path) -> ScalarNode:
    node = found.at(path)
    if not isinstance(node, ScalarNode):
        where = manifests.pointed(path)
        raise Refused(
            f"rollout {found.name} has no {where} of its own in this file: write it there, or edit it by hand"
        )
    return node


def _edit(text: str, found: Manifest, path: Path, new: str) -> _Edit:
    node = _name(found, path)
    quote = node.style or ""
    # An anchor, a tag, an escape or a folded text is somebody's own way of writing, and may be meant for more.
    if text[node.start_mark.index : node.end_mark.index] != f"{quote}{node.value}{quote}":
        raise Refused(f"{manifests.pointed(path)} is not written as a plain name (an anchor, perhaps): edit it by hand")
    return _Edit(node, _quoted(new, quote), Change(manifests.pointed(path[1:]), str(node.value), new))


def _quoted(name: str, quote: str) -> str:
    """The name in the quotes that stood there; in quotes anyway, where YAML would read something else than text."""
    is_text = name[0].isalpha() and name not in _WORDS
    quote = quote if quote or is_text else '"'
    return f"{quote}{name}{quote}"


def _prove(before: list[Node], changed: str, edits: list[_Edit]) -> None:
    """Raises Refused unless the new text says what the old one said, but for the names."""
    instead = {id(edit.node): edit.change.new for edit in edits}
    if [manifests.said(one, instead) for one in before] != [
        manifests.said(one) for one in manifests.documents(changed)
    ]:
        raise Refused("the change would reach further than the name: edit it by hand")
