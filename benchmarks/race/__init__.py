"""The competitors of race.py: a module for each tool, and the code that they share."""
