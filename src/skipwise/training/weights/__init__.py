"""Weights to start from: a run's, a file's, published ones, or those of a folder of the Hugging Face Hub."""
