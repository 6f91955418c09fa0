"""Shipping a trained network as one file that answers the same, and proving that it does."""
