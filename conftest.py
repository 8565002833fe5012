"""How tests share what is expensive: in one process, or in two at once (`pytest -n 2 --dist loadscope`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent
LONGEST = (ROOT / "e2e" / "stories", ROOT / "e2e" / "node")
"""Folders of tests that take minutes, the longest first."""


class Folder(pytest.Package):
    """A folder of tests that has a conftest.py and, as all of them, no `__init__.py`.

    For pytest only packages have fixtures of scope `package`: anywhere else these live until the whole run ends, and
    a stack that nobody uses any more takes half a gigabyte and a tenth of a core from those that come after it.
    """

    def setup(self) -> None:
        """A package would import its `__init__.py` here."""


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """None: as pytest likes it."""
    if _shares(path) and not (path / "__init__.py").exists():
        return Folder.from_parent(parent, path=path)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: with two processes they must not be what begins last."""
    items.sort(key=lambda item: [folder not in item.path.parents for folder in LONGEST])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests measured on the way (`record_property("measured", ...)`): printed, and never a reason to fail."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "measured" and report.when == "call":
                terminalreporter.write_line(f"measured: {value}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of a folder that shares things go to one process, other tests file by file."""
    from xdist.scheduler import LoadScopeScheduling

    class Sharing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = Path(nodeid.split("::", 1)[0])
            return str(file.parent if _shares(ROOT / file.parent) else file)

    return Sharing(config, log) if config.getvalue("dist") == "loadscope" else None


def _shares(folder: Path) -> bool:
    return folder != ROOT and (folder / "conftest.py").exists()
