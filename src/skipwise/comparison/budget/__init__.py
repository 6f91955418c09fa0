"""How long a comparison takes, and what fits into a time limit."""
