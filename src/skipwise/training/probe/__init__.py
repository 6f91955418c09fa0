"""What a step costs on this machine, tried before a run begins."""
