"""Jobs that are processes of this machine, through submitit's LocalExecutor: what Slurm runs, without Slurm."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import submitit

from skipwise.comparison.executors.slurm.commands import Ending, State
from skipwise.comparison.executors.slurm.job import work
from skipwise.comparison.executors.slurm.job_executor import FOLDER, JobExecutor


class ProcessJobs:
    """Keeps to `Jobs`."""

    def __init__(self, comparison: Path) -> None:
        self.comparison, self.messages = comparison, comparison / FOLDER
        self.jobs: dict[str, Any] = {}

    def submit(self, workers: Sequence[str]) -> list[str]:
        executor = submitit.LocalExecutor(self.messages / "submitit")
        executor.update_parameters(timeout_min=60)
        places = [str(self.comparison)] * len(workers), [str(self.messages)] * len(workers)
        found = {job.job_id: job for job in executor.map_array(work, *places, list(workers))}
        self.jobs |= found
        return list(found)

    def states(self) -> dict[str, State]:
        names = {"RUNNING": "RUNNING", "FINISHED": "COMPLETED", "INTERRUPTED": "FAILED"}
        return {name: State(name=names[job.state]) for name, job in self.jobs.items()}

    def ending(self, job: str) -> Ending:
        return Ending(state=self.states()[job].name, node="here")

    def cancel(self, *, waiting: bool = False) -> None:
        for job in self.jobs.values() if not waiting else ():
            if job.state == "RUNNING":
                os.kill(int(job.job_id), signal.SIGTERM)  # which submitit hands on

    def log(self, job: str) -> Path:
        return self.jobs[job].paths.stderr


class JobsHere(JobExecutor):
    """The executor of Slurm, with these jobs."""

    def __init__(self) -> None:
        super().__init__(2)

    def open(self, folder: Path, *, processes: int, threads: int) -> None:  # noqa: ARG002 - the protocol's
        self.begin(folder.resolve(), ProcessJobs(folder.resolve()))
