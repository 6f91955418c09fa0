"""Answers from an exported file, in the engine that runs it."""
