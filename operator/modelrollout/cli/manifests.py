"""YAML as people keep it in files: its objects, and the line and place where each field stands (pure).

Read as the API server's tools do: a date is text, and a key that stands twice is a mistake.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

# As in api.crd, which takes a third of a second to import; a test holds them together.
API_VERSION, KIND = "modelrollout.io/v1alpha1", "ModelRollout"

Path = tuple[str | int, ...]
"""Keys and places from the object inwards, as in ("spec", "candidates", 0, "name")."""


class Unreadable(Exception):
    """The text is no YAML; `line` counts from 1, and is 0 where none is known."""

    def __init__(self, sentence: str, line: int = 0) -> None:
        super().__init__(sentence)
        self.line = line


@dataclass(frozen=True)
class Manifest:
    """One object of a file."""

    node: MappingNode

    @property
    def api_version(self) -> str:
        """As it is written; empty when it is not."""
        return _text(self.at(("apiVersion",)))

    @property
    def kind(self) -> str:
        """As it is written; empty when it is not."""
        return _text(self.at(("kind",)))

    @property
    def name(self) -> str:
        """metadata.name; empty when there is none."""
        return _text(self.at(("metadata", "name")))

    @property
    def namespace(self) -> str:
        """metadata.namespace; empty when there is none."""
        return _text(self.at(("metadata", "namespace")))

    @property
    def is_rollout(self) -> bool:
        """True for a ModelRollout that this version knows."""
        return (self.api_version, self.kind) == (API_VERSION, KIND)

    @property
    def value(self) -> dict[str, Any]:
        """The object as plain values. Raises Unreadable."""
        loader = _Loader("")
        try:
            made: dict[str, Any] = loader.construct_document(self.node)
        except yaml.YAMLError as broken:
            raise _unreadable(broken) from broken
        return made

    def at(self, path: Path) -> Node | None:
        """What stands at the path; None when nothing does, or only through a merge key."""
        node: Node | None = self.node
        for step in path:
            node = _step(node, step)
        return node

    def line(self, path: Path = ()) -> int:
        """The line, from 1, of the path's innermost part that is there."""
        for depth in range(len(path), 0, -1):
            if (key := self._key(path[:depth])) is not None:
                return int(key.start_mark.line) + 1
        return int(self.node.start_mark.line) + 1

    def doubles(self) -> list[tuple[int, str]]:
        """Every key that stands twice in one place: (line, path of the second)."""
        return list(_doubles(self.node, ""))

    def _key(self, path: Path) -> Node | None:
        """What begins the line of this path: the key of a field, or the entry of a list."""
        parent, last = self.at(path[:-1]), path[-1]
        if isinstance(parent, MappingNode):
            return next((key for key, _ in parent.value if key.value == last), None)
        return _step(parent, last)


def documents(text: str) -> list[Node]:
    """What the text holds, one after the other. Raises Unreadable."""
    try:
        return list(yaml.compose_all(text, Loader=_Loader))
    except (yaml.YAMLError, RecursionError) as broken:
        raise _unreadable(broken) from broken


def objects(read: Iterable[Node]) -> list[Manifest]:
    """The objects among them, in order; those of a List one by one."""
    return [manifest for document in read for manifest in _objects(document)]


def said(node: Node, instead: Mapping[int, str] = MappingProxyType({})) -> Any:
    """What the node says, with its tags and without its form; `instead` gives scalars, by their id, another value."""
    if isinstance(node, MappingNode):
        return node.tag, [(said(key, instead), said(value, instead)) for key, value in node.value]
    if isinstance(node, SequenceNode):
        return node.tag, [said(item, instead) for item in node.value]
    return node.tag, instead.get(id(node), node.value)


class _Loader(yaml.SafeLoader):
    """YAML as JSON knows it: no dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's own way
        first: [(tag, form) for tag, form in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _objects(node: Node | None) -> Iterator[Manifest]:
    if not isinstance(node, MappingNode):
        return
    manifest = Manifest(node)
    items = manifest.at(("items",))
    if manifest.kind.endswith("List") and isinstance(items, SequenceNode):
        for item in items.value:
            yield from _objects(item)
    else:
        yield manifest


def _step(node: Node | None, step: str | int) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for key, value in reversed(node.value) if key.value == step), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: Node = node.value[step]
        return found
    return None


def _text(node: Node | None) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else ""


def _doubles(node: Node, path: str) -> Iterator[tuple[int, str]]:
    if isinstance(node, SequenceNode):
        for place, item in enumerate(node.value):
            yield from _doubles(item, f"{path}[{place}]")
    if not isinstance(node, MappingNode):
        return
    seen = set[str]()
    for key, value in node.value:
        where = f"{path}.{key.value}".lstrip(".")
        if isinstance(key, ScalarNode) and key.value in seen:
            yield int(key.start_mark.line) + 1, where
        seen.add(str(key.value))
        yield from _doubles(value, where)


def _unreadable(broken: Exception) -> Unreadable:
    """What the library found, in one line."""
    mark = getattr(broken, "problem_mark", None)
    found = getattr(broken, "problem", None) or getattr(broken, "reason", None) or type(broken).__name__
    return Unreadable(f"no YAML: {found}", mark.line + 1 if mark else 0)


def pointed(location: Path) -> str:
    """The path as people write it: spec.candidates[0].name."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
