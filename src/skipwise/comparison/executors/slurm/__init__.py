"""Runs as jobs of Slurm. A job takes one run after another from the comparison's folder, and reports into it."""
