"""The files of a run's folder: what they hold, how they are written, and how they are read."""
