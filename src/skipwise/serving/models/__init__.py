"""The networks that are served: what the user named, each version that is open, and how they are replaced."""
