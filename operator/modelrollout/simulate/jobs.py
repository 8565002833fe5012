"""Pieces of work that can be done in any order and by any process: a world, and who is to see it."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np

from modelrollout.simulate import history, runs
from modelrollout.simulate.contestants import Contestant
from modelrollout.simulate.ours import Guarded, Ours
from modelrollout.simulate.runs import Times, Until
from modelrollout.simulate.worlds import World

RUNS_PER_HISTORY = 50

Results = dict[tuple[str, str], Times]  # by names of world and contestant


@dataclass(frozen=True)
class Job:
    """One world for some contestants. With history, each 50 runs know a day of the baseline's own before them."""

    world: World
    contestants: tuple[Contestant, ...]
    runs: int
    until: Until = Until.END
    with_history: bool = False

    def play(self) -> Results:
        """The times of every contestant."""
        if self.with_history:
            return _with_history(self)
        times = runs.drive(self.world, self.contestants, self.runs, self.until)
        return {(self.world.name, name): found for name, found in times.items()}


def play(jobs: Sequence[Job], workers: int, tell: Callable[[int, Job], None]) -> Results:
    """The results of all jobs; `tell` hears how many are done, and which was the last."""
    results: Results = {}
    for done, (job, found) in enumerate(_played(jobs, workers), start=1):
        results |= found
        tell(done, job)
    return results


def _played(jobs: Sequence[Job], workers: int) -> Iterable[tuple[Job, Results]]:
    if workers <= 1:
        yield from ((job, job.play()) for job in jobs)
        return
    with ProcessPoolExecutor(workers) as pool:
        waiting = {pool.submit(job.play): job for job in jobs}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _with_history(job: Job) -> Results:
    """Each batch of runs has a day of its own before it, so that no lucky day speaks for all."""
    batches = max(1, job.runs // RUNS_PER_HISTORY)
    parts = dict[str, list[Times]]()
    for one in job.contestants:
        assert isinstance(one, Ours)
        (guarded,) = one.guarded
        before = history.priors(job.world, guarded.quality, guarded.rule.headline, batches)
        for number, prior in enumerate(before):
            informed = replace(one, guarded=(Guarded(guarded.quality, replace(guarded.rule, prior=prior)),))
            world = replace(job.world, name=f"{job.world.name}, day {number}")
            parts.setdefault(one.name, []).append(runs.drive(world, [informed], RUNS_PER_HISTORY, job.until)[one.name])
    return {(job.world.name, name): _joined(found) for name, found in parts.items()}


def _joined(parts: Sequence[Times]) -> Times:
    return Times(np.concatenate([part.failed for part in parts]), np.concatenate([part.passed for part in parts]))
