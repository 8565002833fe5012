"""Makes Argo CD's way to run Lua importable here."""

import sys

from e2e.stack.paths import ROOT

sys.path.append(str(ROOT / "operator" / "tests" / "argocd"))
