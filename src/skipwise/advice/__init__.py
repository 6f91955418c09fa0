"""Properties of a set of images, and advice from experiments on such sets: weights, cross-validation, size, mirror."""
