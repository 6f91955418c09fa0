"""The answers of a trained network, and measures of their quality."""
