"""Finished runs as evidence: their answers as arrays, which of them learned, and the judgement of them all."""
