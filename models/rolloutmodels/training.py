"""Fit a network to a sample, epoch by epoch, until it learns nothing more. No files, no clock, no printing.

The learning rate cools by the same share in every epoch, and training ends when several epochs in a row did no better
on validation than the best before them. Neither asks how many epochs there will be, so a training that ends early, or
goes on for longer than was planned, is the same training up to there.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from rolloutmodels.market import Sample
from rolloutmodels.networks import Direction
from rolloutmodels.plans import Epoch, Plan, Score, Step, learning_rate

_PART = 2_048  # windows answered at once when a network is scored; more would only cost memory


class Training:
    """A network on its way: what it has learned, and all that the next epoch depends on."""

    def __init__(self, network: Direction, plan: Plan) -> None:
        self.network = network
        self.plan = plan
        self.epochs: list[Epoch] = []
        self._optimizer = torch.optim.AdamW(
            network.parameters(), plan.peak_learning_rate, weight_decay=plan.weight_decay
        )
        self._order = torch.Generator().manual_seed(plan.seed)
        self._best_weights = _copy(network)

    @property
    def best(self) -> Epoch:
        """The epoch with the lowest validation loss, the first of equals. Raises ValueError before the first epoch."""
        return min(self.epochs, key=lambda epoch: epoch.validation_loss)

    @property
    def has_stalled(self) -> bool:
        """Whether patience has run out: so many epochs have passed since the best one."""
        return bool(self.epochs) and len(self.epochs) - self.best.number >= self.plan.patience

    @property
    def is_over(self) -> bool:
        return self.has_stalled or len(self.epochs) >= self.plan.epochs

    def advance(self, train: Sample, validation: Sample, report: Callable[[Step], None]) -> Epoch:
        """One more epoch; `report` hears of every step. Returns what it came to."""
        loss, held = self._learn(train, report), score(self.network, validation)
        epoch = Epoch(len(self.epochs) + 1, loss, held.loss, held.accuracy)
        self.epochs.append(epoch)
        if self.best is epoch:
            self._best_weights = _copy(self.network)
        return epoch

    def finish(self) -> Direction:
        """The network with the weights of its best epoch."""
        self.network.load_state_dict(self._best_weights)
        return self.network

    def state(self) -> dict[str, Any]:
        """Everything the next epoch depends on beside the plan and the samples, as tensors and plain values."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "order": self._order.get_state(),
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "best_weights": self._best_weights,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; the next epochs are those that would have followed, bit for bit."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._order.set_state(state["order"])
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        self._best_weights = state["best_weights"]

    def _learn(self, train: Sample, report: Callable[[Step], None]) -> float:
        steps, total = math.ceil(len(train) / self.plan.batch), 0.0
        before = len(self.epochs) * steps
        for done, batch in enumerate(_batches(train, self.plan.batch, self._order), start=1):
            self._optimizer.param_groups[0]["lr"] = learning_rate(self.plan, before + done, steps)
            total += self._step(*batch)
            report(Step(len(self.epochs) + 1, done, steps, total / done))
        return total / steps

    def _step(self, windows: Tensor, labels: Tensor) -> float:
        loss = _loss(self.network.logits(windows), labels)
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.gradient_limit)
        self._optimizer.step()
        return loss.item()


def score(network: Direction, sample: Sample) -> Score:
    """How often the network's side of one half is the right one, and the loss."""
    labels = torch.from_numpy(sample.labels)
    with torch.inference_mode():
        logits = torch.cat([network.logits(part) for part in torch.from_numpy(sample.features).split(_PART)])
        loss = _loss(logits, labels).item()
    accuracy = ((logits.squeeze(1) > 0) == (labels > 0.5)).double().mean().item()
    return Score(accuracy, math.sqrt(accuracy * (1.0 - accuracy) / len(sample)), loss)


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits.squeeze(1), labels)


def _batches(sample: Sample, size: int, order: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    windows, labels = torch.from_numpy(sample.features), torch.from_numpy(sample.labels)
    for chosen in torch.randperm(len(sample), generator=order).split(size):
        yield windows[chosen], labels[chosen]


def _copy(network: Direction) -> dict[str, Tensor]:
    return copy.deepcopy(network.state_dict())
