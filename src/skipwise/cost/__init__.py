"""The cost of a network: counted from its layers, and timed on this machine."""
