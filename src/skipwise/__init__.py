"""Skipwise trains residual networks, compares them on your images and your machine, and says how sure the result is.

The public names are loaded when they are first used: importing skipwise imports no torch.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skipwise import statistics as statistics
    from skipwise import tracking as tracking
    from skipwise.advice.advise import Advice as Advice
    from skipwise.advice.advise import advise as advise
    from skipwise.auditing.audit import audit as audit
    from skipwise.cleaning.clean import clean as clean
    from skipwise.cleaning.record import Cleaning as Cleaning
    from skipwise.comparison.compare import compare as compare
    from skipwise.comparison.executors.executor import Executor as Executor
    from skipwise.comparison.executors.in_process import InProcess as InProcess
    from skipwise.comparison.executors.local import LocalProcesses as LocalProcesses
    from skipwise.comparison.executors.slurm.executor import SlurmExecutor as SlurmExecutor
    from skipwise.comparison.executors.slurm.request import SlurmRequest as SlurmRequest
    from skipwise.comparison.plan.planned import Planned as Planned
    from skipwise.comparison.recommend import recommend as recommend
    from skipwise.comparison.restore import restore as restore
    from skipwise.comparison.results.finished import Comparison as Comparison
    from skipwise.comparison.results.finished import report as report
    from skipwise.comparison.run.observer import Observer as Observer
    from skipwise.core.errors import SkipwiseError as SkipwiseError
    from skipwise.cost.profile import profile as profile
    from skipwise.data.sources import ReadingOptions as ReadingOptions
    from skipwise.data.sources import Source as Source
    from skipwise.data.sources import open_images as open_images
    from skipwise.deploy.export.export import export as export
    from skipwise.deploy.hub.push import Pushed as Pushed
    from skipwise.deploy.hub.push import push as push
    from skipwise.deploy.load import load as load
    from skipwise.deploy.predict.predict import predict as predict
    from skipwise.deploy.predict.predictor import Prediction as Prediction
    from skipwise.deploy.predict.predictor import Predictor as Predictor
    from skipwise.deploy.verify.verify import verify as verify
    from skipwise.evaluating.evaluate import evaluate as evaluate
    from skipwise.evaluating.record import EvaluationReport as EvaluationReport
    from skipwise.explaining.explain import explain as explain
    from skipwise.explaining.record import ExplanationReport as ExplanationReport
    from skipwise.gating.gate import gate as gate
    from skipwise.gating.record import GateReport as GateReport
    from skipwise.judging.judge import judge as judge
    from skipwise.judging.predictions import judge_predictions as judge_predictions
    from skipwise.judging.record import Judged as Judged
    from skipwise.judging.record import JudgeReport as JudgeReport
    from skipwise.nets.spec import NetworkSpec as NetworkSpec
    from skipwise.nets.weights.loading import load_weights as load_weights
    from skipwise.nets.zoo import create_model as create_model
    from skipwise.nets.zoo import list_models as list_models
    from skipwise.serving.serve import serve as serve
    from skipwise.studies.records import StudyReport as StudyReport
    from skipwise.studies.study import study as study
    from skipwise.training.callbacks import Callback as Callback
    from skipwise.training.callbacks import Epoch as Epoch
    from skipwise.training.depth_norms import DepthNorms as DepthNorms
    from skipwise.training.depth_norms import read_depth_norms as read_depth_norms
    from skipwise.training.train import train as train
    from skipwise.watching.record import Status as Status
    from skipwise.watching.status import status as status

__version__ = "0.1.0"

_HOMES = {
    "Advice": "skipwise.advice.advise",
    "Callback": "skipwise.training.callbacks",
    "Cleaning": "skipwise.cleaning.record",
    "Comparison": "skipwise.comparison.results.finished",
    "DepthNorms": "skipwise.training.depth_norms",
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
    "Planned": "skipwise.comparison.plan.planned",
    "Prediction": "skipwise.deploy.predict.predictor",
    "Predictor": "skipwise.deploy.predict.predictor",
    "Pushed": "skipwise.deploy.hub.push",
    "ReadingOptions": "skipwise.data.sources",
    "SlurmExecutor": "skipwise.comparison.executors.slurm.executor",
    "SlurmRequest": "skipwise.comparison.executors.slurm.request",
    "Source": "skipwise.data.sources",
    "SkipwiseError": "skipwise.core.errors",
    "Status": "skipwise.watching.record",
    "StudyReport": "skipwise.studies.records",
    "advise": "skipwise.advice.advise",
    "audit": "skipwise.auditing.audit",
    "clean": "skipwise.cleaning.clean",
    "compare": "skipwise.comparison.compare",
    "create_model": "skipwise.nets.zoo",
    "evaluate": "skipwise.evaluating.evaluate",
    "explain": "skipwise.explaining.explain",
    "export": "skipwise.deploy.export.export",
    "gate": "skipwise.gating.gate",
    "judge": "skipwise.judging.judge",
    "judge_predictions": "skipwise.judging.predictions",
    "list_models": "skipwise.nets.zoo",
    "load": "skipwise.deploy.load",
    "load_weights": "skipwise.nets.weights.loading",
    "open_images": "skipwise.data.sources",
    "predict": "skipwise.deploy.predict.predict",
    "profile": "skipwise.cost.profile",
    "push": "skipwise.deploy.hub.push",
    "read_depth_norms": "skipwise.training.depth_norms",
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
        raise
    if "IPython" in sys.modules:
        # By its name: it is above all that is public.
        return importlib.import_module("skipwise.notebook.progress").in_cells(name, found)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
