"""The verb `explain`: heat maps of what a network's answers come from, and checks of whether they can be believed."""
