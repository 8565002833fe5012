"""Client traffic for models behind Seldon, and what clients see of it."""

from e2e.traffic.clients import Traffic, Watcher
from e2e.traffic.fates import Labelling, Quality
from e2e.traffic.records import Answer, Outcome, Seen

__all__ = ["Answer", "Labelling", "Outcome", "Quality", "Seen", "Traffic", "Watcher"]
