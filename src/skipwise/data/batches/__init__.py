"""Batches of training images, augmented."""
