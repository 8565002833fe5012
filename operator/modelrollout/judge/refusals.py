"""What the judge refuses, one sentence each. What merely is not known yet is a value (Inconclusive), no refusal.

Refusal
├── CountsRefused     counts that no counter can show
├── RuleRefused       a guardrail that cannot be judged as it is written
├── HistoryTooShort   the baseline has not shown enough traffic yet: try again later
├── NoUsableEdge      the histogram's buckets cannot carry this guardrail: change the buckets or the guardrail
└── StateRefused      a stored state that cannot be read back
"""


class Refusal(ValueError):
    """Base of all refusals of the judge."""


class CountsRefused(Refusal):
    """Counts that no counter can show: negative, not a number, or beyond what a float counts exactly."""


class RuleRefused(Refusal):
    """A guardrail that cannot be judged as it is written."""


class HistoryTooShort(Refusal):
    """The baseline has not shown enough traffic yet to choose bucket edges. Time is the cure."""


class NoUsableEdge(Refusal):
    """The buckets of the histogram cannot carry this guardrail. Other buckets or another limit are the cure."""


class StateRefused(Refusal):
    """A stored state that cannot be read back under this rule."""
