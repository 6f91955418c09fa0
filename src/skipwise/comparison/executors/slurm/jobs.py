"""Jobs of Slurm, submitted through submitit, with a worker in each."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from skipwise.comparison.executors.slurm import commands
from skipwise.comparison.executors.slurm.commands import Ending, NoAnswer, State
from skipwise.comparison.executors.slurm.job import work
from skipwise.comparison.executors.slurm.request import SlurmRequest
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.os_errors import explained

WARNING = 60
"""Seconds before the end of its time at which a job is told to save its run."""
_TRANSIENT = ("unable to contact", "timed out", "connection refused", "zero bytes", "temporarily", "try again")
"""Words of Slurm's for what passes by itself."""


class Jobs(Protocol):
    """Jobs with a worker in each, and what became of them."""

    def submit(self, workers: Sequence[str]) -> list[str]:
        """Submits a job for each of these workers, and returns the jobs' numbers at Slurm."""

    def states(self) -> dict[str, State]:
        """The states of all jobs that were submitted for this comparison, by their numbers."""

    def ending(self, job: str) -> Ending:
        """How a job ended, as far as it is known."""

    def cancel(self, *, waiting: bool = False) -> None:
        """Cancels all jobs for this comparison, or those only that have not begun."""

    def log(self, job: str) -> Path:
        """The file with what a job printed."""


class SlurmJobs:
    """Jobs of Slurm.

    Args:
        comparison: the comparison's folder.
        messages: the folder of the messages.
        request: what is asked for each job.
        probe: what is in the file by which a shared folder is known.
    """

    def __init__(self, comparison: Path, messages: Path, request: SlurmRequest, probe: str) -> None:
        self.comparison, self.messages, self.request, self.probe = comparison, messages, request, probe
        # By the name all jobs for this comparison are found again, whoever submitted them.
        self.name = f"skipwise-{hashlib.sha256(os.fsencode(comparison)).hexdigest()[:12]}"

    def submit(self, workers: Sequence[str]) -> list[str]:
        """Submits a job array; see `Jobs`.

        Raises:
            NoAnswer: Slurm's controller can't be reached.
            SkipwiseError: Slurm refuses the jobs, or the folder can't be written.
        """
        import submitit
        from submitit.core.utils import FailedJobError, FailedSubmissionError, environment_variables
        from submitit.helpers import clean_env

        executor = submitit.SlurmExecutor(self.messages / "submitit", python=f"exec {shlex.quote(sys.executable)} -P")
        executor.update_parameters(**self._parameters())
        configuration = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
        places = [str(self.comparison)] * len(workers), [str(self.messages)] * len(workers)
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(explained(self.messages))
                # The command may be in a job itself, of which nothing is inherited.
                stack.enter_context(clean_env())
                stack.enter_context(environment_variables(**configuration))
                # submitit prints what sbatch says before it raises it.
                stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
                jobs = executor.map_array(work, *places, list(workers))
        except (FailedJobError, FailedSubmissionError) as error:
            said = commands.last_line(str(error)).removeprefix("Batch job submission failed: ")
            if any(words in str(error).lower() for words in _TRANSIENT):
                raise NoAnswer(f"Slurm takes no jobs now ({said}); try again later.") from error
            raise SkipwiseError(f"Slurm refuses the jobs ({said}); ask for something else with --executor.") from error
        return [job.job_id for job in jobs]

    def _parameters(self) -> dict[str, Any]:
        own = self.request.parameters()
        return own | {
            "job_name": self.name,
            "setup": self._setup(),
            "wckey": None,
            # Python takes the place of the script's shell, so that it gets the signals.
            "use_srun": False,
            "additional_parameters": own["additional_parameters"]
            | {
                "signal": f"B:TERM@{WARNING}",
                "requeue": True,
                # Where the folder is not shared, a job with its output in it ends before anything can be said.
                "output": os.devnull,
                "error": os.devnull,
            },
        }

    def _setup(self) -> list[str]:
        """The lines of the script before Python is started."""
        found = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)  # noqa: PTH100 - links stay
        python, folder = shlex.quote(sys.executable), shlex.quote(str(self.comparison))
        own = "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
        return [
            # External networks are found where they were found here.
            f"export PYTHONPATH={shlex.quote(found)}",
            f"{python} -P -m skipwise.core.workspace.shared_folder {folder} {self.probe} || exit $?",
            f'exec >> {shlex.quote(str(self.messages))}/"{own}.log" 2>&1',
        ]

    def states(self) -> dict[str, State]:
        """The states of all jobs for this comparison; see `Jobs`."""
        return commands.states(self.name)

    def ending(self, job: str) -> Ending:
        """How a job ended; see `Jobs`."""
        return commands.ending_of(job)

    def cancel(self, *, waiting: bool = False) -> None:
        """Cancels jobs; see `Jobs`."""
        commands.cancel(self.name, states=["PENDING"] if waiting else [])

    def log(self, job: str) -> Path:
        """The file with what a job printed; see `Jobs`."""
        return self.messages / f"{job}.log"
