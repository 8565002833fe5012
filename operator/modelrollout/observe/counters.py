"""Counters of the user's own, which guardrails on shares and means read."""

import re
from dataclasses import dataclass

_OWN_NAMESPACE = re.compile(r"[{,] *namespace *(=|!)")


@dataclass(frozen=True)
class Counter:
    """A metric, with or without matchers, whose label says which model a series is about."""

    selector: str
    arm_label: str
    arm_pattern: str = "(.+?)(_[0-9]+)?"
    """`<model>` or `<model>_<version>`, as both RE2 and Python read it; names of Kubernetes objects hold no `_`."""

    @property
    def names_its_namespace(self) -> bool:
        """True when its own matchers say where the series are, for example with a job that counts labels for all."""
        return _OWN_NAMESPACE.search(self.selector) is not None

    def matchers(self, of_rollout: str | None) -> str | None:
        """The rollout's matchers; none where its own say where its series are, instead of the rollout's namespace."""
        return "" if of_rollout is None and self.names_its_namespace else of_rollout

    def model_of(self, label_value: str) -> str | None:
        """The model's name; None when the value is about no model."""
        match = re.fullmatch(self.arm_pattern, label_value)
        return match[1] if match else None
