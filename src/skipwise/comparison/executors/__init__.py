"""Executors, which do the runs of a comparison: processes of this machine, or anything that keeps to `Executor`."""
