"""Weights from files: read, matched with a network, and loaded."""
