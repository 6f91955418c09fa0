"""The exported folder, its record, and the trained network that it is made from."""
