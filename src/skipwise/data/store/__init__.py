"""Storing decoded pixels: packed in a file, decoded on demand, or on a device."""
