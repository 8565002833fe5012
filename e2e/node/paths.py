"""Where the node keeps what it makes."""

from e2e.stack import paths

CACHE = paths.CACHE / "node"
DEBIAN = CACHE / "debian"
"""Packages, and the base image made of them."""
IMAGES = CACHE / "images"
FIRST = paths.ROOT / "e2e" / "node" / "first.py"
