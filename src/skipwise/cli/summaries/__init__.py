"""What a person reads at the end of a command."""
