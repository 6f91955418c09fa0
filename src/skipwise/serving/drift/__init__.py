"""Checks of whether the images that a network gets are like those that it was chosen on."""
