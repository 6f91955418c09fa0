"""Runs as tasks of a Ray cluster: Ray places them, does them again where a worker dies, and watches the nodes."""
