"""The cost of a step on this machine, tried before a run begins."""
