"""What a set of images is like, and what experiments say of such sets: weights, cross-validation, size, mirror."""
