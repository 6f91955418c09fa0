"""Tuning of learning rates before a comparison: what was tried, and the search through Optuna."""
