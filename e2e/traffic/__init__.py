"""Client traffic for models behind Seldon, and what clients see of it."""

from e2e.traffic.clients import Traffic
from e2e.traffic.records import Answer, Outcome, Seen

__all__ = ["Answer", "Outcome", "Seen", "Traffic"]
