"""Every scenario of the bench."""

from modelrollout.simulate import scenarios, variations, waiting
from modelrollout.simulate.jobs import Job
from modelrollout.simulate.runs import Until


def everything(runs: int) -> list[Job]:
    """All jobs of the bench, the longest first so that no process waits for the last one."""
    jobs = [
        *scenarios.stress(runs),
        *scenarios.cells(runs, False),
        *waiting.passes(runs),
        *scenarios.absolute(runs),
        *waiting.floors(runs),
        *variations.means(runs),
        *variations.combined(runs),
        *scenarios.late_onset(runs),
        *scenarios.cells(runs, True),
        *variations.edges(runs),
    ]
    return sorted(jobs, key=lambda job: (job.until is not Until.END, not job.with_history))
