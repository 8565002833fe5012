"""Where things are in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
BINARIES = CACHE / "bin"
CONTROL_PLANE = ROOT / "e2e" / "controlplane"
CHART = ROOT / "charts" / "modelrollout"
GO_REQUIREMENTS = ROOT / "requirements" / "go.txt"
