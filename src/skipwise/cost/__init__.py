"""What a network costs: counted from its layers, and measured on this machine."""
