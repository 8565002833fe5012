"""Tools are built once, by one process, and again when what they are made of changes. The compiler is real."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from e2e.stack import BuildError, ports, tools
from e2e.stack.recipes import Recipe

pytestmark = pytest.mark.stack


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    source = tmp_path / "source"
    source.mkdir()
    (source / "go.mod").write_text("module example\n\ngo 1.26.0\n")
    (source / "go.sum").touch()
    write(source, "one")
    return Recipe("greeter", "1.0", 1, ("greeter", "greeting"), (".",), directory=source, links=True)


def write(source: Path, word: str) -> None:
    (source / "main.go").write_text(f'package main\n\nfunc main() {{ println("{word}") }}\n')


def says(binary: Path) -> str:
    return subprocess.run([binary], capture_output=True, text=True, check=True).stderr.strip()


def test_a_tool_is_built_once_and_again_when_its_source_changes(recipe: Recipe, tmp_path: Path) -> None:
    into = tmp_path / "bin"

    assert tools.ensure(recipe, print, into)
    assert not tools.ensure(recipe, print, into)
    assert says(into / "greeting") == "one"

    assert recipe.directory is not None
    write(recipe.directory, "two")
    assert tools.ensure(recipe, print, into)
    assert says(into / "greeter") == "two"


def test_a_failed_build_says_why_and_leaves_the_binary_that_was_there(recipe: Recipe, tmp_path: Path) -> None:
    into = tmp_path / "bin"
    tools.ensure(recipe, print, into)
    assert recipe.directory is not None
    (recipe.directory / "main.go").write_text("package main\n\nfunc main() { missing() }\n")

    with pytest.raises(BuildError, match="undefined: missing"):
        tools.ensure(recipe, print, into)

    assert says(into / "greeter") == "one"
    assert list(into.glob(".build-*")) == []


def test_two_at_once_build_once(recipe: Recipe, tmp_path: Path) -> None:
    built: list[bool] = []
    builders = [
        threading.Thread(target=lambda: built.append(tools.ensure(recipe, print, tmp_path / "bin"))) for _ in range(2)
    ]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()

    assert sorted(built) == [False, True]


def test_two_reservations_share_no_port() -> None:
    first, second = ports.reserve(), ports.reserve()

    assert first.ports.etcd != second.ports.etcd
    first.release()
    second.release()
