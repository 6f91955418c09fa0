"""Skipwise trains residual networks, compares them on your images and your machine, and says how sure the result is.

The public names are loaded when they are first used: importing skipwise imports no torch. Type checkers and editors
know them from __init__.pyi, which `python -m skipwise.make_stub` writes.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Advice": "skipwise.advice.advise",
    "Callback": "skipwise.training.callbacks",
    "Cleaning": "skipwise.cleaning.record",
    "Comparison": "skipwise.comparison.results.finished",
    "DepthNorms": "skipwise.training.depth.norms",
    "End": "skipwise.training.callbacks",
    "Epoch": "skipwise.training.callbacks",
    "EvaluationReport": "skipwise.evaluating.record",
    "ExplanationReport": "skipwise.explaining.record",
    "Executor": "skipwise.comparison.executors.executor",
    "GateReport": "skipwise.gating.record",
    "InProcess": "skipwise.comparison.executors.in_process",
    "JudgeReport": "skipwise.judging.record",
    "Judged": "skipwise.judging.record",
    "LocalProcesses": "skipwise.comparison.executors.local",
    "NetworkSpec": "skipwise.nets.spec",
    "Observer": "skipwise.comparison.run.observer",
    "Phase": "skipwise.training.callbacks",
    "Planned": "skipwise.comparison.plan.planned",
    "Prediction": "skipwise.deploy.predict.predictor",
    "Predictor": "skipwise.deploy.predict.predictor",
    "Pushed": "skipwise.deploy.hub.push",
    "RayExecutor": "skipwise.comparison.executors.ray.executor",
    "ReadingOptions": "skipwise.data.sources",
    "RunEnd": "skipwise.training.callbacks",
    "SlurmExecutor": "skipwise.comparison.executors.slurm.executor",
    "SlurmRequest": "skipwise.comparison.executors.slurm.request",
    "Source": "skipwise.data.sources",
    "SkipwiseError": "skipwise.core.errors",
    "Start": "skipwise.training.callbacks",
    "Status": "skipwise.watching.record",
    "StudyReport": "skipwise.studies.records",
    "Trained": "skipwise.training.train",
    "advise": "skipwise.advice.advise",
    "audit": "skipwise.auditing.audit",
    "clean": "skipwise.cleaning.clean",
    "compare": "skipwise.comparison.compare",
    "create_model": "skipwise.nets.create",
    "evaluate": "skipwise.evaluating.evaluate",
    "explain": "skipwise.explaining.explain",
    "export": "skipwise.deploy.export.export",
    "gate": "skipwise.gating.gate",
    "judge": "skipwise.judging.judge",
    "judge_predictions": "skipwise.judging.predictions",
    "list_models": "skipwise.nets.create",
    "load": "skipwise.deploy.load",
    "load_weights": "skipwise.nets.weights.loading",
    "open_images": "skipwise.data.sources",
    "predict": "skipwise.deploy.predict.predict",
    "profile": "skipwise.cost.profile",
    "push": "skipwise.deploy.hub.push",
    "read_depth_norms": "skipwise.training.depth.norms",
    "recommend": "skipwise.comparison.recommend",
    "report": "skipwise.comparison.results.finished",
    "restore": "skipwise.comparison.restore",
    "serve": "skipwise.serving.serve",
    "status": "skipwise.watching.status",
    "study": "skipwise.studies.study",
    "train": "skipwise.training.train",
    "verify": "skipwise.deploy.verify.verify",
}

_PACKAGES = ("statistics", "tracking")

__all__ = sorted([*_HOMES, *_PACKAGES])


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"skipwise.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'skipwise' has no attribute {name!r}")
    try:
        found = getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name in {"torch", "torchvision", "sklearn"}:
            from skipwise.core.errors import missing_extra

            raise missing_extra("train", error.name) from error
        if error.name == "ray":
            from skipwise.core.errors import missing_extra

            raise missing_extra("ray", "Ray") from error
        raise
    if "IPython" in sys.modules:
        # By its name: it is above all that is public.
        return importlib.import_module("skipwise.notebook.progress").in_cells(name, found)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
