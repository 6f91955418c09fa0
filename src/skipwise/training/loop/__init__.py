"""The training loop, its recipe, optimizer and schedule."""
