"""Summaries that are printed at the end of a command."""
