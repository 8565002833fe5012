"""Makes the played world of the plan's tests importable here, and the script that writes the ConfigMap."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "plan"))
sys.path.append(str(Path(__file__).parents[3] / "charts" / "argocd"))
