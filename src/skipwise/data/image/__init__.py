"""From bytes to pixels to a network's input; without torch."""
