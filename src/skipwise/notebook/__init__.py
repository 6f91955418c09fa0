"""Skipwise in a notebook: records as HTML, and progress below the cell."""
