"""The exported folder: its record, its hashes, its golden images and its signature."""
