"""Trackers: MLflow, TensorBoard, and Weights & Biases, as callbacks of `train` and `compare`.

The tools are imported when a tracker connects, so that importing this package needs none of them.
"""

from __future__ import annotations

from skipwise.tracking.mlflow import MLflow as MLflow
from skipwise.tracking.records import Ending as Ending
from skipwise.tracking.records import KnownRun as KnownRun
from skipwise.tracking.records import TrackedRun as TrackedRun
from skipwise.tracking.sender import TrackingLost as TrackingLost
from skipwise.tracking.tensorboard import TensorBoard as TensorBoard
from skipwise.tracking.tracker import Tracker as Tracker
from skipwise.tracking.wandb import WandB as WandB

__all__ = ["Ending", "KnownRun", "MLflow", "TensorBoard", "TrackedRun", "Tracker", "TrackingLost", "WandB"]
