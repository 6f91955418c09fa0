"""What a comparison found, as records and in words."""
