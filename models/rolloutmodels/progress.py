"""How a training comes along: a line that moves on a terminal, and a line per epoch everywhere."""

from collections.abc import Callable
from typing import TextIO

from rolloutmodels.plans import Epoch, Step

_SECONDS_BETWEEN_CHANGES = 0.1


class Progress:
    """Tells `out` of steps and epochs. `clock` gives seconds and is read at each step."""

    def __init__(self, out: TextIO, clock: Callable[[], float], epochs: int) -> None:
        self._out = out
        self._clock = clock
        self._epochs = epochs
        self._is_live = out.isatty()
        self._began = self._changed = clock()
        self._width = 0

    def step(self, step: Step) -> None:
        """Moves the line, at most ten times a second and only on a terminal."""
        now = self._clock()
        if self._is_live and (now - self._changed >= _SECONDS_BETWEEN_CHANGES or step.done == step.steps):
            self._changed = now
            self._move(_line(step, self._epochs, (now - self._began) / step.done))

    def epoch(self, epoch: Epoch, is_best: bool) -> None:
        """Leaves a line about the epoch; the next one begins now."""
        self.clear()
        accuracy = f"{100 * epoch.validation_accuracy:.2f} %"
        losses = f"loss {epoch.loss:.4f}, on validation {epoch.validation_loss:.4f}, accuracy {accuracy}"
        print(f"  epoch {epoch.number}: {losses}{', the best so far' if is_best else ''}", file=self._out, flush=True)
        self._began = self._changed = self._clock()

    def clear(self) -> None:
        """Takes the moving line away, so that something else can be said in its place."""
        if self._width:
            self._move("")
            self._move("")

    def _move(self, line: str) -> None:
        self._out.write("\r" + line.ljust(self._width))
        self._out.flush()
        self._width = len(line)


def _line(step: Step, epochs: int, seconds_per_step: float) -> str:
    here = step.steps - step.done
    later = max(0, epochs - step.epoch) * step.steps
    return (
        f"  epoch {step.epoch} of at most {epochs}: {100 * step.done // step.steps} %, loss {step.loss:.4f}, "
        f"{_clock_time(here * seconds_per_step)} to go, in all at most {_clock_time((here + later) * seconds_per_step)}"
    )


def _clock_time(seconds: float) -> str:
    """As minutes and seconds: 1:05."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"
