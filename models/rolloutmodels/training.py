"""Fit a network to a sample and keep its best epoch. No files, no clock, no printing."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rolloutmodels.market import Sample
from rolloutmodels.networks import Direction


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn; `seed` decides the order of the samples."""

    epochs: int
    seed: int
    peak_learning_rate: float
    batch: int = 512
    weight_decay: float = 1e-2
    gradient_limit: float = 1.0


@dataclass(frozen=True)
class Epoch:
    """One line of progress; accuracies are fractions (0-1)."""

    number: int
    loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class Score:
    """Accuracy and its standard error (binomial), both fractions (0-1)."""

    accuracy: float
    standard_error: float


def fit(network: Direction, train: Sample, validation: Sample, plan: Plan, report: Callable[[Epoch], None]) -> Epoch:
    """Train in place, leave the weights of the epoch that did best on validation, and return that epoch."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.peak_learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.peak_learning_rate, epochs=plan.epochs, steps_per_epoch=math.ceil(len(train) / plan.batch)
    )
    order = torch.Generator().manual_seed(plan.seed)
    best, weights = Epoch(0, math.inf, -1.0), network.state_dict()
    for number in range(1, plan.epochs + 1):
        losses = [_step(network, batch, optimizer, schedule, plan) for batch in _batches(train, plan.batch, order)]
        epoch = Epoch(number, sum(losses) / len(losses), score(network, validation).accuracy)
        report(epoch)
        if epoch.validation_accuracy > best.validation_accuracy:
            best, weights = epoch, copy.deepcopy(network.state_dict())
    network.load_state_dict(weights)
    return best


def score(network: Direction, sample: Sample) -> Score:
    """How often the network's side of one half is the right one."""
    with torch.inference_mode():
        windows = torch.from_numpy(sample.features)
        logits = torch.cat([network.logits(part) for part in windows.split(2048)]).squeeze(1)
    accuracy = ((logits > 0) == (torch.from_numpy(sample.labels) > 0.5)).double().mean().item()
    return Score(accuracy, math.sqrt(accuracy * (1.0 - accuracy) / len(sample)))


def _step(
    network: Direction,
    batch: tuple[Tensor, Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    plan: Plan,
) -> float:
    windows, labels = batch
    loss = nn.functional.binary_cross_entropy_with_logits(network.logits(windows).squeeze(1), labels)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), plan.gradient_limit)
    optimizer.step()
    schedule.step()
    return loss.item()


def _batches(sample: Sample, size: int, order: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    windows, labels = torch.from_numpy(sample.features), torch.from_numpy(sample.labels)
    for chosen in torch.randperm(len(sample), generator=order).split(size):
        yield windows[chosen], labels[chosen]
