"""Turning a trained network into an exported file. The formats, and how to add one, are in `deploy/formats`."""
