"""The exported folder and what it is made from."""
