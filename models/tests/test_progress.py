"""What a person sees of a training."""

import io

import pytest
from rolloutmodels.plans import Epoch, Plan, Step, learning_rate
from rolloutmodels.progress import Progress

EPOCH = Epoch(number=1, loss=0.65, validation_loss=0.6412, validation_accuracy=0.6225)
PLAN = Plan(epochs=5, seed=1, peak_learning_rate=8e-3, warm_up_steps=4, cooling=0.5)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _after_ten_seconds(out: io.StringIO) -> Progress:
    """A quarter of the first of three epochs is done by then."""
    clock = Clock()
    progress = Progress(out, clock, epochs=3)
    clock.now = 10.0
    progress.step(Step(epoch=1, done=25, steps=100, loss=0.68))
    return progress


def test_a_terminal_shows_how_far_the_epoch_is_and_how_long_it_will_take() -> None:
    out = Terminal()

    _after_ten_seconds(out)

    line = "  epoch 1 of at most 3: 25 %, loss 0.6800, 0:30 to go, in all at most 1:50"
    assert out.getvalue() == "\r" + line


def test_the_epoch_takes_the_place_of_the_moving_line() -> None:
    out = Terminal()

    _after_ten_seconds(out).epoch(EPOCH, is_best=True)

    left = out.getvalue().rsplit("\r", 1)[1]
    assert left == "  epoch 1: loss 0.6500, on validation 0.6412, accuracy 62.25 %, the best so far\n"


def test_a_shorter_line_leaves_nothing_of_a_longer_one() -> None:
    out, clock = Terminal(), Clock()
    progress = Progress(out, clock, epochs=1)
    for now, done in ((1_000.0, 1), (1_001.0, 100)):
        clock.now = now
        progress.step(Step(epoch=1, done=done, steps=100, loss=0.5))

    longer, shorter = out.getvalue().split("\r")[1:]

    assert "1650:00 to go" in longer
    assert len(shorter) == len(longer)
    assert shorter.rstrip().endswith("0:00 to go, in all at most 0:00")


def test_a_terminal_is_not_written_to_at_every_step() -> None:
    out, clock = Terminal(), Clock()
    progress = Progress(out, clock, epochs=1)

    for done in range(1, 1_001):
        clock.now = done / 1_000  # a second for all of them
        progress.step(Step(epoch=1, done=done, steps=1_000, loss=0.5))

    assert 8 <= out.getvalue().count("\r") <= 12


def test_a_file_gets_a_line_per_epoch_and_nothing_else() -> None:
    out = io.StringIO()

    _after_ten_seconds(out).epoch(EPOCH, is_best=False)

    assert out.getvalue() == "  epoch 1: loss 0.6500, on validation 0.6412, accuracy 62.25 %\n"


@pytest.mark.parametrize(
    ("step", "share"),
    [
        pytest.param(1, 0.25, id="it warms up"),
        pytest.param(4, 1.0, id="it reaches its peak"),
        pytest.param(14, 0.5, id="it cools by half within an epoch's steps"),
        pytest.param(34, 0.125, id="it cools on"),
    ],
)
def test_the_learning_rate_rises_and_cools(step: int, share: float) -> None:
    assert learning_rate(PLAN, step, steps_in_epoch=10) == pytest.approx(share * 8e-3)
