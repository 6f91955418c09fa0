"""What the runs of a network show beside their mean: how they spread, and how long they took to get there."""
