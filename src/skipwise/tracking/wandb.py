"""Weights & Biases: the runs of a comparison, and one for the comparison itself, are a group in one project."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skipwise.core.errors import require
from skipwise.tracking.records import Ending, KnownRun, TrackedRun
from skipwise.tracking.tracker import Tracker

PROJECT = "skipwise"
SURROUNDINGS = {"WANDB_ERROR_REPORTING": "false"}
"""Settings of the library, unless the user chose them."""
PATIENCE = 30.0
"""Seconds until a run has to be begun."""


class WandB(Tracker):
    """Logs runs in Weights & Biases.

    A group has no parent there: the comparison is a run of its own in the group, of the type "comparison".

    Args:
        project: the project; None is WANDB_PROJECT, or "skipwise".
        entity: the user or team; None is what the library takes.
        mode: "online", or "offline", which writes files that `wandb sync` sends later; None is WANDB_MODE, or "online".

    Raises:
        SkipwiseError: the library is not installed.

    Example:
        >>> from skipwise.tracking import WandB
        >>> tracker = WandB(project="networks", mode="offline")  # for skipwise.compare("digits", callbacks=[tracker])
        >>> tracker.where
        'project networks, offline'
    """

    name, title = "wandb", "Weights & Biases"

    def __init__(self, project: str | None = None, entity: str | None = None, mode: str | None = None) -> None:
        require("wandb", extra="tracking")
        self.project = project or os.environ.get("WANDB_PROJECT") or PROJECT
        self.entity = entity
        self.mode = mode or os.environ.get("WANDB_MODE") or "online"
        self._folder = Path()
        self._runs: dict[str, Any] = {}

    @property
    def where(self) -> str:
        owner = "" if self.entity is None else f"{self.entity}/"
        return f"project {owner}{self.project}{'' if self.mode == 'online' else f', {self.mode}'}"

    def connect(self, folder: Path) -> None:
        for name, value in SURROUNDINGS.items():
            os.environ.setdefault(name, value)
        import wandb

        if self.mode == "online" and not wandb.login(verify=False, prompt=False):
            raise PermissionError("there is no key for it here, which 'wandb login' keeps")
        self._folder = folder
        self._runs = {}

    def begin(self, run: TrackedRun, *, parent: str | None, known: KnownRun | None) -> str:  # noqa: ARG002
        begun = self._resume(None if known is None else known.id, run)
        begun.define_metric("epoch", hidden=True)
        begun.define_metric("*", step_metric="epoch")
        self._runs[begun.id] = begun
        return str(begun.id)

    def log(self, id: str, epoch: int, metrics: Mapping[str, float], seconds: float) -> None:  # noqa: ARG002
        self._runs[id].log({"epoch": epoch, **metrics})

    def end(self, id: str, run: TrackedRun, ending: Ending) -> None:
        import wandb

        begun = self._runs[id]
        begun.config.update(dict(run.parameters), allow_val_change=True)
        begun.summary.update(dict(ending.metrics))
        shown: dict[str, Any] = {
            name: wandb.Table(columns=list(table), data=[list(row) for row in zip(*table.values(), strict=True)])
            for name, table in ending.tables.items()
        }
        shown |= {f"figures/{name}": wandb.Html(drawing, inject=False) for name, drawing in ending.figures.items()}
        pages = [file for file in ending.files if file.suffix == ".html"]
        shown |= {page.stem: wandb.Html(page.read_text(encoding="utf-8"), inject=False) for page in pages}
        if shown:
            begun.log(shown)
        if ending.text:
            begun.notes = ending.text
        self._keep(begun, f"{run.kind}-{id}", "results", ending.files)
        if ending.weights:
            self._keep(begun, f"weights-{id}", "model", ending.weights)
        begun.finish(exit_code=0 if ending.status == "finished" else 1)
        del self._runs[id]

    def stop(self, id: str) -> None:
        self._runs.pop(id).finish(exit_code=1)

    def attach(self, id: str, name: str, files: Sequence[Path]) -> None:
        begun = self._resume(id, None)
        self._keep(begun, f"{name}-{id}", name, files)
        begun.finish(exit_code=0)

    def is_transient(self, error: Exception) -> bool:
        from wandb.errors import CommError

        return isinstance(error, OSError | CommError) and not isinstance(error, PermissionError)

    def _resume(self, id: str | None, run: TrackedRun | None) -> Any:
        import wandb

        return wandb.init(
            project=self.project,
            entity=self.entity,
            mode=self.mode,  # type: ignore[arg-type]
            id=id,
            resume=None if id is None else "allow",
            name=None if run is None else run.name,
            group=None if run is None else run.group,
            job_type=None if run is None else run.kind,
            config=None if run is None else dict(run.parameters),
            dir=str(self._folder),
            reinit="create_new",
            settings=wandb.Settings(
                silent=True, console="off", init_timeout=PATIENCE, disable_git=True, disable_code=True
            ),
        )

    def _keep(self, begun: Any, name: str, kind: str, files: Sequence[Path]) -> None:
        import wandb

        artifact = wandb.Artifact("".join(c if c.isalnum() or c in "-_." else "-" for c in name), type=kind)
        for file in files:
            artifact.add_file(str(file), name=file.name)
        begun.log_artifact(artifact)
