"""Faults in a set of images."""
