"""The family of networks: one LSTM, three sizes, chosen by name."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rolloutmodels.contract import FEATURES


@dataclass(frozen=True)
class Size:
    """Hidden units per layer, number of LSTM layers, and whether attention looks back over all steps."""

    hidden: int
    layers: int
    attention: bool = False


SIZES = {
    "lightweight": Size(hidden=32, layers=1),
    "baseline": Size(hidden=64, layers=2),
    "enhanced": Size(hidden=128, layers=3, attention=True),
}


class Direction(nn.Module):
    """Windows [batch, 10, 35] in, probability [batch, 1] that the next return is positive out."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.lstm = nn.LSTM(FEATURES, size.hidden, size.layers, batch_first=True)
        self.attention = Attention(size.hidden) if size.attention else None
        width = 2 * size.hidden if size.attention else size.hidden
        self.head = nn.Sequential(nn.Linear(width, size.hidden // 2), nn.ReLU(), nn.Linear(size.hidden // 2, 1))

    def forward(self, windows: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(windows))

    def logits(self, windows: Tensor) -> Tensor:
        """What training uses: the loss is stable on logits and not on probabilities near 0 and 1."""
        states, _ = self.lstm(windows)
        summary = states[:, -1]
        if self.attention is not None:
            summary = torch.cat([summary, self.attention(states)], dim=1)
        return self.head(summary)


class Attention(nn.Module):
    """Weighted mean of all states; each state's weight comes from how it fits the last one."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.scale = hidden**-0.5

    def forward(self, states: Tensor) -> Tensor:
        query = self.query(states[:, -1:])
        weights = torch.softmax(query @ states.transpose(1, 2) * self.scale, dim=2)
        return (weights @ states).squeeze(1)


def build(model: str, seed: int) -> Direction:
    """A fresh network of the named size with weights drawn from the seed; the global generator is left alone."""
    if model not in SIZES:
        raise ValueError(f"model is {model!r}; choose one of {', '.join(SIZES)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Direction(SIZES[model])


def parameter_count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())
