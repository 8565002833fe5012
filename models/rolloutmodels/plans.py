"""What a training is asked for, and what it says of itself on the way. Needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSet:
    """A sample by where it came from: its seed and its number of windows."""

    seed: int
    samples: int


@dataclass(frozen=True)
class Plan:
    """How fast to learn and for how long; `seed` decides the order of the samples.

    The learning rate rises to its peak over `warm_up_steps` and is multiplied by `cooling` over each epoch's worth of
    steps after that. Training ends after `epochs`, or after `patience` in a row without a lower validation loss.
    """

    epochs: int
    seed: int
    peak_learning_rate: float
    patience: int = 2
    batch: int = 512
    weight_decay: float = 1e-2
    gradient_limit: float = 1.0
    warm_up_steps: int = 200
    cooling: float = 0.5


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to: mean losses (binary cross-entropy, nats) and accuracy as a fraction (0-1)."""

    number: int
    loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class Step:
    """How far an epoch has come: `done` of `steps`, and the mean loss so far."""

    epoch: int
    done: int
    steps: int
    loss: float


@dataclass(frozen=True)
class Score:
    """Accuracy and its standard error (binomial), both fractions (0-1), and the loss."""

    accuracy: float
    standard_error: float
    loss: float


def learning_rate(plan: Plan, step: int, steps_in_epoch: int) -> float:
    """The rate of the step with that number, counted from 1 over all epochs: a checkpoint need not keep it."""
    warmth = min(1.0, step / plan.warm_up_steps)
    return plan.peak_learning_rate * warmth * plan.cooling ** (max(0, step - plan.warm_up_steps) / steps_in_epoch)
