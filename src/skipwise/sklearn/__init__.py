"""Skipwise as an estimator of scikit-learn."""

from __future__ import annotations

from skipwise.sklearn.classifier import ImageClassifier

__all__ = ["ImageClassifier"]
