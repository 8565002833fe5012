"""Commands start without what only other commands need."""

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "kopf", "kubernetes", "requests", "prometheus_api_client")
SCRIPT = """
import contextlib, io, json, sys
from modelrollout.__main__ import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(json.dumps(sorted(sys.modules)))
"""


def loaded(*arguments: str) -> set[str]:
    found = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], check=True, capture_output=True, text=True)
    return set(json.loads(found.stdout))


@pytest.mark.parametrize("arguments", [("crd",), ("simulate", "--help"), ("backtest", "--help"), ("run", "--help")])
def test_the_definition_and_every_help_text_need_no_heavy_library(arguments: tuple[str, ...]) -> None:
    modules = loaded(*arguments)

    assert "modelrollout.api.crd" in modules
    assert modules.isdisjoint(HEAVY)


def test_the_operator_never_searches_its_libraries_for_garbage() -> None:
    script = """
import gc, json, os
from modelrollout.__main__ import main
os.environ["MODELROLLOUT_SCRAPE_INTERVAL"] = "never"  # it ends before it asks any cluster
try:
    main(["run", "--all-namespaces"])
except SystemExit:
    print(json.dumps([gc.get_freeze_count(), len(gc.get_objects()), gc.get_threshold()[0]]))
"""
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    resting, searched, youngest = json.loads(found.stdout)

    assert resting > 10 * searched
    assert youngest > 10_000
