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
