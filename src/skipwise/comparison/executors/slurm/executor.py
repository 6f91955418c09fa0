"""The executor for clusters with Slurm."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from skipwise.comparison.executors.slurm import commands
from skipwise.comparison.executors.slurm.job_executor import FOLDER, JobExecutor
from skipwise.comparison.executors.slurm.jobs import SlurmJobs
from skipwise.comparison.executors.slurm.request import SlurmRequest
from skipwise.comparison.plan.plan import COMPARISONS, Plan
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed
from skipwise.core.workspace.shared_folder import write_probe

PROGRAMS = ("sbatch", "srun", "squeue", "sinfo", "scancel", "scontrol")
"""The commands of Slurm that are needed here; submitit asks for srun."""


class SlurmExecutor(JobExecutor):
    """An `Executor` that does runs as jobs of Slurm.

    A job array is submitted through submitit. Each job takes one run after another. Jobs share nothing but the
    comparison's folder: orders, epochs and checkpoints go through files in it. A run whose job was preempted, came to
    the end of its time or died is resumed by another job, from its last checkpoint. A job that somebody cancels is not
    replaced.

    Args:
        request: what is asked for each job; the default leaves partition, memory and time to Slurm.

    Raises:
        SkipwiseError: there is no Slurm on this machine, no such partition, or no node has so much.

    Example:
        >>> import contextlib
        >>> from skipwise import SkipwiseError, SlurmExecutor, SlurmRequest
        >>> request = SlurmRequest(partition="gpu", gpus=1, memory="16G", time="8h")
        >>> with contextlib.suppress(SkipwiseError):  # where there is no Slurm
        ...     executor = SlurmExecutor(request)  # for skipwise.compare("digits", executor=executor)
    """

    def __init__(self, request: SlurmRequest | None = None) -> None:
        self.request = request or SlurmRequest()
        super().__init__(self.request.jobs)
        if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
            raise SkipwiseError(
                f"There is no Slurm on this machine (no {missing[0]}); give the command on a machine that can submit "
                "jobs, or leave --executor out."
            )
        self._nodes = commands.nodes()
        self.request.check(self._nodes)

    @classmethod
    def at(cls, address: str) -> SlurmExecutor:
        """Makes one from an address, such as "PARTITION?time=8h&memory=16G"; see `SlurmRequest`.

        Raises:
            SkipwiseError: an option is unknown, or has a value that it can't have; or as for the class.
        """
        return cls(SlurmRequest.from_address(address))

    def open(self, folder: Path, *, processes: int, threads: int) -> None:  # noqa: ARG002 - of this machine
        """The comparison begins or continues; see `Executor`.

        Raises:
            SkipwiseError: no node has so much, Slurm does not take the folder's name, or Slurm does not answer.
        """
        folder = folder.resolve()
        if "%" in str(folder):
            raise SkipwiseError(f"Slurm and submitit read % in {folder} as a pattern; choose a folder without it.")
        plan = read_sealed(folder / COMPARISONS.plan_file, Plan)
        gpus = self.request.gpus if self.request.gpus is not None else int(plan.execution.device == "cuda")
        request = replace(self.request, cpus=self.request.cpus or threads, gpus=gpus)
        request.check(self._nodes)
        self.begin(folder, SlurmJobs(folder, folder / FOLDER, request, write_probe(folder)))
