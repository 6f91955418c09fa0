"""One pass over all files of a set of images."""
