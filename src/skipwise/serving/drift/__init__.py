"""Whether what a network is asked is like the images that it was chosen on."""
