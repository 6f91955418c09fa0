"""`study`: sentences about residual networks that people repeat, each held against a fair comparison."""
