"""The plan of a run: what its options, its images, its time limit and this machine decide before it begins."""
