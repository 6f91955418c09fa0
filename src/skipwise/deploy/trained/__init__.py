"""Trained networks to export, of a run or of a file, and labelled images to check them with."""
