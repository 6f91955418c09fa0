"""MLflow: a run of a comparison is a child of the comparison's run, in one experiment."""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skipwise.core.addresses import redacted
from skipwise.core.errors import require
from skipwise.tracking.records import Ending, KnownRun, TrackedRun
from skipwise.tracking.tracker import Tracker

URI = "MLFLOW_TRACKING_URI"
EXPERIMENT = "skipwise"
SURROUNDINGS = {
    # The client would otherwise try for minutes, and send its maker notes on how it is used.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Settings of the client, unless the user chose them."""
MOST = 100
"""The most parameters that one request may have."""
_STRANGE = re.compile(r"[^\w\-./ ]")


class MLflow(Tracker):
    """Logs runs in MLflow.

    Args:
        tracking_uri: the server's address, or a database such as "sqlite:///mlflow.db"; None is MLFLOW_TRACKING_URI, or
            what MLflow itself takes then, a database in the working directory.
        experiment: the experiment; None is MLFLOW_EXPERIMENT_NAME, or "skipwise".

    Raises:
        SkipwiseError: MLflow is not installed.

    Example:
        >>> from skipwise.tracking import MLflow
        >>> tracker = MLflow("http://127.0.0.1:5000")  # for skipwise.compare("digits", callbacks=[tracker])
        >>> tracker.where
        'http://127.0.0.1:5000, experiment skipwise'
    """

    name, title = "mlflow", "MLflow"

    def __init__(self, tracking_uri: str | None = None, experiment: str | None = None) -> None:
        require("mlflow", extra="tracking")
        self.tracking_uri = tracking_uri or os.environ.get(URI) or None
        self.experiment = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        self._client: Any = None
        self._measured: set[str] = set()

    @property
    def where(self) -> str:
        uri = "the working directory" if self.tracking_uri is None else _without_password(self.tracking_uri)
        return f"{uri}, experiment {self.experiment}"

    def connect(self, folder: Path) -> None:  # noqa: ARG002 - others need it
        for name, value in SURROUNDINGS.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=self.tracking_uri)
        self._measured = set()
        found = self._client.get_experiment_by_name(self.experiment)
        self._experiment_id = self._client.create_experiment(self.experiment) if found is None else found.experiment_id

    def begin(self, run: TrackedRun, *, parent: str | None, known: KnownRun | None) -> str:
        before = None if known is None else self._find(known.id)
        if before is None:
            tags = {"mlflow.source.name": "skipwise", "mlflow.source.type": "LOCAL", "skipwise.kind": run.kind}
            if parent is not None:
                tags["mlflow.parentRunId"] = parent
            before = self._client.create_run(self._experiment_id, run_name=run.name, tags=tags)
        else:
            self._client.update_run(before.info.run_id, status="RUNNING")
        self._describe(before, run)
        return before.info.run_id

    def last_epoch(self, id: str) -> int | None:
        return max((metric.step for metric in self._client.get_metric_history(id, "train/loss")), default=0)

    def log(self, id: str, epoch: int, metrics: Mapping[str, float], seconds: float) -> None:
        from mlflow.entities import Metric

        when = int(seconds * 1000)
        found = [Metric(_name(name), value, when, epoch) for name, value in metrics.items()]
        self._client.log_batch(id, metrics=found, synchronous=True)

    def end(self, id: str, run: TrackedRun, ending: Ending) -> None:
        self._describe(self._client.get_run(id), run)
        if id not in self._measured:  # a second attempt would log them twice
            finite = {name: value for name, value in ending.metrics.items() if math.isfinite(value)}
            self.log(id, ending.epoch, finite, time.time())
            self._measured.add(id)
        if ending.text:
            self._client.set_tag(id, "mlflow.note.content", ending.text)
        for file in ending.files:
            self._client.log_artifact(id, str(file))
        self.attach(id, "weights", ending.weights)
        for name, drawing in ending.figures.items():
            self._client.log_text(id, drawing, f"figures/{name}.svg")
        shown = []
        for name, table in ending.tables.items():
            path = f"tables/{name}.json"
            rows = [list(row) for row in zip(*table.values(), strict=True)]
            # As `log_table` writes it, which would append to a table that is there.
            self._client.log_dict(id, {"columns": list(table), "data": rows}, path)
            shown.append({"path": path, "type": "table"})
        if shown:
            self._client.set_tag(id, "mlflow.loggedArtifacts", json.dumps(shown))
        self._client.set_terminated(id, "FINISHED" if ending.status == "finished" else "FAILED")

    def stop(self, id: str) -> None:
        self._client.set_terminated(id, "KILLED")

    def attach(self, id: str, name: str, files: Sequence[Path]) -> None:
        for file in files:
            self._client.log_artifact(id, str(file), artifact_path=name)

    def is_transient(self, error: Exception) -> bool:
        status = getattr(error, "get_http_status_code", None)
        return isinstance(error, OSError) or (status is not None and status() in (408, 429, *range(500, 600)))

    def _find(self, id: str) -> Any:
        """The run, unless it is not there any more."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_run(id)
        except MlflowException as error:
            if self.is_transient(error):
                raise
            return None
        return found if found.info.lifecycle_stage == "active" else None

    def _describe(self, before: Any, run: TrackedRun) -> None:
        """Logs the parameters that the run does not have yet; MLflow lets none of them change."""
        from mlflow.entities import Param

        new = [Param(_name(key), str(value)) for key, value in run.parameters.items()]
        new = [each for each in new if each.key not in before.data.params]
        for first in range(0, len(new), MOST):
            self._client.log_batch(before.info.run_id, params=new[first : first + MOST], synchronous=True)


def _name(text: str) -> str:
    """A name that MLflow takes; that of a network may have a colon."""
    return _STRANGE.sub("_", text)


def _without_password(uri: str) -> str:
    return redacted(re.sub(r"//[^/]*@", "//", uri))
