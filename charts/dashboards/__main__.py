"""Writes the dashboards of the chart: `python charts/dashboards`, or `--check` to compare them."""

import json
import sys
from pathlib import Path

import business
import performance
import rollouts
import significance
from grafana import Dashboard

FOLDER = Path(__file__).parents[1] / "modelrollout" / "files" / "dashboards"
DASHBOARDS: dict[str, Dashboard] = {
    "rollouts": rollouts.DASHBOARD,
    "model-performance": performance.DASHBOARD,
    "business-impact": business.DASHBOARD,
    "ab-significance": significance.DASHBOARD,
}


def main() -> int:
    """1 when `--check` finds that a file is stale, else 0."""
    fresh = {FOLDER / f"{name}.json": json.dumps(told.json(), indent=1) + "\n" for name, told in DASHBOARDS.items()}
    if "--check" in sys.argv[1:]:
        return int({file: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")} != fresh)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, text in fresh.items():
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
