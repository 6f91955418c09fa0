"""Hyperparameters chosen on the validation images, before a run or a comparison: what is searched, and the search."""
