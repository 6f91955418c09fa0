"""One run in its folder: record, checkpoints, progress and time limit."""
