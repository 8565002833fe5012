"""What a cache of images holds for nobody: every version of the checkout leaves those of the one before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

NAMELESS = "<none>"
# Lines like "--> 9cc88b325fb" and "--> Using cache c0a5e43892858e...".
_STEP = re.compile(r"^--> (?:Using cache )?([0-9a-f]{11,64})$", re.MULTILINE)


def of_builds(images: Iterable[tuple[str, str]], logs: Iterable[str]) -> list[str]:
    """Which of these images, by identity and name, have no name and are no step of the builds with these logs.

    A build caches its steps as images without a name: those of its last logs are what the next one takes up.
    """
    steps = tuple({step for log in logs for step in _STEP.findall(log)})
    return [identity for identity, name in images if name == NAMELESS and not identity.startswith(steps)]


def of_a_node(listed: Iterable[str], loaded: Mapping[str, str]) -> list[str]:
    """Which of the names that containerd lists stand for none of the images that were loaded, digests by name."""
    kept = {*loaded, *(f"sha256:{digest}" for digest in loaded.values())}
    return [name for name in listed if name not in kept]
