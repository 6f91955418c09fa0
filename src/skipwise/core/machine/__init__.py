"""This machine: cores, memory, devices, environment and standard streams."""
