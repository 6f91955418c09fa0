"""One run: a network, a seed, a recipe and a data split, in a folder."""
