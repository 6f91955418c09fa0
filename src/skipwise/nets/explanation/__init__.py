"""Maps of the parts of an image that a network's answer comes from, and checks of whether to believe them."""
