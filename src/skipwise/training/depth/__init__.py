"""Activations and gradients by depth: recorded while a network trains, read back, and drawn."""
