"""The question that a comparison answers, before it becomes a plan."""
