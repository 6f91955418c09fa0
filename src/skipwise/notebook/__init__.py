"""What Skipwise is in a notebook: records as HTML, and progress below the cell."""
