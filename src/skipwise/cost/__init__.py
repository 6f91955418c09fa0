"""What a network costs: counted from its layers, and timed on this machine."""
