"""The layout that everything else stands on, and the lists that must be complete."""

import ast
from pathlib import Path

from modelrollout import errors
from modelrollout.api.reasons import MEANING, Reason

ROOT = Path(__file__).resolve().parents[2]
TESTS = [ROOT / "operator" / "tests", ROOT / "models" / "tests", ROOT / "e2e"]


def test_operator_is_no_package_because_it_would_hide_the_standard_librarys() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_test_folders_are_no_packages() -> None:
    found = [path for folder in TESTS[:2] for path in folder.rglob("__init__.py")]

    assert found == []


def test_test_files_have_names_of_their_own_outside_packages() -> None:
    files = [path for folder in TESTS for path in folder.rglob("*.py") if not (path.parent / "__init__.py").exists()]
    names = [path.name for path in files if path.name != "conftest.py"]

    assert sorted(names) == sorted(set(names))


def test_every_reason_has_a_meaning() -> None:
    assert list(MEANING) == list(Reason)


def test_every_meaning_is_a_sentence() -> None:
    assert [sentence for sentence in MEANING.values() if not sentence.endswith(".")] == []


def test_every_error_stands_in_the_tree_at_the_top_of_its_file() -> None:
    tree = {_named(line) for line in (errors.__doc__ or "").splitlines()} - {""}

    assert {name for name, kind in vars(errors).items() if isinstance(kind, type)} == tree


def test_every_error_says_what_it_is() -> None:
    source = ast.parse(Path(errors.__file__).read_text(encoding="utf-8"))
    classes = [node for node in source.body if isinstance(node, ast.ClassDef)]

    assert [node.name for node in classes if not ast.get_docstring(node)] == []


def _named(line: str) -> str:
    """The error that this line of the drawing names; empty when it is prose."""
    words = line.strip().lstrip("│├└─ ").split()
    return words[0] if words and line.startswith("    ") else ""
