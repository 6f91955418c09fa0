"""Files and folders: written whole, checked when they are read, and opened without surprises."""
