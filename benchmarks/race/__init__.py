"""What race.py lets compete: a module for each tool, and what they share."""
