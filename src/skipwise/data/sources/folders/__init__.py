"""Class folders and split folders: which folder is a class, a split, a group, or none of these."""
