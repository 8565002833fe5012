"""ModelRollout: progressive delivery of machine-learning models on Seldon Core v2.

Data flows one way: a ModelRollout (`api`) and what `observe` reads of the world go through `judge` (numbers in,
verdict out) and `plan` (one decision, with its reason) to `act`, which alone changes anything. `controller` walks
that path once per wake-up; `handlers` holds kopf's handlers, the clock and what errors lead to; `running` is the
process around them.
"""

__version__ = "0.1.0"
