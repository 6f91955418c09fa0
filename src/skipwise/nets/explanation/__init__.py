"""Which parts of an image a network's answer comes from, and checks of whether such maps can be believed."""
