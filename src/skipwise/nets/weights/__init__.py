"""Weights from elsewhere: read, held against a network, and loaded."""
